"""What a report tells its reader to do: where the evidence is, what to ask for next, what nobody measured."""

import io
from pathlib import Path

import pytest
from browser import tree
from PIL import Image
from rich.console import Console
from run_fixture import RunFixture, default_thresholds, plan_of, thresholds
from test_analysis_special import report, stairs
from test_analysis_verdict import heat

from acgs_load.analysis.advice import advice_of, looks_text
from acgs_load.analysis.csv_report import report_of_csv
from acgs_load.analysis.drawing.png import to_png
from acgs_load.analysis.evidence import evidence_of
from acgs_load.analysis.judge import report_of
from acgs_load.analysis.judging.judged import FEW, told_apart
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.reading.locust_csv import read_locust_csv
from acgs_load.analysis.render_html import to_html
from acgs_load.analysis.render_markdown import to_markdown
from acgs_load.analysis.story import caption_text, facts_text
from acgs_load.analysis.terminal import print_report
from acgs_load.contract import Outcome, Violation
from acgs_load.plan import Stage, ThresholdText

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def csv():
    """The report of Locust's CSV files, which tell little."""
    return report_of_csv(read_locust_csv(RECORDED / "full"))


def advice(found):
    """By title."""
    return {row.title: row for row in advice_of(found)}


def test_each_reason_leads_to_its_evidence(tmp_path):
    """A broken promise to the violations, errors to the errors, a latency to its chart; each is on the page."""
    texts = thresholds("latency_p95_ms <= 1", "error_ratio <= 0.001", "read_consistency = 1", "throughput_rps >= 9000")
    fixture = RunFixture(tmp_path / "run", plan_of(thresholds=texts)).steady()
    fixture.add(9, "policy_get", [5.0], Outcome.HTTP_ERROR, status=500)
    fixture.add(9, "policy_get", [5.0], Outcome.FAILED_CHECK, violations=(Violation.STALE_READ,))
    found = report(fixture)
    places = evidence_of(found)
    anchors = [places[reason].anchor for reason in found.verdict.reasons if reason in places]
    assert anchors == ["latency", "errors-found", "violations", "throughput"]
    page = tree(to_html(found))
    links = [link.attributes["href"] for part in page.all("ul") for link in part.all("a")]
    assert [f"#{anchor}" for anchor in anchors] == links[: len(anchors)]
    assert all(page.all(id=anchor) for anchor in anchors)


def test_a_ratio_says_what_it_was_counted_on(tmp_path):
    """Requests for errors, answers that were checked for promises."""
    texts = thresholds("error_ratio <= 0", "read_consistency = 1")
    fixture = RunFixture(tmp_path / "run", plan_of(thresholds=texts)).steady()
    fixture.add(9, "policy_get", [5.0], Outcome.HTTP_ERROR, status=500)
    fixture.add(9, "policy_get", [5.0], Outcome.FAILED_CHECK, violations=(Violation.STALE_READ,))
    errors, reads = (reason for reason in report(fixture).verdict.reasons if "measured" in reason)
    assert errors.endswith(" requests")
    assert reads.endswith(" answers checked")


@pytest.mark.parametrize(
    ("broken_from", "title", "flag"),
    [(None, "Ask for more", "--users 60"), (10, "Begin lower", "--users 2"), (30, None, "")],
)
def test_a_search_that_found_one_side_only_says_how_to_find_the_other(tmp_path, broken_from, title, flag):
    """More where everything held, less where nothing did, nothing to say where both sides are known."""
    told = advice(report(stairs(tmp_path, broken_from=broken_from)))
    assert [name for name in ("Ask for more", "Begin lower") if name in told] == ([title] if title else [])
    assert not title or told[title].text.endswith(flag)


def test_markdown_begins_with_the_answer(tmp_path):
    """The breaking point stands before the thresholds, and once."""
    text = to_markdown(report(stairs(tmp_path, broken_from=30)))
    assert text.index("breaking point: held 20 users") < text.index("| threshold |")
    assert text.count("breaking point:") == 1


def test_a_step_that_was_not_reached_is_called_that(tmp_path):
    """Of a stress test that ended once it broke; its headline says that it did, and how many users were planned."""
    plan = plan_of(
        test_type="stress",
        stages=(Stage("step-10", 10, 10, 10, hold=True), Stage("step-20", 10, 20, 20, hold=True)),
        thresholds=(ThresholdText("throughput_rps >= 20 during step-20", "default", breaking=True),),
    )
    fixture = RunFixture(tmp_path / "run", plan).watched()
    for second in range(10):
        fixture.add(second, "policy_get", [10.0] * 10)
    fixture.run.update(ended_by="broken", ended_s=fixture.run["started_s"] + 10, phases=fixture.run["phases"][:1])
    found = report(fixture)
    assert found.verdict.findings[0].note == "the run ended before step-20"
    assert "20 users planned" in facts_text(found)
    assert "10 s, ended early as it broke" in facts_text(found)


def test_few_answers_are_blamed_on_errors_where_errors_are_many(tmp_path):
    """Not on users who were held back."""
    fixture = RunFixture(tmp_path / "run", plan_of(thresholds=thresholds("throughput_rps >= 500")))
    for second in range(25):
        fixture.add(second, "policy_get", [5.0] * 10)
        fixture.add(second, "policy_get", [5.0] * 10, Outcome.CONNECTION_ERROR)
    text = advice(report(fixture.watched()))["Too few answers"].text
    assert "50 % of the requests were errors" in text
    assert "closed load" not in text


def test_an_untrusted_run_is_not_read_further(tmp_path):
    """No slowest operation, no nearest limit: its figures may be the generator's."""
    fixture = RunFixture(tmp_path / "run", plan_of(thresholds=default_thresholds())).steady()
    heat(fixture)
    fixture.add(12, "policy_list", [900.0] * 40)
    found = report(fixture)
    assert found.verdict.status == "INVALID"
    assert not {"Slowest operation", "Nearest limit"} & set(advice(found))
    assert "neither can these figures" in to_html(found)


def test_many_thresholds_that_nobody_measured_share_a_row(csv):
    """On the page they are folded, on the terminal and in Markdown only named; none is lost."""
    rows, apart = told_apart(csv.verdict.findings)
    assert len(apart) > FEW
    assert len(rows) + len(apart) == len(csv.verdict.findings)
    stream = io.StringIO()
    print_report(csv, Console(file=stream, width=400, color_system=None))
    for text in (stream.getvalue(), to_markdown(csv)):
        assert all(row.expression in text for row in apart)
        assert text.lower().count("not measured") < len(apart)
    page = tree(to_html(csv))
    assert len(page.all("tr", data_threshold=None)) == len(csv.verdict.findings)


def test_what_was_not_checked_is_no_zero(csv):
    """Locust's CSV files tell of no violation and no throttling: there is no column that says 0."""
    heads = [head.text for head in tree(to_html(csv)).one("table", data_table="operation").all("th", scope="col")]
    assert "errors" in heads
    assert not {"violations", "compliance", "throttled"} & set(heads)
    assert "violations" not in to_markdown(csv)


def test_a_status_in_an_error_of_requests_is_read(csv):
    """``HTTPError('500 Server Error …')``."""
    row = tree(to_html(csv)).one("tr", data_trouble=None)
    assert row.one("td", data_head="status").text == "500"


def test_looks_leave_out_what_is_listed_beside_them(tmp_path):
    """Terminal and Markdown list violations themselves; what to look at does not say them again."""
    fixture = RunFixture(tmp_path / "run", plan_of(thresholds=default_thresholds())).steady().watched()
    fixture.add(9, "policy_get", [5.0], Outcome.FAILED_CHECK, violations=(Violation.STALE_READ,))
    found = report_of(load_run(fixture.write()))
    assert "Gravest violation" in advice(found)
    assert not any("gravest" in text for text in looks_text(found))
    assert "**What to look at next**" in to_markdown(found)


def test_a_picture_says_which_run_it_is_of(tmp_path):
    """Its caption changes the picture and not its size, however long the name is."""
    plan = plan_of(name="n" * 80, thresholds=default_thresholds())
    found = report(RunFixture(tmp_path / "run", plan).steady())
    caption = caption_text(found)
    assert caption.endswith(f"… · {found.verdict.status} · 2027-01-15 08:00 UTC")
    plain, told = to_png(found.panels[0]), to_png(found.panels[0], caption)
    assert plain != told
    assert Image.open(io.BytesIO(told)).size == (1200, 552)

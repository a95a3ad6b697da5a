"""What the report says beyond its tables: breaches, close-ups, advice, promises, and the command to repeat a run."""

import json
import math
import shlex
from dataclasses import replace

import pytest
from browser import tree
from run_fixture import RunFixture, plan_of, thresholds

from acgs_load.analysis.advice import ADVICE_MAX, advice_of
from acgs_load.analysis.command import again_of, command_of
from acgs_load.analysis.comparing.comparison import Change, Word
from acgs_load.analysis.drawing.breaches import Demand, breaches
from acgs_load.analysis.drawing.closeups import curve_of, heat_of
from acgs_load.analysis.drawing.forest import forest_of, state_of
from acgs_load.analysis.drawing.panels import Band, Line
from acgs_load.analysis.judge import report_of
from acgs_load.analysis.judging.assurances import PROMISES, assurances
from acgs_load.analysis.reading.buckets import POINTS_MAX, buckets_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.render_html import bar_width, to_html
from acgs_load.analysis.render_json import to_json
from acgs_load.analysis.trouble_rows import rows_of, statuses_text
from acgs_load.analysis.troubles import Trouble
from acgs_load.contract import OPERATIONS, Outcome, Violation
from acgs_load.histogram import Histogram
from acgs_load.measures import EXACT_ONE
from acgs_load.plan import Node, Stage

HOLD = Band("hold", 2.0, 10.0, hold=True)


def told(path, **changes):
    """A run of which everything is known: one slow operation, one that fails, one leak."""
    fixture = RunFixture(path / "run", plan_of(**changes)).steady().sampled()
    for second in (12, 13):
        fixture.add(second, "policy_list", [900.0] * 40)
    for second in (9, 10):
        fixture.add(second, "policy_get", [5.0] * 20, Outcome.HTTP_ERROR)
    marks = {"isolation_right": False}
    fixture.add(
        7, "cross_tenant_access_attempt", [5.0], Outcome.FAILED_CHECK, violations=("isolation_breach",), **marks
    )
    fixture.example("isolation_breach", "cross_tenant_access_attempt", 7, "answered 200")
    return load_run(fixture.write())


@pytest.mark.parametrize(
    ("values", "demand", "spans"),
    [
        ([1, 9, 9, 1, 9], Demand("p95", "x <= 5", "<=", 5, held=False), [(1, 3), (4, 5)]),
        ([9, 9, 9, 9, 1], Demand("p95", "x <= 5", "<=", 5, held=True), [(2, 4)]),  # the ramp is not judged
        ([5, 5, 5, 5, 5], Demand("p95", "x <= 5", "<=", 5, held=False), []),
        ([None, 9, None, 9, None], Demand("p95", "x <= 5", "<=", 5, held=False), [(1, 2), (3, 4)]),
        ([9, 1, 1, 9, 9], Demand("p95", "x >= 5", ">=", 5, held=False), [(1, 3)]),
    ],
)
def test_breaches_are_where_a_line_leaves_its_limit(values, demand, spans):
    """Buckets that touch are one breach; gaps and ramps are none."""
    times_s = [place + 0.5 for place in range(5)]
    found = list(breaches(times_s, 1, [Line("p95", tuple(values), 0)], [demand], [HOLD]))
    assert [(breach.from_s, breach.to_s) for breach in found] == spans
    assert all(breach.text == f"p95 outside {demand.expression}" for breach in found)


def test_buckets_count_everything_once(tmp_path):
    """Whatever the width of the buckets, no request is lost or counted twice."""
    run = told(tmp_path)
    sent = sum(window.samples for _, window in run.timeline.items())
    buckets = buckets_of(run)
    for cut in (buckets, buckets.coarser(7), buckets.coarser(1)):
        assert sum(window.samples for window in cut.traffic_and_whole()[1]) == sent
        assert len(cut.times_s) == cut.count
    assert buckets.count <= POINTS_MAX + 1
    assert buckets.coarser(7).count <= 7
    assert buckets.coarser(7).times_s[0] == pytest.approx(2.0)  # four buckets of a second, from 0 to 4


@pytest.mark.parametrize("count", [0, 1, 9, 10, 1_000, 30_000])
def test_curve_ends_where_fewer_than_one_request_lies_beyond(count):
    """No percentile is drawn that no request stands for."""
    curve = list(curve_of(Histogram.of(range(1_000, 1_000 + count))))
    assert bool(curve) == bool(count)
    if count:
        last = curve[-1][0]
        assert (1 - last) * count >= 1 - 1e-6
        assert last <= 0.9999 + 1e-12
        assert [value for _, value in curve] == sorted(value for _, value in curve)


def test_heat_counts_everything_in_its_row():
    """Every request lies in the row whose edges hold its latency (± what a histogram rounds)."""
    histograms = [Histogram.of([1_000, 2_000, 500_000]), Histogram(), Histogram.of([90_000])]
    heat = heat_of(histograms)
    assert [sum(column.values()) for column in heat.columns] == [3, 0, 1]
    (row,) = heat.columns[2]
    low, high = heat.low_ms * heat.factor**row, heat.low_ms * heat.factor ** (row + 1)
    assert low * 0.996 <= 90 <= high * 1.004
    assert heat.low_ms * heat.factor**heat.rows == pytest.approx(500, rel=0.01)
    assert heat_of([Histogram()]) is None


def test_closeups_are_the_tables_figures(tmp_path):
    """The curve passes through the percentiles of the same operation's row."""
    report = report_of(told(tmp_path))
    groups = {group.name: group for group in report.operations}
    for closeup in report.closeups:
        if closeup.kind == "operation":
            curve = dict(closeup.curve)
            p90 = next(value for quantile, value in curve.items() if math.isclose(quantile, 0.9))
            assert p90 == pytest.approx(groups[closeup.name].latency.percentiles_ms["p90"])
    assert report.closeups[0].name == ""
    assert sum(report.closeups[0].throughput_rps) * report.closeups[0].width_s == sum(
        group.outcomes.get("ok", 0) + group.outcomes.get("failed_check", 0)
        for group in report.operations
        if OPERATIONS[group.name].scenario
    )


def test_advice_names_first_breach_and_culprits(tmp_path):
    """When it first went wrong, who is slow, who fails, what is gravest; each points at a place on the page."""
    report = report_of(told(tmp_path, thresholds=thresholds("latency_p95_ms <= 100", "error_ratio <= 0.01")))
    advice = {row.title: row for row in advice_of(report)}
    assert advice["First breach"].text.startswith("at 7 s, in hold: isolation_breach")
    assert "1 of 19 operations" in advice["Over the latency limit"].text
    assert "worst: policy_list 899 ms" in advice["Over the latency limit"].text
    assert "40 errors in 1 operation; policy_get 40 of its" in advice["Most errors"].text
    assert "“answered 200”" in advice["Gravest violation"].text
    assert advice["Slowest operation"].anchor == "closeup-operation-policy_list"
    assert len(advice) <= ADVICE_MAX
    html = to_html(report)
    assert all(f'id="{row.anchor}"' in html for row in advice.values())


def test_advice_of_a_run_that_cannot_be_trusted(tmp_path):
    """Trust comes first, and no figure is painted green."""
    fixture = RunFixture(tmp_path / "run").steady()
    fixture.health.clear()
    report = report_of(load_run(fixture.watched(cpu=0.99).write()))
    assert report.verdict.status == "INVALID"
    assert advice_of(report)[0].title == "Trust"
    assert 'class="figure "' in to_html(report)
    assert 'class="figure pass"' not in to_html(report)


def test_promises_tell_counts(tmp_path):
    """Each measure that must be exactly 1 is a promise; a leak breaks its own and compliance counts it."""
    assert {promise.measure for promise in PROMISES} == {*EXACT_ONE, "compliance_score"}
    covered = {kind for promise in PROMISES if promise.measure != "compliance_score" for kind in promise.kinds}
    assert covered == set(Violation) - {Violation.SCORE_LOW, Violation.NOT_COMPLIANT}
    found = {row.promise.measure: row for row in assurances(report_of(told(tmp_path)))}
    assert (found["isolation_integrity"].state, found["isolation_integrity"].violations) == ("fail", 1)
    assert found["compliance_score"].violations == 1
    assert (found["durability"].state, found["durability"].violations) == ("pass", 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["--users", "20"]),
        ({"origins": {"TEST_NAME": "flag --test-name"}, "name": "it's; rm -rf /"}, ["--test-name", "it's; rm -rf /"]),
        ({"thresholds": thresholds("latency_p95_ms <= 5")}, ["--threshold", "latency_p95_ms <= 5"]),
        ({"embedded": True}, ["--target", "embedded:0"]),
        ({"target": "https://me:secret@host:1/x"}, ["--target", "https://host:1/x"]),
        ({"origins": {"USERS": "file my load.json"}}, ["--config-file", "my load.json"]),
        ({"origins": {"USERS": "env ACGS_USERS"}}, ["--users", "20"]),
        (
            {
                "load": "open",
                "rate": 50.0,
                "stages": (Stage("ramp", 30, 5, 5, 0.0, 50.0),),
                "origins": {"RATE": "flag --rate"},
            },
            ["--rate", "0:50@30s"],
        ),
        ({"origins": {"TIMEOUT": "env ACGS_TIMEOUT"}, "timeout_s": 7.5}, ["ACGS_TIMEOUT=7.5"]),
    ],
)
def test_command_repeats_the_run(changes, words):
    """A shell reads it back word for word, and no password is in it."""
    plan = json.loads(plan_of(**{"headers": {"X-Key": "secret"}, **changes}).to_json())
    read = shlex.split(command_of(plan))
    place = read.index(words[0])
    assert read[place : place + len(words)] == words
    assert "run_load_test.py" in read
    assert "secret" not in command_of(plan)
    assert ("--users" in read) == (not str(changes.get("origins", {}).get("USERS", "")).startswith("file"))


def test_no_plan_no_command():
    """What Locust's CSV files tell cannot be repeated."""
    assert command_of({}) is None
    assert again_of({}) is None
    assert shlex.split(again_of({"folder": "/a folder/b"}))[-1] == "/a folder/b"


def test_bars_and_statuses(tmp_path):
    """A bar ends at one and a half limits; statuses are read off the examples."""
    (row, *_) = report_of(told(tmp_path, thresholds=thresholds("latency_p95_ms <= 100"))).verdict.findings
    assert bar_width(replace(row, value=50.0)) == 50
    assert bar_width(replace(row, value=1e9)) == 150
    assert bar_width(replace(row, value=None)) is None
    assert bar_width(replace(row, limit=0.0, value=0.0)) == 0
    assert bar_width(replace(row, limit=0.0, value=1.0)) == 150
    trouble = Trouble("http_error", "policy_get", 3, 1.0, ("status 503, error x", "status 500", "no number 404"))
    assert statuses_text(trouble) == "500, 503"
    assert statuses_text(replace(trouble, examples=())) == "–"
    assert [(row.status, row.shown, row.count) for row in rows_of([trouble])] == [("", "500, 503", 3)]


def test_comparison_is_the_json_s(tmp_path):
    """Both runs, change and word of every figure, named for those who hear it."""
    nodes = (Node("local", 2, 100, "us-east-1"),)
    before = RunFixture(tmp_path / "before", plan_of(nodes=nodes)).steady(10).write()
    run = load_run(RunFixture(tmp_path / "after", plan_of(nodes=nodes)).steady(30).write())
    report = report_of(run, baseline=str(before.path))
    page, wanted = tree(to_html(report)), json.loads(to_json(report))["comparison"]
    rows = {row.attributes["data-change"]: row for row in page.all("tr", data_change=None)}
    assert set(rows) == {f"{row['operation'] or ''} {row['measure']}" for row in wanted["changes"]}
    for change in wanted["changes"]:
        cells = rows[f"{change['operation'] or ''} {change['measure']}"].children[-5:]
        word = cells.pop(0)
        for cell, name in zip(cells, ("baseline", "value", "change", "low"), strict=True):
            shown = cell.attributes["data-value"]
            assert (float(shown) if shown else None) == pytest.approx(change[name])
        assert change["word"] in word.text
        drawn = [path.attributes["d"] for path in cells[-1].all("path")]
        assert bool(drawn) == (change["low"] is not None)
        if drawn:
            whisker = next(text for text in drawn if "H" in text)
            begin, end = (float(part) - 50 for part in whisker[1:].replace(" 6H", " ").split())
            assert begin < 0 < end or (begin > 0) == (change["low"] > 0)
            assert begin <= end
    assert wanted["word"] in page.one("h2", id="comparison").text
    assert all("scope" in th.attributes for th in page.all("th"))


def test_a_comparison_that_decides_comes_first(tmp_path):
    """Where there are no thresholds, the reader sees what changed before any chart, and nothing about thresholds."""
    before, after = (RunFixture(tmp_path / name).steady(10).write() for name in ("before", "after"))
    alone = report_of(load_run(after), thresholds=(), baseline=str(before.path), max_regression=0.05)
    page = tree(to_html(alone))
    assert next(head.attributes["id"] for head in page.all("h2") if "id" in head.attributes) == "comparison"
    assert not page.all("h2", id="thresholds")
    assert page.one("a", **{"class": "skip"}).attributes["href"] == "#comparison"
    beside = tree(to_html(report_of(load_run(after), baseline=str(before.path))))
    order = [head.attributes["id"] for head in beside.all("h2") if "id" in head.attributes]
    assert order.index("thresholds") < order.index("charts") < order.index("comparison")


def test_a_forest_has_one_scale_and_its_zero_in_the_middle():
    """Twice the change is twice as far from the middle; what lies beyond stays at the edge."""
    base = Change("", "latency_p95_ms", "ms", 10, 11, 99, 99, 0.1, 0.05, 0.15, 0.05, Word.REGRESSION)
    twice = replace(base, operation="policy_get", change=0.2, low=0.1, high=0.3)
    far = replace(base, operation="policy_list", change=50.0, low=20.0, high=90.0)
    less = replace(base, measure="throughput_rps", change=-0.1, low=-0.2, high=-0.05, word=Word.IMPROVEMENT)
    found = forest_of([base, twice])
    assert found["policy_get", "latency_p95_ms"].at - 50 == pytest.approx(2 * (found["", "latency_p95_ms"].at - 50))
    assert found["", "latency_p95_ms"].state == "fail"
    assert found["", "latency_p95_ms"].limit > 50 > forest_of([less])["", "throughput_rps"].limit
    assert forest_of([base, far])["policy_list", "latency_p95_ms"].high == 100
    assert forest_of([replace(base, low=None, high=None)]) == {}
    assert state_of(replace(base, allowed=0.5)) == "not_measured"

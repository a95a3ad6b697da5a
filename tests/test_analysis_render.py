"""Every form of the report: short, safe, offline, and the same verdict in all of them."""

import io
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import pytest
from PIL import Image
from rich.console import Console
from run_fixture import RunFixture, plan_of, thresholds

from acgs_load.analysis.csv_report import report_of_csv
from acgs_load.analysis.drawing.panels import POINTS_MAX
from acgs_load.analysis.drawing.png import to_png
from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.reading.locust_csv import read_locust_csv
from acgs_load.analysis.render_html import to_html
from acgs_load.analysis.render_junit import to_junit
from acgs_load.analysis.render_markdown import to_markdown
from acgs_load.analysis.terminal import print_report
from acgs_load.contract import OPERATIONS, Outcome, Violation
from acgs_load.plan import Stage

RECORDED = Path(__file__).parent / "recorded"
EVIL = "<script>alert(1)</script> | `tick` [red]*x*\x1b[31m\x00 \n next"


def failing(path, **changes):
    """A run in which everything is wrong, with an answer that tries every markup."""
    fixture = RunFixture(path / "run", plan_of(name="evil-test", **changes)).steady().sampled()
    for operation in OPERATIONS:
        for violation in Violation:
            fixture.add(10, operation, [10], Outcome.FAILED_CHECK, violations=(violation,))
            fixture.example(violation, operation, 10, EVIL)
        for outcome in (Outcome.TIMEOUT, Outcome.HTTP_ERROR, Outcome.THROTTLED):
            fixture.add(11, operation, [10], outcome)
            fixture.example(outcome, operation, 11, EVIL)
    fixture.preflight["warnings"] = [EVIL]
    return report_of(load_run(fixture.write()))


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """The report of a run in which everything is wrong."""
    return failing(tmp_path_factory.mktemp("bad"))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The report of a run that passes."""
    return report_of(load_run(RunFixture(tmp_path_factory.mktemp("good") / "run").steady().sampled().write()))


def printed(report, width=80):
    """What the terminal shows."""
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=width, color_system=None))
    return stream.getvalue()


class _Page(HTMLParser):
    """Collects tags, attributes that load something, and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.open, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in ("meta", "br", "link", "path", "line", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "line", "rect"):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def page(report):
    """The parsed HTML; every tag is closed where it should be."""
    parsed = _Page()
    parsed.feed(to_html(report))
    assert parsed.open == []
    return parsed


def test_html_is_one_safe_file(bad):
    """Nothing is loaded from anywhere, what a target wrote is text, and it runs as no script."""
    html, parsed = to_html(bad), page(bad)
    assert all(link.startswith("#") for link in parsed.links)
    assert "<script>alert" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert not re.search(r"\son\w+=", html)


def test_html_says_the_verdict_first(bad, good):
    """Title, verdict and reasons stand before everything else."""
    text = " ".join("".join(page(bad).text).split())
    assert text.index("FAIL") < text.index("durability = 1" if "durability = 1" in text else "durability == 1")
    assert text.index("durability") < text.index("Thresholds")
    assert "PASS" in to_html(good)
    assert "Every threshold that decides holds" in to_html(good)


def test_html_has_its_parts(good):
    """Charts, tables, how it was run; light and dark; phone and desk."""
    html = to_html(good)
    for anchor in ("thresholds", "charts", "throughput", "latency", "compliance", "machines", "operations", "phases"):
        assert f'id="{anchor}"' in html
    for word in (
        "prefers-color-scheme: dark",
        "max-width: 600px",
        "width=device-width",
        "How it was run",
        "flag --dur",
    ):
        assert word in html


def test_markdown_is_short_and_safe(bad, good):
    """Fewer than 60 lines even when everything is wrong; markup of a target stays text."""
    for report in (bad, good):
        text = to_markdown(report)
        assert len(text.splitlines()) < 60
        assert report.verdict.status in text.splitlines()[0]
    outside_code = re.sub(r"``?[^`].*?``?", "", to_markdown(bad))
    assert "<script>" not in outside_code


def test_markdown_with_many_thresholds_stays_short(tmp_path):
    """A hundred thresholds are cut, the failed ones stand first."""
    many = thresholds(*(f"latency_p50_ms <= {n}" for n in range(100, 200)), "latency_p95_ms <= 1")
    whole = failing(tmp_path, thresholds=many)
    verdict = replace(whole.verdict, reasons=("a reason",) * 20)
    text = to_markdown(replace(whole, verdict=verdict, warnings=("a warning",) * 20))
    assert len(text.splitlines()) == 59
    assert text.splitlines()[-1] == "- … more in report.html"
    assert text.index("latency_p95_ms <= 1`") < text.index("latency_p50_ms")


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_terminal_never_overflows(bad, width):
    """Every line fits, whatever a target wrote; the table keeps its figures; a path is never broken."""
    report = replace(bad, written="/a/very/long/path/" + "x" * 100 + "/report.html")
    lines = printed(report, width).splitlines()
    assert all(len(line) <= width for line in lines if not line.startswith("report "))
    assert lines[-1].endswith("/report.html")
    text = "\n".join(lines)
    assert "FAIL  exit code 1" in text
    assert "\x1b" not in text
    assert "[red]" in text


def test_the_terminal_table(good):
    """Threshold, measured, limit, margin and state in one row."""
    row = next(line for line in printed(good).splitlines() if "latency_p95_ms" in line)
    assert row.split() == ["latency_p95_ms", "<=", "2000", "10", "ms", "<=", "2,000", "ms", "+100", "%", "ok"]


def test_the_terminal_folds_long_expressions(tmp_path):
    """Labels make an expression long; its figures stay on the same row."""
    text = 'latency_p99_9_ms{operation="constitutional_formal_request", region="us-east-1"} <= 800 over 5s for 3'
    plan = plan_of(thresholds=thresholds(text))
    report = report_of(load_run(RunFixture(tmp_path / "run", plan).steady().write()))
    lines = printed(report).splitlines()
    assert all(len(line) <= 80 for line in lines)
    row = next(line for line in lines if "latency_p99_9_ms" in line)
    assert "10 ms" in row
    assert "ok" in row


def test_junit_has_a_case_a_threshold(bad):
    """Counts agree with the cases; failures carry what was measured."""
    root = ElementTree.fromstring(to_junit(bad))
    suite = root[0]
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.get("tests")) == len(bad.verdict.findings) + 1
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures")) > 5
    assert suite.findall("testcase/failure")[0].get("message").startswith("measured")


def test_junit_of_an_invalid_run_is_an_error(tmp_path):
    """Distrust is an error of its own case."""
    fixture = RunFixture(tmp_path / "run", plan_of(name="fixture")).steady()
    fixture.run["workers_lost"] = 1
    suite = ElementTree.fromstring(to_junit(report_of(load_run(fixture.write()))))[0]
    assert suite.get("errors") == "1"
    assert "workers lost" in suite.find("testcase/error").get("message")


COUNTS = {"tests", "failures", "errors"}
SCHEMA = {
    "testsuites": ({"name", "time", *COUNTS}, set(), {"testsuite"}),
    "testsuite": ({"name", *COUNTS, "skipped", "time", "timestamp", "hostname"}, {"name", *COUNTS}, {"testcase"}),
    "testcase": ({"name", "classname", "time", "group"}, {"name"}, {"skipped", "error", "failure"}),
    **dict.fromkeys(("skipped", "error", "failure"), ({"type", "message"}, set(), set())),
}
"""Jenkins' junit-10.xsd, as far as we write it: for each element the attributes it may and must have, and its parts."""


def junit_of(tmp_path, kind):
    """junit.xml of a run, of an untrusted one, of one against a better one, and of CSV files that know no time."""
    if kind == "csv":
        (tmp_path / "only_stats.csv").write_bytes((RECORDED / "plain_stats.csv").read_bytes())
        return to_junit(report_of_csv(read_locust_csv(tmp_path / "only"), ()))
    fixture = RunFixture(tmp_path / "run", plan_of(name="fixture")).steady(latency_ms=40)
    fixture.run["workers_lost"] = int(kind == "invalid")
    baseline = RunFixture(tmp_path / "before", plan_of(name="before")).steady().write() if kind == "compared" else None
    named = {"baseline": str(baseline.path), "max_regression": 0.05} if baseline else {}
    return to_junit(report_of(load_run(fixture.write()), **named))


@pytest.mark.parametrize("kind", ["run", "invalid", "compared", "csv"])
def test_junit_keeps_to_the_schema_and_another_reader_counts_the_same(tmp_path, kind):
    """Elements, attributes and times of junit-10.xsd; junitparser finds as many of each as the attributes say."""
    text = junit_of(tmp_path, kind)
    for element in ElementTree.fromstring(text).iter():
        may, must, parts = SCHEMA[element.tag]
        assert must <= set(element.keys()) <= may, element.attrib
        assert {part.tag for part in element} <= parts
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))
        assert element.get("timestamp") is None or datetime.fromisoformat(element.get("timestamp"))
    suites = junitparser.JUnitXml.fromstring(text.encode())
    (suite,) = suites
    results = [type(result).__name__.lower() for case in suite for result in case.result]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
        len(list(suite)),
        results.count("failure"),
        results.count("error"),
        results.count("skipped"),
    )
    assert (suites.tests, suites.failures, suites.errors) == (suite.tests, suite.failures, suite.errors)
    assert (suite.failures > 0, suite.errors) == (kind == "compared", int(kind == "invalid")) or kind == "csv"


def test_pictures(good):
    """Each chart is a PNG of the stated size and not blank."""
    for panel in good.panels:
        picture = Image.open(io.BytesIO(to_png(panel)))
        assert picture.size == (1200, 552)
        assert len(picture.convert("RGB").getcolors(maxcolors=1 << 20)) > 20


def test_long_runs_have_bounded_charts(tmp_path):
    """Two hours are drawn in at most 240 points, and nothing is left out of the sums."""
    plan = plan_of(stages=(Stage("hold", 7200, 20, 20, hold=True),))
    fixture = RunFixture(tmp_path / "run", plan)
    for second in range(0, 7200, 10):
        fixture.add(second, "policy_get", [10] * 3)
    report = report_of(load_run(fixture.watched().write()))
    throughput = report.panels[0]
    assert len(throughput.times_s) <= POINTS_MAX
    assert sum(value * throughput.width_s for value in throughput.lines[0].values) == pytest.approx(3 * 720)


def test_users_are_counted_once(good):
    """The master tells all users too; the line is the sum over those who have them."""
    users = next(line for line in good.panels[0].lines if line.name == "users")
    assert max(users.values) == 20


def test_a_single_second_is_drawn(tmp_path):
    """A run of one second has charts too."""
    plan = plan_of(stages=(Stage("hold", 1, 20, 20, hold=True),))
    report = report_of(load_run(RunFixture(tmp_path / "run", plan).steady().write()))
    assert all(to_png(panel) for panel in report.panels)
    page(report)

"""Locust's own CSV files: recorded ones are read by their headers; what they cannot tell is not measured."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from run_fixture import thresholds

from acgs_load.analysis.csv_report import report_of_csv
from acgs_load.analysis.reading.locust_csv import find_prefix, read_locust_csv
from acgs_load.analysis.render_html import to_html
from acgs_load.analysis.render_json import to_json
from acgs_load.analysis.render_markdown import to_markdown
from acgs_load.errors import ExitCode, NothingMeasuredError, UsageError

RECORDED = Path(__file__).parent / "recorded"
"""Two runs of Locust 2.47 against a small server that answers every fifth ``beta`` with 500; see README there."""
SCHEMA = json.loads((Path(__file__).parents[1] / "schemas" / "report.schema.json").read_text())
HEADER = "Type,Name,Request Count,Failure Count,Average Response Time,Max Response Time,Requests/s,Failures/s,95%\n"


@pytest.fixture
def full():
    """The run with --csv-full-history."""
    return report_of_csv(read_locust_csv(RECORDED / "full"))


def test_the_numbers_of_a_recorded_run(full):
    """Counts, percentiles, mean and throughput stand as Locust wrote them."""
    measures = {name: measure.value for name, measure in full.measures.items()}
    assert measures["error_ratio"] == pytest.approx(28 / 160)
    assert (measures["latency_p50_ms"], measures["latency_p95_ms"], measures["latency_p99_9_ms"]) == (21, 33, 60)
    assert measures["latency_avg_ms"] == pytest.approx(20.3805, rel=1e-4)
    assert measures["latency_max_ms"] == pytest.approx(60.3243, rel=1e-4)
    assert measures["throughput_rps"] == pytest.approx(22.957 - 4.0175, rel=1e-3)
    assert measures["throughput_peak_rps"] == pytest.approx(20.4 - 4.4)
    assert full.measures["latency_p95_ms"].source == "locust csv, rounded by Locust: ± 5 %"
    assert full.measures["error_ratio"].source == "locust csv"
    assert full.facts.users_max == 5


def test_what_csv_cannot_tell_is_not_measured(full):
    """Everything that needs checked answers or watched machines."""
    for name in (
        "compliance_score",
        "hash_consistency",
        "isolation_integrity",
        "durability",
        "target_cpu",
        "loop_lag_ms",
    ):
        assert full.measures[name].value is None
    shown = [row for row in full.verdict.findings if row.measure == "isolation_integrity"]
    assert [(row.state, row.decides) for row in shown] == [("not_measured", False)]
    assert any("two digits" in note for note in full.notes)


def test_operations_and_failures(full):
    """A row a name; failures with their words."""
    assert [(group.name, group.requests, group.errors) for group in full.operations] == [
        ("alpha", 109, 0),
        ("beta", 51, 28),
    ]
    assert full.errors[0].count == 28
    assert "500 Server Error" in full.errors[0].examples[0]


def test_the_verdict_is_of_what_is_told(full):
    """17.5 % errors fail; a wider limit passes."""
    assert (full.verdict.status, full.verdict.exit_code) == ("FAIL", ExitCode.FAILED)
    wide = report_of_csv(read_locust_csv(RECORDED / "full"), thresholds("error_ratio <= 0.2"))
    assert (wide.verdict.status, wide.verdict.exit_code) == ("PASS", ExitCode.PASSED)


def test_what_the_user_demands_and_csv_cannot_tell_fails():
    """Never passed unmeasured."""
    report = report_of_csv(read_locust_csv(RECORDED / "full"), thresholds("error_ratio <= 1", "hash_consistency = 1"))
    assert report.verdict.status == "FAIL"
    assert any("hash_consistency" in reason for reason in report.verdict.reasons)


def test_a_value_within_the_rounding_is_said():
    """33 ms beside a limit of 34 may hold or not."""
    report = report_of_csv(read_locust_csv(RECORDED / "full"), thresholds("latency_p95_ms <= 34", "error_ratio <= 1"))
    assert any("within Locust's rounding" in text for text in report.warnings)


def test_cumulative_history_is_said():
    """Without --csv-full-history the percentiles over time are since the start."""
    report = report_of_csv(read_locust_csv(RECORDED / "plain"))
    assert any("since the start" in text for text in report.warnings)
    assert next(panel for panel in report.panels if panel.name == "latency").title == "Latency, since the start"


def test_every_form_is_written(full):
    """JSON fits the schema, HTML and Markdown render without a plan."""
    jsonschema.validate(json.loads(to_json(full)), SCHEMA)
    assert "FAIL" in to_html(full)
    assert len(to_markdown(full).splitlines()) < 60


def test_the_prefix_is_found(tmp_path):
    """From a prefix, a folder with one set, or any file of the set."""
    for file in RECORDED.glob("full_*.csv"):
        shutil.copy(file, tmp_path / file.name)
    for named in ("", "full", "full_stats.csv", "full_stats_history.csv", "full_failures.csv", "full_exceptions.csv"):
        assert find_prefix(tmp_path / named if named else tmp_path) == tmp_path / "full"
    with pytest.raises(UsageError, match="more than one set"):
        find_prefix(RECORDED)


def test_columns_are_found_by_name(tmp_path):
    """Another order of columns, an unknown one: read by header; a missing percentile is not measured."""
    (tmp_path / "x_stats.csv").write_text(
        "95%,New,Name,Type,Requests/s,Request Count,Average Response Time,Failure Count\n"
        "120,?,alpha,GET,2,10,50.5,1\n120,?,Aggregated,,2,10,50.5,1\n"
    )
    report = report_of_csv(read_locust_csv(tmp_path / "x"))
    assert report.measures["latency_p95_ms"].value == 120
    assert report.measures["latency_p99_ms"].value is None
    assert report.measures["latency_avg_ms"].value == 50.5
    assert report.measures["error_ratio"].value == 0.1
    assert report.panels == ()


def test_a_file_of_any_name(tmp_path):
    """A statistics file renamed by a person."""
    shutil.copy(RECORDED / "full_stats.csv", tmp_path / "monday.csv")
    report = report_of_csv(read_locust_csv(find_prefix(tmp_path / "monday.csv")))
    assert report.measures["latency_p95_ms"].value == 33


def test_without_the_aggregated_row(tmp_path):
    """Counts add up, percentiles do not; said so."""
    (tmp_path / "x_stats.csv").write_text(HEADER + "GET,a,10,1,5,9,1,0,8\nGET,b,30,0,5,9,1,0,8\n")
    report = report_of_csv(read_locust_csv(tmp_path / "x"))
    assert report.measures["error_ratio"].value == pytest.approx(1 / 40)
    assert report.measures["latency_p95_ms"].value is None
    assert any("Aggregated" in text for text in report.warnings)


def test_a_line_cut_short_is_left_out(tmp_path):
    """Locust writes while it runs."""
    for file in RECORDED.glob("full_*.csv"):
        shutil.copy(file, tmp_path / file.name)
    history = tmp_path / "full_stats_history.csv"
    before = len(read_locust_csv(tmp_path / "full").history.moments)
    history.write_text(history.read_text().rstrip() + "\n1795439440,5,,Aggre")
    assert len(read_locust_csv(tmp_path / "full").history.moments) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty, and no history"),
        ("a,b\n1,2\n", "no CSV file of Locust's statistics"),
        ("\x00\x01", "no CSV file of Locust's statistics"),
        (HEADER + "GET,a,many,0,1,1,1,1,1\n", "line 2: Request Count is 'many'"),
        (HEADER + "GET,a,1,-1,1,1,1,1,1\n", "line 2: Failure Count"),
        (HEADER + "GET,a,1,0,fast,1,1,1,1\n", "line 2: Average Response Time is 'fast'"),
        (b"\xff\xfe\x00", "cannot be read as CSV"),
    ],
)
def test_what_is_no_locust_csv(tmp_path, content, said):
    """One clear line."""
    path = tmp_path / "x_stats.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        read_locust_csv(tmp_path / "x")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_requests(tmp_path):
    """Nothing measured."""
    (tmp_path / "x_stats.csv").write_text(HEADER + ",Aggregated,0,0,0,0,0,0,N/A\n")
    with pytest.raises(NothingMeasuredError):
        report_of_csv(read_locust_csv(tmp_path / "x"))


def test_a_baseline_is_refused():
    """A relative threshold needs distributions."""
    with pytest.raises(UsageError, match="baseline"):
        report_of_csv(read_locust_csv(RECORDED / "full"), thresholds("latency_p95_ms <= 1.1 * baseline"))

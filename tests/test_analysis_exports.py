"""What leaves the analyzer beside the reports: exports, GitHub's summary and annotations, the progress bar."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.parquet import read_table
from rich.console import Console
from run_fixture import RunFixture

from acgs_load.analysis import exports
from acgs_load.analysis.door import run_analyzer
from acgs_load.analysis.exports import HEADER, to_hgrm
from acgs_load.analysis.github import ANNOTATIONS_MAX, announce, notices
from acgs_load.analysis.judge import report_of
from acgs_load.analysis.progress import Bar
from acgs_load.analysis.reading.load import load_run
from acgs_load.contract import Outcome
from acgs_load.errors import UsageError
from acgs_load.histogram import Histogram

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def folder(tmp_path):
    """A run that fails: a write was lost."""
    fixture = RunFixture(tmp_path / "run").steady(each=1)
    fixture.add(10, "policy_get", [10], Outcome.FAILED_CHECK, violations=("lost_write",))
    return fixture.write()


def test_windows_as_csv(folder, capsys):
    """A row a window; counts add up to the report's, labels and latencies stand beside them."""
    assert run_analyzer([str(folder.path), "--json-only", "--export", "csv"]) == 1
    rows = list(csv.DictReader((folder.path / "windows.csv").open()))
    assert tuple(rows[0]) == HEADER
    report = json.loads(folder.report("json").read_text())
    for operation in report["operations"]:
        of = [row for row in rows if row["operation"] == operation["operation"]]
        assert sum(int(row["samples"]) for row in of) == operation["requests"]
    assert sum(int(row["lost_write"]) for row in rows) == 1
    assert {row["latency_p95_ms"] for row in rows if row["operation"] == "policy_list"} == {"10.0"}
    assert str(folder.path / "windows.csv") in capsys.readouterr().out


def test_windows_as_parquet(folder, monkeypatch):
    """What a notebook reads is what stands in windows.csv, each column of its kind, however many rows at once."""
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 100)
    assert run_analyzer([str(folder.path), "--json-only", "--export", "csv", "--export", "parquet"]) == 1
    table = read_table(folder.path / "windows.parquet")
    rows = list(csv.DictReader((folder.path / "windows.csv").open()))
    assert tuple(table.column_names) == HEADER
    assert table.num_rows == len(rows) > 300
    assert {str(table.schema.field(name).type) for name in ("region", "second", "latency_p95_ms")} == {
        "string",
        "int64",
        "double",
    }
    for read, written in zip(table.to_pylist(), rows, strict=True):
        assert {name: "" if value is None else str(value) for name, value in read.items()} == written


def test_parquet_without_its_library_is_one_line(folder, monkeypatch, capsys):
    """It is no requirement; who wants it is told which."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    assert run_analyzer([str(folder.path), "--json-only", "--export", "parquet"]) == 2
    assert "needs pyarrow" in capsys.readouterr().err


def test_distributions_as_hgrm(folder):
    """One for everything and one an operation."""
    assert run_analyzer([str(folder.path), "--json-only", "--export", "hgrm"]) == 1
    files = {path.name for path in folder.path.glob("*.hgrm")}
    assert {"latency.hgrm", "latency-policy_get.hgrm"} <= files
    assert not any("auth_login" in name for name in files)
    assert "Total count    =" in (folder.path / "latency.hgrm").read_text()


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=300))
def test_hgrm_tells_the_histogram_s_percentiles(values_us):
    """Every line's value is the nearest-rank percentile; counts rise to the total; the last line is the maximum."""
    histogram = Histogram.of(values_us)
    lines = [line.split() for line in to_hgrm(histogram).splitlines()[2:-3]]
    for value_ms, quantile, _, _ in lines:
        expected_us = histogram.percentile_us(float(quantile))
        assert float(value_ms) == pytest.approx((expected_us or 0) / 1e3, abs=6e-4)
    counts = [int(count) for _, _, count, _ in lines]
    assert counts == sorted(counts)
    assert counts[-1] == len(values_us)
    assert float(lines[-1][0]) == pytest.approx(max(values_us) / 1e3, rel=0.004, abs=6e-4)


FOOT = (
    r"#\[Mean    = [ \d]{8}\.\d{3}, StdDeviation   = [ \d]{8}\.\d{3}\]",
    r"#\[Max     = [ \d]{8}\.\d{3}, Total count    = [ \d]{12}\]",
    r"#\[Buckets = [ \d]{12}, SubBuckets     = [ \d]{12}\]",
)
"""The last three lines of HdrHistogram's own examples (GoogleChartsExample/example1.txt)."""


def plotted(text):
    """What HdrHistogram's plotter (plotFiles.html) takes from a file: of lines of four words without ``#``, numbers."""
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    known = [row for row in rows if len(row) == 4 and row[0][0].isdigit()]
    return [(float(value), float(quantile), int(count), float(beyond)) for value, quantile, count, beyond in known]


@pytest.mark.parametrize("size", [1, 7, 100, 20_000])
def test_hgrm_files_are_hdrhistogram_s(size):
    """Words, columns and foot are its own; what the hdrhistogram package writes of the same values agrees to 0.5 %."""
    draw = random.Random(size)
    values_us = [int(draw.lognormvariate(9, 1)) + 1 for _ in range(size)]
    histogram, theirs, written = Histogram.of(values_us), HdrHistogram(1, 10**8, 5), io.BytesIO()
    for value_us in values_us:
        theirs.record_value(value_us)
    theirs.output_percentile_distribution(written, 1e3, 5)
    ours, other = to_hgrm(histogram), written.getvalue().decode()
    assert ours.splitlines()[:2] == other.splitlines()[:2]
    assert all(re.fullmatch(foot, line) for foot, line in zip(FOOT, ours.splitlines()[-3:], strict=True))
    told, ordered = plotted(ours), sorted(values_us)
    assert (told[0][1], *told[-1][1:]) == (0, 1.0, size, math.inf)
    for value_ms, quantile, count, beyond in told[:-1]:
        assert beyond == pytest.approx(1 / (1 - quantile), rel=0.01)
        assert value_ms * 1e3 == pytest.approx(
            ordered[max(1, math.ceil(quantile * size - 1e-9)) - 1], rel=0.004, abs=0.6
        )
        assert count >= quantile * size - 1e-6
    for value_ms, quantile, _, _ in plotted(other):
        assert (histogram.percentile_us(quantile) or 0) / 1e3 == pytest.approx(value_ms, rel=0.005, abs=1e-3)


def test_exports_of_csv_files_are_refused(capsys):
    """They have no windows."""
    assert run_analyzer([str(RECORDED / "full"), "--export", "csv"]) == 2
    assert "--export needs a run folder" in capsys.readouterr().err


def test_github_gets_summary_and_annotations(folder, tmp_path, monkeypatch, capsys):
    """The Markdown is appended to what stands there; each reason is an error on the job."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert run_analyzer([str(folder.path), "--json-only", "--github"]) == 1
    assert summary.read_text().startswith("before\n## ❌ FAIL")
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::error")]
    assert len(errors) >= 1
    assert all(line.startswith("::error title=FAIL%3A fixture::") for line in errors)
    assert any("durability" in line for line in errors)


def test_annotations_are_bounded_and_of_one_line(folder):
    """No text of a target can begin a command of its own, or crowd out the others."""
    report = report_of(load_run(folder))
    texts = ("broken\n::set-output name=x::y 100 %", *("again",) * 30)
    lines = list(notices(replace(report, verdict=replace(report.verdict, reasons=texts), warnings=())))
    assert len(lines) == ANNOTATIONS_MAX
    assert not any("\n" in line for line in lines)
    assert lines[0].endswith("broken ::set-output name=x::y 100 %25")
    assert "22 more" in lines[-1]


def test_a_summary_that_cannot_be_written(folder):
    """One line."""
    with pytest.raises(UsageError, match="GITHUB_STEP_SUMMARY"):
        announce(report_of(load_run(folder)), {"GITHUB_STEP_SUMMARY": "/nowhere/at/all"}, io.StringIO())


def test_the_bar_is_drawn_after_two_seconds():
    """Quick work shows nothing; slow work says what it does; nothing without a terminal."""
    for terminal, seconds, drawn in ((True, 1.0, False), (True, 3.0, True), (False, 3.0, False)):
        clock, out = [0.0], io.StringIO()
        with Bar(Console(file=out, force_terminal=terminal, width=80), lambda clock=clock: clock[0]) as bar:
            bar.stage("reading")
            clock[0] = seconds
            bar.told(0.5)
        assert ("reading" in out.getvalue()) == drawn

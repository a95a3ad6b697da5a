"""Where in the HTML report the evidence of a failed threshold stands, so that each reason leads to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from acgs_load.analysis.judging.breaking import INTEGRITY
from acgs_load.analysis.judging.judged import Judged
from acgs_load.analysis.judging.verdict import failure_text
from acgs_load.analysis.report import Report

CHARTS: Mapping[str, str] = {"latency": "latency", "throughput": "throughput", "target": "machines"}
"""The chart that shows a measure, by the first word of its name."""
ERRORS = frozenset({"error_ratio", "throttled_ratio"})


class Place(NamedTuple):
    """A part of the page that tells more."""

    anchor: str
    name: str
    """What a link to it says."""


def evidence_of(report: Report) -> dict[str, Place]:
    """By reason of the verdict; reasons that nothing on the page tells more of are left out."""
    failed = [row for row in report.verdict.findings if row.decides and row.state == "fail"]
    return {failure_text(row): place for row in failed for place in _places(report, row)}


def _places(report: Report, row: Judged) -> Iterator[Place]:
    """The best place, or none."""
    chart = CHARTS.get(row.measure.partition("_")[0])
    drawn = any(panel.name == chart and not panel.empty for panel in report.panels)
    if row.measure in ERRORS and report.errors:
        yield Place("errors-found", "the errors")
    elif row.measure in INTEGRITY and report.violations:
        yield Place("violations", "the violations")
    elif row.labels.get("operation") and report.operations:
        yield Place("operations", "the operations")
    elif chart and drawn:
        yield Place(chart, "the chart")

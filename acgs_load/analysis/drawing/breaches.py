"""When a line of a chart was outside what a threshold demands of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from acgs_load.analysis.drawing.panels import Band, Breach, Line
from acgs_load.analysis.judging.judged import Judged, holds
from acgs_load.measures import MEASURES

LINES: Mapping[str, str] = {
    "latency_p50_ms": "p50",
    "latency_p95_ms": "p95",
    "latency_p99_ms": "p99",
    "throughput_rps": "requests answered",
    "compliance_score": "mean score",
    "target_cpu": "target CPU",
    "target_memory": "target memory",
}
"""Measures that have a line in a chart."""


class Demand(NamedTuple):
    """What a threshold on the whole run asks of a line."""

    line: str
    expression: str
    comparison: str
    limit: float
    held: bool
    """Judged in the phases that hold only."""


def demands_of(judged: Iterable[Judged]) -> list[Demand]:
    """The demands on lines, in the order of the thresholds; of labelled ones no line is drawn."""
    return [
        Demand(LINES[row.measure], row.expression, row.comparison, row.limit, MEASURES[row.measure].scope == "hold")
        for row in judged
        if row.measure in LINES and row.limit is not None and not row.labels and row.during is None
    ]


def breaches(
    times_s: Sequence[float], width_s: int, lines: Iterable[Line], demands: Iterable[Demand], bands: Iterable[Band]
) -> Iterator[Breach]:
    """Stretches of buckets outside each demand; where only hold phases are judged, buckets that lie wholly in one."""
    by_name, held = {line.name: line for line in lines}, [band for band in bands if band.hold]
    for demand in demands:
        outside = [
            (at_s - width_s / 2, at_s + width_s / 2)
            for at_s, value in zip(times_s, by_name[demand.line].values, strict=True)
            if value is not None and not holds(value, demand.comparison, demand.limit)
        ]
        if demand.held:
            outside = [span for span in outside if any(_within(span, band) for band in held)]
        for from_s, to_s in _joined(outside):
            yield Breach(max(0.0, from_s), to_s, f"{demand.line} outside {demand.expression}")


def _within(span: tuple[float, float], band: Band) -> bool:
    return band.from_s <= span[0] and span[1] <= band.to_s


def _joined(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Spans that touch, as one."""
    begin_s, end_s = None, 0.0
    for from_s, to_s in spans:
        if begin_s is not None and from_s > end_s + 1e-6:
            yield begin_s, end_s
            begin_s = None
        begin_s, end_s = from_s if begin_s is None else begin_s, to_s
    if begin_s is not None:
        yield begin_s, end_s

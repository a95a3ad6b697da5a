"""A close look at each operation, scenario and region: its course, its distribution, its latencies over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from acgs_load.analysis.reading.buckets import Buckets
from acgs_load.analysis.reading.load import Run
from acgs_load.contract import ERROR_OUTCOMES, OPERATIONS
from acgs_load.histogram import Histogram, bucket_middle_us
from acgs_load.samples import Window

COLUMNS_MAX = 80
"""Moments in a heat map; more are narrower than a finger."""
ROWS_A_DECADE = 8
ROWS_MAX = 40
NINES_MAX = 4
"""The curve ends at p99.99, or where fewer than one request lies beyond."""
STEPS_A_NINE = 10
Kind = Literal["all", "operation", "scenario", "region"]


@dataclass(frozen=True, slots=True)
class Heat:
    """How many requests took how long at what time."""

    low_ms: float
    """Lower edge of the first row."""
    factor: float
    """From the lower edge of a row to its upper one."""
    rows: int
    columns: tuple[Mapping[int, int], ...]
    """For each moment, requests by row."""


@dataclass(frozen=True, slots=True)
class CloseUp:
    """One part of the run, moment by moment."""

    kind: Kind
    name: str
    """Empty for all requests together."""
    width_s: int
    times_s: tuple[float, ...]
    """Middle of each moment, seconds since the start."""
    throughput_rps: tuple[float, ...]
    latency_p50_ms: tuple[float | None, ...]
    latency_p95_ms: tuple[float | None, ...]
    errors: tuple[int, ...]
    curve: tuple[tuple[float, float], ...]
    """Quantile and milliseconds over the hold phases, ascending."""
    heat: Heat | None
    """None where nothing was timed."""
    held: tuple[bool, ...]
    """Whether a moment lies wholly in the hold phases."""

    @property
    def anchor(self) -> str:
        """The place on a page."""
        return f"closeup-{self.kind}-{self.name}" if self.name else "closeup-all"


def closeups(run: Run, buckets: Buckets) -> list[CloseUp]:
    """All requests first, then operations in the contract's order, scenarios and regions (where there are several)."""
    coarse = buckets.coarser(COLUMNS_MAX)
    whole, by_operation, by_scenario, by_region = coarse.traffic_by(
        lambda _: "", lambda part: part.operation, lambda part: part.scenario, lambda part: part.region
    )
    order = {name: place for place, name in enumerate(OPERATIONS)}
    found = [_closeup(run, coarse, "all", "", row) for row in whole.values()]
    names = sorted(by_operation, key=lambda name: (order.get(name, len(order)), name))
    found += [_closeup(run, coarse, "operation", name, by_operation[name]) for name in names]
    found += _kind(run, coarse, "scenario", by_scenario)
    return [*found, *_kind(run, coarse, "region", by_region)]


def _kind(run: Run, buckets: Buckets, kind: Kind, rows: Mapping[str, Sequence[Window]]) -> Iterator[CloseUp]:
    if len(rows) > 1:
        for name in sorted(rows):
            yield _closeup(run, buckets, kind, name, rows[name])


def _closeup(run: Run, buckets: Buckets, kind: Kind, name: str, windows: Sequence[Window]) -> CloseUp:
    held = run.timeline.slice({kind: name} if name else {}, run.timeline.hold_names).traffic.latency
    percentiles = [window.latency.percentiles_us([0.5, 0.95]) for window in windows]
    return CloseUp(
        kind,
        name,
        buckets.width_s,
        buckets.times_s,
        tuple(window.answered / buckets.width_s for window in windows),
        tuple(_ms(value_us) for value_us, _ in percentiles),
        tuple(_ms(value_us) for _, value_us in percentiles),
        tuple(sum(window.outcomes.get(kind, 0) for kind in ERROR_OUTCOMES) for window in windows),
        tuple(curve_of(held)),
        heat_of([window.latency for window in windows]),
        tuple(_in_hold(run, at_s, buckets.width_s) for at_s in buckets.times_s),
    )


def _in_hold(run: Run, at_s: float, width_s: int) -> bool:
    half_s = width_s / 2
    return any(of.hold and of.from_s <= at_s - half_s and at_s + half_s <= of.to_s for of in run.record.phases)


def curve_of(histogram: Histogram) -> Iterator[tuple[float, float]]:
    """Quantile and milliseconds, in equal steps of the logarithm of what lies beyond."""
    if not histogram.total:
        return
    nines = min(NINES_MAX, math.log10(histogram.total))
    quantiles = [1 - 10 ** (-place / STEPS_A_NINE) for place in range(math.floor(nines * STEPS_A_NINE + 1e-9) + 1)]
    for quantile, value_us in zip(quantiles, histogram.percentiles_us(quantiles), strict=True):
        if value_us is not None:
            yield quantile, value_us / 1e3


def heat_of(histograms: Sequence[Histogram]) -> Heat | None:
    """Counts on rows of equal ratio that span all values; None where there are none."""
    timed = [histogram for histogram in histograms if histogram.total]
    if not timed:
        return None
    low_ms = max(1e-3, min(histogram.min_us for histogram in timed) / 1e3)
    high_ms = max(low_ms, max(histogram.max_us for histogram in timed) / 1e3)
    decades = max(0.5, math.log10(high_ms / low_ms) + 1e-9)
    rows = min(ROWS_MAX, math.ceil(decades * ROWS_A_DECADE))
    factor = 10 ** (decades / rows)
    known = set[int]().union(*(histogram.counts for histogram in timed))
    row_of = np.zeros(max(known) + 1, dtype=np.int64)
    for index in known:
        row_of[index] = _row(bucket_middle_us(index) / 1e3, low_ms, factor, rows)
    return Heat(low_ms, factor, rows, tuple(_column(histogram, row_of) for histogram in histograms))


def _row(value_ms: float, low_ms: float, factor: float, rows: int) -> int:
    row = math.floor(math.log(value_ms / low_ms, factor)) if value_ms > low_ms else 0
    return min(row, rows - 1)


def _column(histogram: Histogram, row_of: npt.NDArray[np.int64]) -> dict[int, int]:
    size = len(histogram.counts)
    rows = row_of[np.fromiter(histogram.counts, np.int64, size)]
    column = np.bincount(rows, weights=np.fromiter(histogram.counts.values(), np.float64, size))
    return {row: int(count) for row, count in enumerate(column.tolist()) if count}


def _ms(value_us: float | None) -> float | None:
    return None if value_us is None else value_us / 1e3

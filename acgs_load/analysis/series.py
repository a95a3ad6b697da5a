"""A run as rows of numbers: for each operation, what each cell of time counted. What comparing resamples.

A cell is a second, or so many that no run has more than ``CELLS_MAX``: more tell nothing new about an error.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from acgs_load.contract import AUTH_OPERATIONS, ERROR_OUTCOMES
from acgs_load.histogram import bucket_middle_us
from acgs_load.measures import measure
from acgs_load.samples import Window
from acgs_load.timeline import Timeline

Numbers = NDArray[np.float64]
CELLS_MAX = 600
COMPARED = (
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_avg_ms",
    "throughput_rps",
    "error_ratio",
)
QUANTILES = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}
EVERYTHING = ""
"""Stands for all operations together."""


@dataclass(frozen=True, slots=True)
class Series:
    """One operation, or everything. Latencies and answers by cell of the hold phases, errors by cell of the run."""

    buckets: NDArray[np.int64]
    """Histogram buckets that occur, ascending."""
    counts: NDArray[np.float32]
    """Latencies by cell and bucket."""
    sums_us: Numbers
    answered: Numbers
    samples: Numbers
    errors: Numbers
    values: Mapping[str, float | None]
    """The figures that the reports tell of it, by measure."""


@dataclass(slots=True)
class _Gathered:
    """Histogram entries and sums as they come."""

    cells: list[int] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    held: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """Sum of latencies and answers by cell of the hold phases."""
    whole: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """Samples and errors by cell of the run."""

    def hold(self, cell: int, window: Window) -> None:
        latency, sums = window.latency, self.held[cell]
        self.cells.extend([cell] * len(latency.counts))
        self.buckets.extend(latency.counts.keys())
        self.counts.extend(latency.counts.values())
        sums[0] += latency.sum_us
        sums[1] += window.answered

    def count(self, cell: int, window: Window) -> None:
        sums = self.whole[cell]
        sums[0] += window.samples
        sums[1] += sum(window.outcomes.get(outcome, 0) for outcome in ERROR_OUTCOMES)


def series_of(timeline: Timeline) -> dict[str, Series]:
    """Every operation but ``auth_*``, and ``EVERYTHING`` (whose errors include those of ``auth_*``)."""
    hold_names = timeline.hold_names
    held_cell, held = _grid(timeline.windows(1, hold_names) if hold_names else [])
    whole_cell, whole = _grid(timeline.windows(1, None))
    gathered: dict[str, _Gathered] = defaultdict(_Gathered)
    for key, window in timeline.items():
        signing_in = key.operation in AUTH_OPERATIONS
        for name in (EVERYTHING,) if signing_in else (EVERYTHING, key.operation):
            gathered[name].count(whole_cell(key.second), window)
            if held and not signing_in and key.phase in hold_names:
                gathered[name].hold(held_cell(key.second), window)
    return {name: _series(timeline, name, gathered[name], held, whole) for name in sorted(gathered)}


def _grid(spans: Sequence[tuple[int, int]]) -> tuple[Callable[[int], int], int]:
    """From an epoch second to its cell, the nearest one where it lies outside; and how many cells there are."""
    seconds = np.array([begin for begin, _ in spans], dtype=np.int64)
    width = max(1, math.ceil(len(seconds) / CELLS_MAX))
    last = max(0, len(seconds) - 1)

    @cache
    def cell(second: int) -> int:
        return min(int(np.searchsorted(seconds, second)), last) // width

    return cell, last // width + 1 if spans else 0


def _series(timeline: Timeline, name: str, of: _Gathered, held: int, whole: int) -> Series:
    buckets, places = np.unique(np.array(of.buckets, dtype=np.int64), return_inverse=True)
    flat = np.array(of.cells, dtype=np.int64) * len(buckets) + places
    counts = np.bincount(flat, weights=np.array(of.counts, dtype=np.float64), minlength=held * len(buckets))
    labels = {"operation": name} if name else {}
    parts = {"hold": timeline.slice(labels, timeline.hold_names), "run": timeline.slice(labels)}
    values = {kind: measure(kind, parts["run" if kind == "error_ratio" else "hold"]).value for kind in COMPARED}
    return Series(
        buckets,
        counts.reshape(held, len(buckets)).astype(np.float32),
        *_columns(of.held, held),
        *_columns(of.whole, whole),
        values,
    )


def _columns(sums: Mapping[int, Iterable[float]], cells: int) -> tuple[Numbers, Numbers]:
    table = np.zeros((2, cells))
    for cell, pair in sums.items():
        table[:, cell] = tuple(pair)
    return table[0], table[1]


def edges_us(buckets: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """Lower and upper edge of each bucket, in microseconds."""
    middles = np.array([bucket_middle_us(int(bucket)) for bucket in buckets])
    nexts = np.array([bucket_middle_us(int(bucket) + 1) for bucket in buckets])
    half = (nexts - middles) / 2
    return middles - half, middles + half

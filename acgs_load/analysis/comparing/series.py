"""A run as rows of numbers: for each operation, what each cell of time counted. What comparing resamples.

A cell is a second, or so many that no run has more than ``CELLS_MAX``: more tell nothing new about an error.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from acgs_load.contract import AUTH_OPERATIONS, ERROR_OUTCOMES
from acgs_load.histogram import Histogram, bucket_index, bucket_middle_us
from acgs_load.measures import measure
from acgs_load.samples import Window, WindowKey
from acgs_load.timeline import Timeline

Numbers = NDArray[np.float64]
CELLS_MAX = 600
BUCKETS_MAX = bucket_index(10**18) + 1
"""Nothing that a run times takes longer."""
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


Entries = NDArray[np.int32]
"""Rows of bucket and count."""


@dataclass(slots=True)
class _Gathered:
    """Histogram entries and sums as they come."""

    entries: list[tuple[int, Entries]] = field(default_factory=list)
    """By cell; empty where they are added to a table at once."""
    table: NDArray[np.float32] | None = None
    """Latencies by cell and bucket, of everything: its entries would be as many as those of all operations."""
    held: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """Sum of latencies and answers by cell of the hold phases."""
    whole: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """Samples and errors by cell of the run."""

    def hold(self, cell: int, window: Window, entries: Entries) -> None:
        sums = self.held[cell]
        if self.table is None:
            self.entries.append((cell, entries))
        else:
            self.table[cell, entries[0]] += entries[1]
        sums[0] += window.latency.sum_us
        sums[1] += window.answered

    def count(self, cell: int, window: Window) -> None:
        sums = self.whole[cell]
        sums[0] += window.samples
        sums[1] += sum(window.outcomes.get(outcome, 0) for outcome in ERROR_OUTCOMES)


def series_of(timeline: Timeline) -> dict[str, Series]:
    """Every operation but ``auth_*``, and ``EVERYTHING`` (whose errors include those of ``auth_*``)."""
    hold_names = timeline.hold_names
    seconds = [begin for begin, _ in timeline.windows(1, None)]
    begin, width_s = seconds[0] if seconds else 0, max(1, math.ceil(len(seconds) / CELLS_MAX))
    held = np.unique([(at - begin) // width_s for at, _ in (timeline.windows(1, hold_names) if hold_names else ())])
    gathered: dict[str, _Gathered] = defaultdict(_Gathered)
    for place, name, window in timeline.grouped(width_s, begin, lambda key: key.operation, timed=False):
        for named in (EVERYTHING,) if name in AUTH_OPERATIONS else (EVERYTHING, name):
            gathered[named].count(place, window)

    def held_name(key: WindowKey) -> str | None:
        return key.operation if key.phase in hold_names and key.operation not in AUTH_OPERATIONS else None

    gathered[EVERYTHING].table = np.zeros((len(held), BUCKETS_MAX), dtype=np.float32)
    for place, name, window in timeline.grouped(width_s, begin, held_name) if len(held) else ():
        # an answer may come a moment after its phase; it counts in the nearest cell
        cell = min(int(np.searchsorted(held, place)), len(held) - 1)
        entries = _entries(window.latency)
        for named in (EVERYTHING, name):
            gathered[named].hold(cell, window, entries)
    cells = max((place for of in gathered.values() for place in of.whole), default=-1) + 1
    cells = max(cells, math.ceil(len(seconds) / width_s))
    return {name: _series(timeline, name, gathered.pop(name), len(held), cells) for name in sorted(gathered)}


def _entries(latency: Histogram) -> Entries:
    count = len(latency.counts)
    entries = np.empty((2, count), dtype=np.int32)
    entries[0] = np.fromiter(latency.counts.keys(), np.int32, count)
    entries[1] = np.fromiter(latency.counts.values(), np.int32, count)
    return entries


def _table(of: _Gathered, held: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Buckets that occur, and latencies by cell and bucket."""
    table = of.table
    if table is None:
        table = np.zeros((held, BUCKETS_MAX), dtype=np.float32)
        for cell, entries in of.entries:
            table[cell, entries[0]] += entries[1]
    buckets = np.flatnonzero(table.any(axis=0))
    return buckets, table[:, buckets]


def _series(timeline: Timeline, name: str, of: _Gathered, held: int, whole: int) -> Series:
    labels = {"operation": name} if name else {}
    parts = {"hold": timeline.slice(labels, timeline.hold_names), "run": timeline.slice(labels)}
    values = {kind: measure(kind, parts["run" if kind == "error_ratio" else "hold"]).value for kind in COMPARED}
    return Series(
        *_table(of, held),
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

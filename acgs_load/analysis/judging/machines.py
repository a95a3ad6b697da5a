"""Measures of the machines: what the load generators and the target's host say, beside the windows."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from acgs_load.analysis.reading.load import Run
from acgs_load.health import HealthRow
from acgs_load.histogram import Histogram
from acgs_load.measures import MEASURES, Measure
from acgs_load.usage import ResourceRow

SATURATED_CPU = 0.90
"""Share of one core above which a gevent process answers late."""
SATURATED_S = 3
LAG_LIMIT_MS = 50.0
LAG_QUANTILE = 0.99
LAG_PROBED = "generators: no-op exchange through the event loop, p99, worst process"
LAG_ESTIMATED = "generators: delay that 1 % of the moments exceed by each second's longest stall, worst process"
ADDED = "generators: no-op exchange through the event loop"
SOURCES = ("prometheus", "node_exporter", "docker", "metrics", "process tree")
"""Where the target's CPU and memory come from, the best first: the whole host before the processes alone."""


class Load(NamedTuple):
    """The target's CPU and memory from one source, 0–1."""

    source: str
    cpu_mean: float | None
    cpu_max: float | None
    memory_mean: float | None
    memory_max: float | None
    samples: int


class Process(NamedTuple):
    """One load generator process over the run."""

    name: str
    region: str
    cpu_mean: float
    cpu_max: float
    saturated_s: int
    """Longest stretch above 90 % of a core."""
    loop_lag_p99_ms: float
    memory_max_bytes: int
    users_max: int
    probes: int = 0
    """No-op exchanges that its loop lag rests on; 0 where it is estimated from each second's longest stall."""

    @property
    def generates(self) -> bool:
        """Whether its event loop carries requests; the master's does not."""
        return self.name != "master"


def machine_measures(run: Run) -> dict[str, Measure]:
    """Every measure that windows do not tell, by name; None where nobody measured it."""
    record, rows = run.record, health_in_run(run)
    generating = [process for process in processes(rows) if process.generates]
    added = added_by_generators(run)
    target, count = target_load(run), len(rows)
    workers, arrivals = len(record.workers), record.arrivals
    lost_of = sum(worker.samples_sent or 0 for worker in record.workers)
    figures: dict[str, tuple[float | None, int, str]] = {
        "target_cpu": (target.cpu_mean, target.samples, target.source) if target else (None, 0, "not sampled"),
        "target_memory": (target.memory_mean, target.samples, target.source) if target else (None, 0, "not sampled"),
        "generator_cpu_max": (max((row.cpu for row in rows), default=None), count, "generators"),
        "loop_lag_ms": (
            max((process.loop_lag_p99_ms for process in generating), default=None),
            sum(process.probes for process in generating) or count,
            LAG_PROBED if added.total else LAG_ESTIMATED,
        ),
        "generator_added_p99_ms": (added_ms(added, LAG_QUANTILE), added.total, ADDED),
        "workers_lost": (_float(record.workers_lost), workers, "run.json"),
        "arrivals_unsent": (float(arrivals.unsent), arrivals.scheduled, "run.json")
        if arrivals
        else (None, 0, "run.json"),
        "clock_skew_ms": (record.clock_skew_ms, workers, "run.json"),
        "samples_lost": (_float(record.samples_lost), lost_of, "run.json"),
    }
    return {name: Measure(value, MEASURES[name].unit, n, source) for name, (value, n, source) in figures.items()}


def health_in_run(run: Run) -> list[HealthRow]:
    """The health rows of the seconds in which the load went on."""
    first, last = math.floor(run.record.started_s), math.ceil(run.record.ended_s)
    return sorted(row for row in run.health if first <= row.second <= last)


def processes(rows: Iterable[HealthRow]) -> list[Process]:
    """What each load generator process used, in order of name."""
    by_process: dict[str, list[HealthRow]] = defaultdict(list)
    for row in rows:
        by_process[row.process].append(row)
    return [_process(name, of) for name, of in sorted(by_process.items())]


def added_by_generators(run: Run) -> Histogram:
    """What all generators together added to latencies over the hold phases; where none was reached, over the run."""
    rows = health_in_run(run)
    return probed(_held(run, rows) or rows)


def added_ms(added: Histogram, quantile: float) -> float | None:
    """One percentile of it; None where nobody probed."""
    value_us = added.percentile_us(quantile)
    return None if value_us is None else value_us / 1e3


def probed(rows: Iterable[HealthRow]) -> Histogram:
    """All no-op exchanges that ``rows`` tell of."""
    texts = [row.probe for row in rows if row.probe]
    total = Histogram()
    if not texts:
        return total
    numbers = np.fromstring(" ".join(texts), dtype=np.int64, sep=" ")
    lengths = np.array([text.count(" ") + 1 for text in texts])
    begins = np.cumsum(lengths) - lengths
    pairs = np.delete(numbers, np.concatenate([begins, begins + 1, begins + 2]))
    counts = np.bincount(pairs[0::2], weights=pairs[1::2])
    total.counts = {int(bucket): int(counts[bucket]) for bucket in np.flatnonzero(counts)}
    total.total, total.sum_us = sum(total.counts.values()), int(numbers[begins].sum())
    total.min_us, total.max_us = int(numbers[begins + 1].min()), int(numbers[begins + 2].max())
    return total


def _process(name: str, rows: Sequence[HealthRow]) -> Process:
    added = probed(rows)
    lag_ms = added_ms(added, LAG_QUANTILE)
    return Process(
        name,
        rows[0].region,
        sum(row.cpu for row in rows) / len(rows),
        max(row.cpu for row in rows),
        saturated_stretch_s(rows),
        lag_p99_ms(rows) if lag_ms is None else lag_ms,
        max(row.memory_bytes for row in rows),
        max(row.users for row in rows),
        added.total,
    )


def saturated_stretch_s(rows: Sequence[HealthRow]) -> int:
    """Longest stretch of seconds above 90 % of a core, of one process's rows in order of time.

    A saturated process writes rows late, so one missing second does not end a stretch.
    """
    longest, begin, last = 0, 0, -10
    for row in rows:
        if row.cpu <= SATURATED_CPU:
            last = -10
            continue
        if row.second - last > 2:
            begin = row.second
        last = row.second
        longest = max(longest, last - begin + 1)
    return longest


def lag_p99_ms(rows: Sequence[HealthRow]) -> float:
    """What the event loop of one process adds at p99 where it was not probed: the delay that 1 % of moments exceed.

    Each row tells its second's longest stall. Who comes at a random moment waits for more than x if a stall of L has
    more than x of it left, which in one second has the chance (L − x) ÷ 1 s; the delay sought is the x at which these
    chances make 1 % of the time. Shorter stalls of the same second are not known; where the typical second stalls they
    are taken to be many, so the value is at least the median of the rows.
    """
    stalls_ms = sorted((row.loop_lag_max_ms for row in rows), reverse=True)
    allowed_ms = (1 - LAG_QUANTILE) * 1e3 * len(stalls_ms)
    total_ms, delay_ms = 0.0, 0.0
    for count, stall_ms in enumerate(stalls_ms, start=1):
        total_ms += stall_ms
        delay_ms = max(delay_ms, (total_ms - allowed_ms) / count)
    return max(delay_ms, statistics.median(stalls_ms))


def target_load(run: Run) -> Load | None:
    """The target's CPU and memory from the best source: means over the hold phases, maxima over the run."""
    known = {row.source for row in run.resources}
    if not known:
        return None
    source = min(known, key=lambda name: (SOURCES.index(name) if name in SOURCES else len(SOURCES), name))
    rows = [row for row in run.resources if row.source == source]
    held = _held(run, rows)
    cpu, memory = _present(held, "cpu"), _present(held, "memory")
    return Load(
        source,
        sum(cpu) / len(cpu) if cpu else None,
        max(_present(rows, "cpu"), default=None),
        sum(memory) / len(memory) if memory else None,
        max(_present(rows, "memory"), default=None),
        len(held),
    )


def in_hold(run: Run, second: int) -> bool:
    """Whether an epoch second lies in a phase that holds."""
    at_s = second - run.record.started_s
    return any(phase.hold and phase.from_s <= at_s < phase.to_s for phase in run.record.phases)


Timed = TypeVar("Timed", HealthRow, ResourceRow)


def _held(run: Run, rows: Sequence[Timed]) -> list[Timed]:
    """The rows of seconds that lie in a phase that holds."""
    held = {second for second in {row.second for row in rows} if in_hold(run, second)}
    return [row for row in rows if row.second in held]


def _present(rows: Iterable[ResourceRow], name: str) -> list[float]:
    values: Iterable[float | None] = (getattr(row, name) for row in rows)
    return [value for value in values if value is not None]


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)

"""What the charts show, as numbers: drawn as SVG in the HTML report and as PNG files from the same values."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from acgs_load.analysis.load import Run
from acgs_load.analysis.machines import health_in_run, target_load
from acgs_load.contract import AUTH_OPERATIONS, ERROR_OUTCOMES, Outcome
from acgs_load.samples import Window

POINTS_MAX = 240
"""More points than this are not seen on a page."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series; None where nothing was measured."""

    name: str
    values: tuple[float | None, ...]
    colour: int
    """Place in the palette."""
    right: bool = False
    """Drawn against the right axis."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line: what a threshold demands."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Band:
    """A phase behind the lines."""

    name: str
    from_s: float
    to_s: float
    hold: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart over the time of the run."""

    name: str
    """File name without suffix, and anchor."""
    title: str
    unit: str
    times_s: tuple[float, ...]
    """Middle of each bucket, seconds since the start."""
    width_s: int
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...]
    bands: tuple[Band, ...]
    end_s: float
    unit_right: str = ""
    """Empty: no right axis."""
    share: bool = False
    """Values are 0–1 and shown in per cent."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value is not None for line in self.lines for value in line.values)


@dataclass(slots=True)
class _Bucket:
    """A few seconds of the run."""

    traffic: Window = field(default_factory=Window)
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: int = 0


@dataclass(frozen=True, slots=True)
class _Grid:
    """The run cut into equal buckets of time, on which every chart is drawn."""

    run: Run
    width_s: int
    buckets: Mapping[int, _Bucket]
    limits: tuple[tuple[str, str, float], ...]

    @property
    def places(self) -> range:
        return range(max(self.buckets, default=0) + 1)

    def line(self, name: str, colour: int, read: Callable[[_Bucket], float | None]) -> Line:
        """A line with gaps where nothing was counted."""
        values = (read(self.buckets[at]) if at in self.buckets else None for at in self.places)
        return Line(name, tuple(values), colour)

    def rate(self, name: str, colour: int, read: Callable[[_Bucket], int]) -> Line:
        """Counts a second; where nothing was counted, 0."""
        values = (read(self.buckets[at]) / self.width_s if at in self.buckets else 0.0 for at in self.places)
        return Line(name, tuple(values), colour)

    def means(self, name: str, colour: int, by_second: Mapping[int, float]) -> Line:
        """Means of values by epoch second."""
        begin, sums = math.floor(self.run.record.started_s), defaultdict(list)
        for second, value in by_second.items():
            sums[(second - begin) // self.width_s].append(value)
        return Line(name, tuple(sum(sums[at]) / len(sums[at]) if at in sums else None for at in self.places), colour)

    def panel(
        self, name: str, title: str, unit: str, lines: Sequence[Line], judged: Sequence[str] = (), **more: Any
    ) -> Panel:
        record = self.run.record
        shift_s = math.floor(record.started_s) - record.started_s + self.width_s / 2
        return Panel(
            name=name,
            title=title,
            unit=unit,
            times_s=tuple(place * self.width_s + shift_s for place in self.places),
            width_s=self.width_s,
            lines=tuple(lines),
            limits=tuple(Limit(text, value) for measure, text, value in self.limits if measure in judged),
            bands=tuple(Band(phase.name, phase.from_s, phase.to_s, phase.hold) for phase in record.phases),
            end_s=max(record.duration_s, len(self.places) * self.width_s + shift_s - self.width_s / 2),
            **more,
        )


def panels(run: Run, limits: Iterable[tuple[str, str, float]]) -> list[Panel]:
    """The charts of a run; ``limits`` are (measure, text, value) of its thresholds on the whole of it."""
    width_s = max(1, math.ceil(run.record.duration_s / POINTS_MAX))
    grid = _Grid(run, width_s, _buckets(run, width_s), tuple(limits))
    return [draw(grid) for draw in (_throughput, _latency, _errors, _compliance, _machines)]


def _buckets(run: Run, width_s: int) -> dict[int, _Bucket]:
    begin = math.floor(run.record.started_s)
    buckets: dict[int, _Bucket] = defaultdict(_Bucket)
    for key, window in run.timeline.items():
        bucket = buckets[max(0, key.second - begin) // width_s]
        bucket.outcomes.update(window.outcomes)
        bucket.violations += sum(window.violations.values())
        if key.operation not in AUTH_OPERATIONS:
            bucket.traffic.merge(window)
    return dict(buckets)


def _throughput(grid: _Grid) -> Panel:
    """Answers a second, and users over all processes."""
    users: Counter[int] = Counter()
    for row in health_in_run(grid.run):
        users[row.second] += 0 if row.process == "master" else row.users
    lines = [grid.rate("requests answered", 0, lambda bucket: bucket.traffic.answered), grid.means("users", 1, users)]
    lines[1] = replace(lines[1], right=True)
    return grid.panel("throughput", "Throughput and users", "RPS", lines, ["throughput_rps"], unit_right="users")


def _latency(grid: _Grid) -> Panel:
    lines = [
        grid.line("p50", 2, _percentile(0.5)),
        grid.line("p95", 0, _percentile(0.95)),
        grid.line("p99", 3, _percentile(0.99)),
    ]
    return grid.panel("latency", "Latency", "ms", lines, ["latency_p50_ms", "latency_p95_ms", "latency_p99_ms"])


def _errors(grid: _Grid) -> Panel:
    lines = [
        grid.rate("errors", 3, lambda bucket: sum(bucket.outcomes[outcome] for outcome in ERROR_OUTCOMES)),
        grid.rate("throttled", 1, lambda bucket: bucket.outcomes[Outcome.THROTTLED]),
        grid.rate("violations", 4, lambda bucket: bucket.violations),
    ]
    return grid.panel("errors", "Errors and violations", "a second", lines)


def _compliance(grid: _Grid) -> Panel:
    lines = [grid.line("mean score", 2, _score)]
    return grid.panel("compliance", "Compliance score", "%", lines, ["compliance_score"], share=True)


def _machines(grid: _Grid) -> Panel:
    run, lines = grid.run, []
    if (target := target_load(run)) is not None:
        rows = [row for row in run.resources if row.source == target.source]
        cpu = {row.second: row.cpu for row in rows if row.cpu is not None}
        memory = {row.second: row.memory for row in rows if row.memory is not None}
        lines += [grid.means("target CPU", 0, cpu), grid.means("target memory", 2, memory)]
    hottest: dict[int, float] = defaultdict(float)
    for row in health_in_run(run):
        hottest[row.second] = max(hottest[row.second], row.cpu)
    lines.append(grid.means("busiest generator (of one core)", 1, hottest))
    return grid.panel("machines", "CPU and memory", "%", lines, ["target_cpu", "target_memory"], share=True)


def _percentile(quantile: float) -> Callable[[_Bucket], float | None]:
    def read(bucket: _Bucket) -> float | None:
        value_us = bucket.traffic.latency.percentile_us(quantile)
        return None if value_us is None else value_us / 1e3

    return read


def _score(bucket: _Bucket) -> float | None:
    window = bucket.traffic
    return window.score_sum / window.score_count if window.score_count else None

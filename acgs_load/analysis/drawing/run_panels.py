"""The charts of a run: throughput, latency, errors, violations, compliance and machines on one axis of time."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from acgs_load.analysis.drawing.breaches import Demand, breaches
from acgs_load.analysis.drawing.palette import INKS
from acgs_load.analysis.drawing.panels import Band, Breach, Limit, Line, Panel
from acgs_load.analysis.judging.losses import gaps
from acgs_load.analysis.judging.machines import health_in_run, target_load
from acgs_load.analysis.reading.buckets import Buckets
from acgs_load.analysis.reading.load import Run
from acgs_load.contract import ERROR_OUTCOMES, Outcome, Violation
from acgs_load.health import HealthRow
from acgs_load.samples import Window

ERROR_COLOURS: Mapping[Outcome, int] = {
    Outcome.HTTP_ERROR: 3,
    Outcome.TIMEOUT: 0,
    Outcome.CONNECTION_ERROR: 4,
    Outcome.BAD_RESPONSE: 2,
    Outcome.THROTTLED: 1,
}
VIOLATION_LINES = len(INKS)
"""As many kinds as there are inks; where more were seen, the rarest share the last line."""
LATE_S = 3
"""A busy process skips a row now and then; until it writes one, what it said last holds for so long."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """The buckets of a run and what each of them counted, on which every chart is drawn."""

    run: Run
    buckets: Buckets
    traffic: Sequence[Window]
    """Without logging in."""
    everything: Sequence[Window]
    demands: tuple[Demand, ...]

    def line(self, name: str, colour: int, read: Callable[[Window], float | None]) -> Line:
        """A line over the traffic, with gaps where nothing was counted."""
        return Line(name, tuple(read(window) for window in self.traffic), colour)

    def rate(self, name: str, colour: int, windows: Sequence[Window], read: Callable[[Window], int]) -> Line:
        """Counts a second; where nothing was counted, 0."""
        return Line(name, tuple(read(window) / self.buckets.width_s for window in windows), colour)

    def means(self, name: str, colour: int, by_second: Mapping[int, float]) -> Line:
        """Means of values by epoch second."""
        begin, sums = math.floor(self.run.record.started_s), defaultdict(list)
        for second, value in by_second.items():
            sums[(second - begin) // self.buckets.width_s].append(value)
        places = range(self.buckets.count)
        return Line(name, tuple(sum(sums[at]) / len(sums[at]) if at in sums else None for at in places), colour)

    def panel(self, name: str, title: str, unit: str, lines: Sequence[Line], **more: Any) -> Panel:
        """The chart of these lines, with what the thresholds demand of them."""
        record, times_s, width_s = self.run.record, self.buckets.times_s, self.buckets.width_s
        demands = [demand for demand in self.demands if demand.line in {line.name for line in lines}]
        bands = tuple(Band(phase.name, phase.from_s, phase.to_s, phase.hold) for phase in record.phases)
        last_s = times_s[-1] + width_s / 2 if times_s else 0.0
        return Panel(
            name=name,
            title=title,
            unit=unit,
            times_s=times_s,
            width_s=width_s,
            lines=tuple(lines),
            limits=tuple(Limit(demand.expression, demand.limit) for demand in demands),
            bands=bands,
            end_s=max(record.duration_s, last_s),
            breaches=(*breaches(times_s, width_s, lines, demands, bands), *(Breach(*gap) for gap in gaps(record))),
            **more,
        )


def run_panels(run: Run, buckets: Buckets, demands: Iterable[Demand]) -> list[Panel]:
    """The charts of a run; ``demands``: what its thresholds ask of the lines, over the whole of it."""
    grid = _Grid(run, buckets, *buckets.traffic_and_whole(), tuple(demands))
    return [draw(grid) for draw in (_throughput, _latency, _errors, _violations, _compliance, _machines)]


def _throughput(grid: _Grid) -> Panel:
    """Answers a second, and users over all processes."""
    users = together(health_in_run(grid.run), lambda row: 0 if row.process == "master" else row.users)
    answered = grid.rate("requests answered", 0, grid.traffic, lambda window: window.answered)
    lines = [answered, replace(grid.means("users", 1, users), right=True)]
    return grid.panel("throughput", "Throughput and users", "RPS", lines, unit_right="users")


def _latency(grid: _Grid) -> Panel:
    kinds = (("p50", 0.5, 2), ("p95", 0.95, 0), ("p99", 0.99, 3))
    lines = [grid.line(name, colour, _percentile(quantile)) for name, quantile, colour in kinds]
    return grid.panel("latency", "Latency", "ms", lines)


def _errors(grid: _Grid) -> Panel:
    """Errors and throttled answers by kind, those that were seen; none seen is one line at 0."""
    seen = [kind for kind in ERROR_COLOURS if any(window.outcomes.get(kind) for window in grid.everything)]
    if not seen:
        line = grid.rate("errors", 3, grid.everything, lambda window: _count(window.outcomes, ERROR_OUTCOMES))
        return grid.panel("errors", "Errors", "a second", [line])
    lines = [
        grid.rate(kind, ERROR_COLOURS[kind], grid.everything, lambda window, kind=kind: window.outcomes.get(kind, 0))  # type: ignore[misc]
        for kind in seen
    ]
    return grid.panel("errors", "Errors by kind", "a second", lines)


def _violations(grid: _Grid) -> Panel:
    """Violations by kind, the most frequent apart and the others in one line."""
    totals: Counter[str] = Counter()
    for window in grid.everything:
        totals.update(window.violations)
    kinds = [name for name, count in totals.most_common() if count]
    apart = kinds if len(kinds) <= VIOLATION_LINES else kinds[: VIOLATION_LINES - 1]
    groups = [(kind, frozenset({kind})) for kind in apart]
    if rest := frozenset(kinds) - frozenset(apart):
        groups.append((f"{len(rest)} other kinds", rest))
    if not groups:
        groups = [("violations", frozenset(str(kind) for kind in Violation))]
    colours = (3, 0, 1, 2, 4)
    lines = [
        grid.rate(name, colours[place], grid.everything, lambda window, of=of: _count(window.violations, of))  # type: ignore[misc]
        for place, (name, of) in enumerate(groups)
    ]
    return grid.panel("violation-kinds", "Violations by kind" if kinds else "Violations", "a second", lines)


def _count(counts: Mapping[str, int], kinds: Iterable[str]) -> int:
    return sum(counts.get(kind, 0) for kind in kinds)


def _compliance(grid: _Grid) -> Panel:
    lines = [grid.line("mean score", 2, _score)]
    return grid.panel("compliance", "Compliance score", "%", lines, share=True)


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
    if (machine_bytes := run.record.machine.get("memory_bytes")) and len({row.host for row in run.record.workers}) == 1:
        used_bytes = together(health_in_run(run), lambda row: row.memory_bytes)
        shares = {second: used / machine_bytes for second, used in used_bytes.items()}
        lines.append(grid.means("generators' memory", 4, shares))
    return grid.panel("machines", "CPU and memory", "%", lines, share=True)


def together(rows: Iterable[HealthRow], read: Callable[[HealthRow], int]) -> dict[int, int]:
    """What all processes come to by second, each as the latest of its rows tells; ``rows`` in order of time."""
    by_process: dict[str, list[HealthRow]] = defaultdict(list)
    for row in rows:
        by_process[row.process].append(row)
    sums: Counter[int] = Counter()
    for of in by_process.values():
        for row, after in zip(of, [*of[1:], None], strict=True):
            end = row.second + 1 if after is None else min(after.second, row.second + 1 + LATE_S)
            for second in range(row.second, end):
                sums[second] += read(row)
    return sums


def _percentile(quantile: float) -> Callable[[Window], float | None]:
    def read(window: Window) -> float | None:
        value_us = window.latency.percentile_us(quantile)
        return None if value_us is None else value_us / 1e3

    return read


def _score(window: Window) -> float | None:
    return window.score_sum / window.score_count if window.score_count else None

"""Watches the thresholds that may stop a run, second by second, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from acgs_load.measures import MEASURES, Slice, measure
from acgs_load.plan import Plan
from acgs_load.samples import Window
from acgs_load.threshold_judge import Row, scope
from acgs_load.threshold_terms import Threshold
from acgs_load.timeline import PEAK_WINDOW_S, Timeline

SETTLE_S = 4.0
"""Workers report every three seconds: a second is judged once every report of it has had time to arrive."""


BREAK_WINDOW_S, BREAK_COUNT = 10, 3
"""``stress`` ends early once a threshold is broken for three windows running."""


class LiveJudge:
    """Says when a threshold ends the run: one with ``abort``, and in ``stress`` each that says where the target broke.

    Reads each second once, so older ones may be forgotten. ``settle_s`` is how late windows may still arrive.
    """

    def __init__(self, thresholds: Iterable[Threshold], plan: Plan, settle_s: float = SETTLE_S) -> None:
        self._settle_s = settle_s
        self._watches = [
            watch_of(threshold)
            for threshold in (_watched(threshold, plan) for threshold in thresholds)
            if threshold.abort and not threshold.relative
        ]

    def breached(self, timeline: Timeline, elapsed_s: float) -> Threshold | None:
        """The first threshold whose breach ends the run now, ``elapsed_s`` after the start; None where none does.

        Where it is ``breaking``, the run has found what it looked for. ``timeline.phases`` must say which phases hold,
        as planned or as they go.
        """
        horizon = math.floor(timeline.started_epoch_s + elapsed_s - self._settle_s)
        for watch in self._watches:
            watch.read(timeline, horizon)
        for watch in self._watches:
            if watch.failed and elapsed_s >= watch.threshold.abort_after_s:
                return watch.threshold
        return None

    def needed_from(self, timeline: Timeline, elapsed_s: float) -> int:
        """The oldest epoch second that a later call may still read."""
        widest_s = max((watch.threshold.over_s or 0 for watch in self._watches), default=0)
        reach_s = self._settle_s + max(PEAK_WINDOW_S, widest_s) + 1
        return math.floor(timeline.started_epoch_s + elapsed_s - reach_s)


def _watched(threshold: Threshold, plan: Plan) -> Threshold:
    """The threshold as it is watched. In ``stress`` latency, errors and throttling are, window by window, all of them.

    Throughput is not: users who wait send nothing, so that what it would tell, latency tells.
    """
    told_live = MEASURES[threshold.measure].read is not None and not threshold.measure.startswith("throughput")
    if plan.test_type != "stress" or not threshold.breaking or threshold.over_s or threshold.abort or not told_live:
        return threshold
    shortest_s = min((stage.duration_s for stage in plan.stages if stage.hold), default=0.0)
    width_s = max(1, min(BREAK_WINDOW_S, int(shortest_s / BREAK_COUNT)))
    return replace(threshold, over_s=width_s, count=BREAK_COUNT, abort=True)


class Watch(Protocol):
    """Reads the seconds of a timeline, each once, and knows how its threshold stands."""

    @property
    def threshold(self) -> Threshold: ...

    @property
    def failed(self) -> bool:
        """Whether the limit is breached."""
        ...

    @property
    def value(self) -> tuple[float | None, int]:
        """What is held against the limit (None: nothing yet), and on how many samples it rests."""
        ...

    def read(self, timeline: Timeline, horizon: int) -> None:
        """Judge the epoch seconds before ``horizon`` that were not read yet."""
        ...


def watch_of(threshold: Threshold) -> Watch:
    """The watch for windows, or the one for everything so far."""
    return _RowWatch(threshold) if threshold.over_s else _SumWatch(threshold)


class _RowWatch:
    """A threshold judged window by window."""

    def __init__(self, threshold: Threshold) -> None:
        self.threshold = threshold
        self._row = Row(threshold, threshold.limit)
        self._read_to = 0

    def read(self, timeline: Timeline, horizon: int) -> None:
        """Judge the windows that end by ``horizon`` and were not read yet."""
        threshold = self.threshold
        phases = scope(threshold, timeline)
        for begin, end in timeline.windows(threshold.over_s or 1, phases, horizon):
            if begin < self._read_to:
                continue
            found = measure(threshold.measure, timeline.slice(threshold.labels, phases, begin, end))
            self._row.add(begin - timeline.started_epoch_s, found.value, found.samples)
            self._read_to = end

    @property
    def failed(self) -> bool:
        """Whether enough windows in a row have failed."""
        return self._row.failed

    @property
    def value(self) -> tuple[float | None, int]:
        """The row that came nearest to failing, or went furthest beyond."""
        return self._row.value, self._row.samples


class _SumWatch:
    """A threshold judged over everything so far."""

    def __init__(self, threshold: Threshold) -> None:
        self.threshold = threshold
        self._totals: dict[str, Window] = {}
        self._seconds = 0.0
        self._peak_rps: float | None = None
        self._silence_s: float | None = None
        self._last_done_s = 0.0
        self._read_to = 0

    def read(self, timeline: Timeline, horizon: int) -> None:
        """Add the seconds up to ``horizon`` that were not added yet."""
        start = math.floor(timeline.started_epoch_s)
        self._read_to = self._read_to or start
        self._last_done_s = self._last_done_s or timeline.started_epoch_s
        labels, phases = self.threshold.labels, scope(self.threshold, timeline)
        for second in range(self._read_to, horizon):
            part = timeline.slice(labels, phases, second, second + 1)
            self._seconds += part.seconds
            self._add(part.by_operation.items(), second + 1)
            if self.threshold.measure == "throughput_peak_rps" and second + 1 - PEAK_WINDOW_S >= start:
                peak = timeline.slice(labels, phases, second + 1 - PEAK_WINDOW_S, second + 1).peak_rps
                self._peak_rps = max(self._peak_rps or 0.0, peak or 0.0)
            self._read_to = second + 1

    def _add(self, windows: Iterable[tuple[str, Window]], end_s: float) -> None:
        first_s, last_s = math.inf, self._last_done_s
        for operation, window in windows:
            self._totals.setdefault(operation, Window()).merge(window)
            if window.last_done_s:
                first_s, last_s = min(first_s, window.first_done_s), max(last_s, window.last_done_s)
        self._silence_s = max(self._silence_s or 0.0, min(first_s, end_s) - self._last_done_s)
        self._last_done_s = last_s

    @property
    def failed(self) -> bool:
        """Whether what was added so far breaches the limit; nothing added yet breaches none."""
        value, _ = self.value
        return value is not None and not self.threshold.holds(value, self.threshold.limit)

    @property
    def value(self) -> tuple[float | None, int]:
        """Of everything added so far."""
        so_far = Slice(self._totals, self._seconds, self._peak_rps, self._silence_s)
        told = measure(self.threshold.measure, so_far)
        return told.value, told.samples

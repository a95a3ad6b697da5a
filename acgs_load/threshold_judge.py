"""Judges a threshold over a timeline. The same predicates serve the abort while the run lasts and the verdict after it.

Scope: ``during PHASE`` if it says so; else the hold phases for latency and throughput; else the whole run.
Windows (``over 10s for 3``): only whole windows inside the scope count; the threshold fails where that many in a row
fail. A window without a value neither passes nor fails, and ends the row. Where no row was long enough to be judged,
the threshold is not measured, which never reads as passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from acgs_load.measures import JUDGED_OPERATIONS, MEASURES, TIMED, Measure, measure
from acgs_load.threshold_terms import Threshold
from acgs_load.timeline import Timeline

State = Literal["pass", "fail", "not_measured"]
Baseline = Callable[[Threshold], Measure]
"""What the baseline run measured of the same subject; see ``baseline_of``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one threshold."""

    threshold: Threshold
    state: State
    value: float | None
    """What was held against the limit; of windows, the row that came nearest to failing or went furthest beyond."""
    limit: float | None
    """In the measure's unit, the baseline already multiplied in; None where that was not measured."""
    unit: str
    samples: int
    margin: float | None
    """Room to the limit as a share of it; negative: beyond."""
    first_breach_s: float | None = None
    """Begin of the first row of windows that failed, seconds since the start; None without windows."""
    reason: str | None = None
    """Why it was not measured."""


class Row:
    """Windows as they come, folded into what is held against the limit: ``count`` in a row, by their best value."""

    def __init__(self, threshold: Threshold, limit: float) -> None:
        self._threshold = threshold
        self._limit = limit
        self._recent: deque[tuple[float, float]] = deque(maxlen=threshold.count)
        self.value: float | None = None
        self.samples = 0
        self.first_breach_s: float | None = None

    def add(self, from_s: float, value: float | None, samples: int) -> None:
        """Count the window that began ``from_s`` after the start."""
        if value is None:
            self._recent.clear()
            return
        self.samples += samples
        self._recent.append((from_s, value))
        if len(self._recent) < self._threshold.count:
            return
        # all of the row fail exactly when the best of them does
        best = max((value for _, value in self._recent), key=self._margin)
        if self.value is None or self._margin(best) < self._margin(self.value):
            self.value = best
        if self.first_breach_s is None and not self._threshold.holds(best, self._limit):
            self.first_breach_s = self._recent[0][0]

    @property
    def failed(self) -> bool:
        """Whether enough windows in a row have failed; once true, it stays so."""
        return self.first_breach_s is not None

    def _margin(self, value: float) -> float:
        return self._threshold.margin(value, self._limit)


def judge(
    threshold: Threshold, timeline: Timeline, machine: Mapping[str, Measure], baseline: Baseline | None = None
) -> Finding:
    """The finding over a whole run. ``machine`` has the measures that windows do not tell, by name.

    Where the timeline is empty (a plain Locust CSV), ``machine`` may also give the others, without labels or windows.
    """
    limit, reason = _limit(threshold, baseline)
    if limit is None:
        return _unmeasured(threshold, reason, None)
    if threshold.over_s is not None:
        return _judge_windows(threshold, timeline, limit)
    return found(threshold, measured(threshold, timeline, machine), limit)


def judge_between(threshold: Threshold, timeline: Timeline, from_second: int, to_second: int) -> Finding:
    """The finding over the epoch seconds [from, to), whatever phases they belong to: a step of a search."""
    plain = replace(threshold, during=None, over_s=None)
    if plain.relative or MEASURES[plain.measure].read is None:
        return _unmeasured(threshold, "known after the run only", None)
    part = timeline.slice(plain.labels, None, from_second, to_second)
    return found(threshold, measure(plain.measure, part), plain.limit)


def measured(threshold: Threshold, timeline: Timeline, machine: Mapping[str, Measure]) -> Measure:
    """What the threshold's subject came to over its scope, windows aside."""
    kind = MEASURES[threshold.measure]
    if kind.read is None or not timeline.seconds:
        absent = Measure(None, kind.unit, 0, "")
        partial = threshold.labels or threshold.during
        return absent if partial else machine.get(threshold.measure, absent)
    return measure(threshold.measure, timeline.slice(threshold.labels, scope(threshold, timeline)))


def scope(threshold: Threshold, timeline: Timeline) -> frozenset[str] | None:
    """The phases that a threshold speaks of; None for the whole run."""
    if threshold.during is not None:
        return frozenset({threshold.during})
    return timeline.hold_names if MEASURES[threshold.measure].scope == "hold" else None


def baseline_of(timeline: Timeline, machine: Mapping[str, Measure]) -> Baseline:
    """The baseline that an earlier run is. A phase that it did not have reads as not measured."""
    return lambda threshold: measured(threshold, timeline, machine)


def _limit(threshold: Threshold, baseline: Baseline | None) -> tuple[float | None, str]:
    if not threshold.relative:
        return threshold.limit, ""
    if baseline is None:
        return None, "there is no baseline"
    value = baseline(threshold).value
    return (None, "the baseline did not measure it") if value is None else (threshold.limit * value, "")


def _judge_windows(threshold: Threshold, timeline: Timeline, limit: float) -> Finding:
    assert threshold.over_s is not None, "only thresholds with windows come here"
    row = Row(threshold, limit)
    apart, phases = threshold.measure in JUDGED_OPERATIONS, scope(threshold, timeline)
    timed = threshold.measure in TIMED
    for second, part in timeline.series(threshold.over_s, threshold.labels, phases, apart=apart, timed=timed):
        told = measure(threshold.measure, part)
        row.add(max(0.0, second - timeline.started_epoch_s), told.value, told.samples)
    if row.value is None:
        wanted = f"{threshold.count} in a row" if threshold.count > 1 else "one"
        return _unmeasured(threshold, f"of the windows of {threshold.over_s} s, not even {wanted} had a value", limit)
    told = Measure(row.value, MEASURES[threshold.measure].unit, row.samples, "windows")
    return replace(found(threshold, told, limit), first_breach_s=row.first_breach_s)


def found(threshold: Threshold, told: Measure, limit: float) -> Finding:
    """The finding where ``told`` is what the threshold's subject came to; without a value: not measured."""
    if told.value is None:
        return _unmeasured(threshold, "nothing that tells it was seen", limit)
    state: State = "pass" if threshold.holds(told.value, limit) else "fail"
    return Finding(threshold, state, told.value, limit, told.unit, told.samples, threshold.margin(told.value, limit))


def _unmeasured(threshold: Threshold, reason: str, limit: float | None) -> Finding:
    return Finding(threshold, "not_measured", None, limit, MEASURES[threshold.measure].unit, 0, None, None, reason)

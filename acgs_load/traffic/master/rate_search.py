"""Capacity: offers one rate after the other and judges each by the run's own thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Any, NamedTuple

from acgs_load.measures import measure
from acgs_load.samples import Window, WindowKey
from acgs_load.threshold_judge import judge_between
from acgs_load.threshold_terms import Threshold
from acgs_load.timeline import Timeline
from acgs_load.traffic.master.bracket import Bracket
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.messages import RATE

AHEAD_S = 0.3
"""Workers are told this long before a rate begins, so that all begin at once."""
REPORTS_S = 2.5
"""Reports of a step's last second have arrived after this; the rate stays as it is meanwhile."""
OFFERED_SHARE = 0.98
"""A rate is held only if this share of it is answered (measures.md, throughput under ``--rate``)."""
PAUSE = "pause"
"""The phase between steps in which a backlog is worked off."""
LOOK_S = 1.0
"""A run is looked at twice a second, so the last step must be over this long before the run is."""
GRACE_S = 3.0
"""Arrivals that wait this long after a step that held are a backlog, and not the last requests of that step."""

TOKENLESS_SHARE = 0.01
"""So many users may be without a token (contract, section 5)."""
LOGIN_SHARE_MAX = 1 / 3


class _Step(NamedTuple):
    rate: float
    from_s: float
    judged_from_s: float
    to_s: float


class RateSearch:
    """Steers the arrival rate of a run, step by step, until the bracket is narrow enough or time is up."""

    def __init__(self, course: Course, bracket: Bracket, thresholds: Sequence[Threshold]) -> None:
        search = course.plan.search
        assert search is not None, "only a search is searched"
        self._search = search
        self._bracket = bracket
        self._thresholds = [one for one in thresholds if not one.measure.startswith("throughput")]
        self._timeline = Timeline(course.started_s, ())
        self._step: _Step | None = None
        self._begin_s = course.plan.stages[0].duration_s if len(course.plan.stages) > 1 else 0.0
        self._steps: list[dict[str, Any]] = []
        self._paused = False
        course.arriving.append(self._see)
        course.search = self._result()

    def look(self, course: Course) -> None:
        """Judge the step that is over, or begin the next one."""
        elapsed_s = course.elapsed_s
        if self._step is not None:
            if elapsed_s >= self._step.to_s + REPORTS_S:
                self._judge(course, self._step)
                self._step = None
        elif elapsed_s >= self._begin_s - AHEAD_S:
            self._begin_or_wait(course, elapsed_s)

    def _begin_or_wait(self, course: Course, elapsed_s: float) -> None:
        """Begin the next step once nothing is under way that would count against it, and in any case after a while.

        Before the first step those are users who still log in, later arrivals that wait. Users whom a target never lets
        in, or arrivals that a lost worker had taken, may wait for ever.
        """
        waited_s = elapsed_s - self._begin_s
        if self._steps:
            clear, patience_s, grace_s = _worked_off(course), self._search.step_s, GRACE_S
        else:
            clear, patience_s, grace_s = _logged_in(course), _login_patience_s(course, self._begin_s), 0.0
        if clear or waited_s >= patience_s:
            self._begin(course, max(elapsed_s + AHEAD_S, self._begin_s))
        elif waited_s >= grace_s and not self._paused:
            self._pause(course)

    def _begin(self, course: Course, from_s: float) -> None:
        rate = self._bracket.next_rate()
        step_s = self._search.step_s
        if rate is None or from_s + step_s + REPORTS_S + LOOK_S > course.plan.duration_s:
            course.end("search")
            return
        self._paused = False
        self._offer(course, from_s, rate, f"rate-{rate:g}")
        self._step = _Step(rate, from_s, from_s + min(self._search.settle_s, step_s / 2), from_s + step_s)

    def _judge(self, course: Course, step: _Step) -> None:
        start_s = course.started_s
        from_second, to_second = ceil(start_s + step.judged_from_s), floor(start_s + step.to_s)
        broke = []
        for threshold in self._thresholds:
            found = judge_between(threshold, self._timeline, from_second, to_second)
            if found.state == "fail":
                broke.append(f"{threshold.expression}: {_told(found.value, found.unit)}")
        part = self._timeline.slice(None, None, from_second, to_second)
        throughput_rps = measure("throughput_rps", part).value or 0.0
        if throughput_rps < OFFERED_SHARE * step.rate:
            broke.append(f"throughput_rps >= {OFFERED_SHARE:g} × {step.rate:g}: {_told(throughput_rps, 'rps')}")
        self._bracket.learn(step.rate, not broke)
        self._steps.append(
            {
                "rate": step.rate,
                "from_s": round(from_second - start_s, 3),
                "to_s": round(to_second - start_s, 3),
                "held": not broke,
                "broke": broke,
                "throughput_rps": round(throughput_rps, 3),
            }
        )
        course.search = self._result()
        self._timeline.forget_before(to_second)
        self._begin_s = course.elapsed_s
        if broke:
            self._pause(course)
            self._begin_s += 1.0

    def _pause(self, course: Course) -> None:
        self._paused = True
        self._offer(course, course.elapsed_s + AHEAD_S, 0.0, f"{PAUSE}-{len(self._steps)}")

    def _offer(self, course: Course, from_s: float, rate: float, phase: str) -> None:
        course.phases.enter(from_s, phase, hold=rate > 0)
        told = {"from_s": from_s, "rate": rate, "phase": phase}
        course.rates_told.append(told)
        course.crew.tell(RATE, told)

    def _see(self, key: WindowKey, window: Window) -> None:
        own = Window()
        own.merge(window)
        self._timeline.add(key, own)

    def _result(self) -> dict[str, Any]:
        return {"steps": self._steps, "held_rps": self._bracket.held, "broke_rps": self._bracket.broke}


def _worked_off(course: Course) -> bool:
    """Whether no arrival waits for a user any more."""
    counts = course.crew.arrivals()
    return counts is None or counts["scheduled"] - counts["sent"] - counts["unsent"] <= 0


def _logged_in(course: Course) -> bool:
    """Whether all users that the workers speak of have a token, but for those without whom a run is judged as well."""
    users = course.crew.total("users")
    return users - course.crew.total("logged_in") <= TOKENLESS_SHARE * users


def _login_patience_s(course: Course, begin_s: float) -> float:
    """How long the first step waits for logins at the most: most of the run is for the search."""
    return LOGIN_SHARE_MAX * (course.plan.duration_s - begin_s)


def _told(value: float | None, unit: str) -> str:
    """A measured value with its unit, for the record of the search: ``11,946 ms``, ``2.4 %``, ``59.8 RPS``."""
    if value is None:
        return "not measured"
    if unit == "ratio":
        return f"{100 * value:.4g} %"
    return f"{value:,.{0 if value >= 100 else 1}f} {'RPS' if unit == 'rps' else unit}"

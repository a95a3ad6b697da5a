"""What looks at a run while it goes on, and may end it: thresholds with ``abort``, and the search for capacity."""

from __future__ import annotations

from typing import Protocol

from acgs_load.measures import MEASURES
from acgs_load.samples import Window, WindowKey
from acgs_load.threshold_live import LiveJudge
from acgs_load.threshold_terms import Threshold
from acgs_load.thresholds import read
from acgs_load.timeline import Phase, Timeline
from acgs_load.traffic.master.bracket import Bracket
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.rate_search import RateSearch
from acgs_load.traffic.phases import AFTER


class Watcher(Protocol):
    """Looks now and then; ends the run with ``Course.end`` when it has seen enough."""

    def look(self, course: Course) -> None:
        """Look at what is known so far."""
        ...


class ThresholdWatch:
    """Ends the run when a threshold with ``abort`` is breached, and a stress test once it has found the break."""

    def __init__(self, course: Course, thresholds: list[Threshold]) -> None:
        self._judge = LiveJudge(thresholds, course.plan)
        self._timeline = planned_timeline(course)
        course.listeners.append(self._see)

    def look(self, course: Course) -> None:
        """Judge what has settled."""
        elapsed_s = course.elapsed_s
        self._timeline.phases = _planned(course)
        breached = self._judge.breached(self._timeline, elapsed_s)
        self._timeline.forget_before(self._judge.needed_from(self._timeline, elapsed_s))
        if breached is None or course.ended_by is not None:
            return
        if breached.breaking:
            course.end("broken")
        else:
            course.abort = {"expression": breached.expression, "at_s": round(elapsed_s, 3)}
            course.end("abort")

    def _see(self, key: WindowKey, window: Window) -> None:
        self._timeline.add(key, window)


def planned_timeline(course: Course) -> Timeline:
    """An empty timeline with the phases as planned."""
    return Timeline(course.started_s, _planned(course))


def _planned(course: Course) -> tuple[Phase, ...]:
    """As planned, or as somebody has changed it meanwhile."""
    return tuple(phase for phase in course.phases.until(course.plan.duration_s) if phase.name != AFTER)


def watchers_of(course: Course) -> list[Watcher]:
    """Those that the plan of ``course`` calls for."""
    thresholds = [read(text) for text in course.plan.thresholds]
    watchers: list[Watcher] = []
    if course.plan.test_type == "stress" or any(threshold.abort for threshold in thresholds):
        watchers.append(ThresholdWatch(course, thresholds))
    breaking = [threshold for threshold in thresholds if threshold.breaking and _windows_tell(threshold)]
    if course.plan.search is not None:
        watchers.append(RateSearch(course, Bracket(course.plan.search), breaking))
    return watchers


def _windows_tell(threshold: Threshold) -> bool:
    return MEASURES[threshold.measure].read is not None and not threshold.relative

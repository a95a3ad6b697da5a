"""What the person in front of a run should be told while it goes on: each thing once, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from acgs_load.health import HealthRow
from acgs_load.printable import printable
from acgs_load.snapshot import Standing, Violations, Warned
from acgs_load.traffic.master.course import Course

BUSY_CPU, BUSY_S = 0.90, 3
"""A generator that uses this much of a core for this long answers late itself (see the verdict INVALID)."""
HELD_UP_MS = 100.0
"""An event loop that is held up for longer, second after second, adds that to latencies."""
UNSTEADY = frozenset({"throughput_rps", "throughput_peak_rps"})
"""Measures that lie below their limit as a matter of course while a run begins."""


class Alarms:
    """Remembers what was said already."""

    def __init__(self) -> None:
        self.said: list[Warned] = []
        self._known: set[str] = set()
        self._busy: dict[str, int] = {}
        self._held_up: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def look(self, course: Course, standings: Iterable[Standing], violations: Iterable[Violations]) -> None:
        """Say what is new."""
        for name, text in (*self._generators(course), *_target(standings, violations)):
            if name not in self._known:
                self._known.add(name)
                self.said.append(Warned(round(max(0.0, course.elapsed_s), 1), printable(text)))

    def _generators(self, course: Course) -> Iterator[tuple[str, str]]:
        for member in course.crew.lost:
            region = f" ({member.identity['region']})" if member.identity.get("region") else ""
            yield f"lost {member.client}", f"worker {member.index}{region} is gone; its users go on elsewhere"
        for row in course.health.values():
            yield from self._process(row)
        for error in course.errors[:1]:
            yield "error", f"the load generator had an error: {error}"

    def _process(self, row: HealthRow) -> Iterator[tuple[str, str]]:
        if self._seen.get(row.process) == row.second:
            return
        self._seen[row.process] = row.second
        self._busy[row.process] = self._busy.get(row.process, 0) + 1 if row.cpu > BUSY_CPU else 0
        held_up = row.loop_lag_max_ms > HELD_UP_MS
        self._held_up[row.process] = self._held_up.get(row.process, 0) + 1 if held_up else 0
        if self._busy[row.process] >= BUSY_S:
            text = f"{row.process} uses {row.cpu:.0%} of its core: it may be slower than the target; more workers help"
            yield f"busy {row.process}", text
        if self._held_up[row.process] >= BUSY_S and row.process != "master":
            text = f"{row.process} is held up for {row.loop_lag_max_ms:.0f} ms at a time, which it adds to latencies"
            yield f"held up {row.process}", text
        if row.arrivals_unsent:
            yield "unsent", "arrivals are given up because no user is free: more --users, or a lower --rate"


def _target(standings: Iterable[Standing], violations: Iterable[Violations]) -> Iterator[tuple[str, str]]:
    for row in violations:
        yield f"violation {row.kind}", f"{row.kind} in {row.operation}, first at {row.first_s:.0f} s"
    for standing in standings:
        if standing.state == "fail" and standing.measure not in UNSTEADY:
            yield f"threshold {standing.expression}", f"{standing.expression} does not hold"

"""Which phase a moment of the run belongs to; planned ahead, cut short or continued while the run goes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from acgs_load.plan import Plan
from acgs_load.timeline import Phase

AFTER = "stop"
"""The phase of requests that were due after the end: users finishing their iteration."""


class PhaseBook:
    """Phases by the seconds since the start at which they begin."""

    def __init__(self, begins: Iterable[tuple[float, str, bool]]) -> None:
        rows = list(begins)
        self._from_s = [row[0] for row in rows]
        self._names = [row[1] for row in rows]
        self._holds = [row[2] for row in rows]

    @classmethod
    def of(cls, plan: Plan) -> PhaseBook:
        """The phases that ``plan`` intends, and what comes after its end."""
        begin_s, rows = 0.0, []
        for stage in plan.stages:
            rows.append((begin_s, stage.name, stage.hold))
            begin_s += stage.duration_s
        return cls([*rows, (begin_s, AFTER, False)])

    def phase_at(self, elapsed_s: float) -> str:
        """Name of the phase at ``elapsed_s``; before the start, the first."""
        return self._names[max(0, bisect_right(self._from_s, elapsed_s) - 1)]

    def enter(self, from_s: float, name: str, hold: bool = False) -> None:
        """From ``from_s`` on it is ``name``, whatever was intended."""
        position = bisect_right(self._from_s, from_s - 1e-9)
        self._from_s[position:] = [from_s]
        self._names[position:] = [name]
        self._holds[position:] = [hold]

    def until(self, end_s: float) -> list[Phase]:
        """Every phase that began before ``end_s``, as it went."""
        ends_s = [*self._from_s[1:], end_s]
        rows = zip(self._names, self._from_s, ends_s, self._holds, strict=True)
        return [Phase(name, begin, min(end, end_s), hold) for name, begin, end, hold in rows if begin < end_s]


def ramp_end_s(plan: Plan) -> float:
    """When all users of the plan are to be there for the first time, in seconds since the start."""
    begin_s = 0.0
    for stage in plan.stages:
        if stage.users_from >= plan.users_max:
            return begin_s
        begin_s += stage.duration_s
        if stage.users_to >= plan.users_max:
            return begin_s
    return begin_s

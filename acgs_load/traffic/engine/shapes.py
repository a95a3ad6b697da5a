"""How many users there should be right now. Locust asks; the plan knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from locust import LoadTestShape

from acgs_load.plan import Plan

TICK_S = 0.2
"""How often the number of users is adjusted; Locust's own shapes do so once a second."""


class _Edit(NamedTuple):
    """What somebody wants instead of what the plan says."""

    from_s: float
    before: int
    users: int
    spawn_rate: float


class PlanShape(LoadTestShape):
    """Plays the stages of whatever plan it follows."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._plan: Plan | None = None
        self._elapsed_s: Callable[[], float] = self.get_run_time
        self._edit: _Edit | None = None

    def follow(self, plan: Plan, elapsed_s: Callable[[], float]) -> None:
        """Play ``plan`` by the clock ``elapsed_s`` (seconds since the start)."""
        self._plan, self._elapsed_s, self._edit = plan, elapsed_s, None

    def change(self, from_s: float, users: int, spawn_rate: float) -> float:
        """Go to ``users`` from ``from_s`` on, and stay; gives the seconds that takes."""
        before = self.users_at(from_s)
        self._edit = _Edit(from_s, before, users, spawn_rate)
        return abs(users - before) / spawn_rate

    def users_at(self, elapsed_s: float) -> int:
        """Users wanted at ``elapsed_s``, as things stand."""
        assert self._plan is not None, "a plan is followed first"
        edit = self._edit
        if edit is None or elapsed_s < edit.from_s:
            return edit.before if edit is not None else self._plan.users_at(elapsed_s)
        step = round((elapsed_s - edit.from_s) * edit.spawn_rate)
        return min(edit.before + step, edit.users) if edit.users > edit.before else max(edit.before - step, edit.users)

    def tick(self) -> tuple[int, float]:
        """Users wanted now, and a spawn rate that reaches them at once: the steps are small because ticks are."""
        if self._plan is None:
            return 0, 1.0
        users = self.users_at(self._elapsed_s())
        return users, float(max(1, users, self._plan.users_max))

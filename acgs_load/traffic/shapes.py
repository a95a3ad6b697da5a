"""How many users there should be right now. Locust asks; the plan knows."""

from __future__ import annotations

from collections.abc import Callable

from locust import LoadTestShape

from acgs_load.plan import Plan

TICK_S = 0.2
"""How often the number of users is adjusted; Locust's own shapes do so once a second."""


class PlanShape(LoadTestShape):
    """Plays the stages of whatever plan it follows."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._plan: Plan | None = None
        self._elapsed_s: Callable[[], float] = self.get_run_time

    def follow(self, plan: Plan, elapsed_s: Callable[[], float]) -> None:
        """Play ``plan`` by the clock ``elapsed_s`` (seconds since the start)."""
        self._plan, self._elapsed_s = plan, elapsed_s

    def tick(self) -> tuple[int, float]:
        """Users wanted now, and a spawn rate that reaches them at once: the steps are small because ticks are."""
        if self._plan is None:
            return 0, 1.0
        users = self._plan.users_at(self._elapsed_s())
        return users, float(max(1, self._plan.users_max))

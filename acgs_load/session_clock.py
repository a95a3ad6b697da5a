"""Was this machine's clock set while a run went on? The run's times count on from its start; those of logs do not."""

from __future__ import annotations

import time
from collections.abc import Callable

TOLD_FROM_S = 2.0
"""What time servers correct step by step is less."""


class WallWatch:
    """Holds the wall clock against one that nobody can set, from its making on."""

    def __init__(self, wall_s: Callable[[], float] = time.time, steady_s: Callable[[], float] = time.monotonic) -> None:
        self._wall_s, self._steady_s = wall_s, steady_s
        self._apart_s = wall_s() - steady_s()

    def told(self) -> str | None:
        """A line on how the clock was set since; None where it was not."""
        shift_s = self._wall_s() - self._steady_s() - self._apart_s
        if abs(shift_s) < TOLD_FROM_S:
            return None
        way = "forward" if shift_s > 0 else "back"
        return (
            f"this machine's clock was set {way} by {abs(shift_s):,.0f} s during the run; its times go on from the "
            "start, those of logs do not"
        )

"""Pauses of users: whoever is due within the same two milliseconds is woken in the same turn of the loop.

A turn of the loop with its timer, its poll and its wake-up costs more than what a thinking user does in it. Users that
wake in company share one, and their requests leave together (see ``transport.outbox``). Think times are drawn from
stretches of seconds; nobody can tell two milliseconds from them. Open load does not pause: its arrivals keep their own
time.
"""

from __future__ import annotations

import time
from heapq import heappop, heappush
from typing import Any

from gevent import get_hub, getcurrent, sleep

TICK_S = 0.002
"""A pause is at most this much too long (plus what the loop itself is late), never too short."""


class Naps:
    """The sleepers of one process, by the tick they wake in."""

    def __init__(self) -> None:
        self._hub = get_hub()
        self._sleepers: dict[int, list[Any]] = {}
        self._ticks: list[int] = []
        """A heap of the keys of ``_sleepers``."""
        self._timer: Any = None
        self._waking = False

    def nap(self, seconds: float) -> None:
        """Let others run for ``seconds``. Whatever ends the greenlet's wait early is raised, and nobody is woken."""
        if seconds <= 0:
            sleep(0)
            return
        sleepers = self._place(int((time.perf_counter() + seconds) / TICK_S) + 1)
        me = getcurrent()
        sleepers.append(me)
        try:
            while me in sleepers:
                self._hub.switch()
        except BaseException:  # a user is stopped by GreenletExit, which is no Exception
            if me in sleepers:
                sleepers[sleepers.index(me)] = None
            raise

    def _place(self, tick: int) -> list[Any]:
        sleepers = self._sleepers.get(tick)
        if sleepers is None:
            sleepers = self._sleepers[tick] = []
            heappush(self._ticks, tick)
            if self._ticks[0] == tick and not self._waking:
                self._arm()
        return sleepers

    def _arm(self) -> None:
        """Have the loop call when the first sleepers are due."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        if self._ticks:
            self._timer = self._hub.loop.timer(max(0.0, self._ticks[0] * TICK_S - time.perf_counter()))
            self._timer.start(self._wake, update=True)

    def _wake(self) -> None:
        self._waking = True
        now_s = time.perf_counter()
        while self._ticks and self._ticks[0] * TICK_S <= now_s:
            sleepers = self._sleepers.pop(heappop(self._ticks))
            while sleepers:
                sleeper = sleepers.pop()
                if sleeper is not None:
                    sleeper.switch()
        self._waking = False
        self._arm()

"""Time-outs for thousands of requests at the price of one timer.

A connection stands in at most one slot of the wheel that counts. A new request does not move it: when its slot
comes due, the wheel looks at the deadline that holds by then and moves the connection on, or lets it go if idle.
"""

from __future__ import annotations

import math
import time
from typing import Any, Protocol

TICK_S = 0.025
"""An expiry is noticed at most this late (plus what the loop itself is late), never early."""


class Expirable(Protocol):
    """Something that waits. ``enrolled_s`` belongs to the wheel and starts as infinity."""

    deadline_s: float
    """``perf_counter`` seconds; infinity while nothing is awaited."""
    enrolled_s: float
    """End of the slot that counts; whoever sets an earlier deadline enrols again."""

    def expire(self) -> None:
        """The deadline has passed. Called in the loop."""
        ...


class DeadlineWheel:
    """Slots of ``TICK_S`` seconds, turned by one timer of the loop that runs only while somebody is enrolled."""

    def __init__(self, loop: Any) -> None:
        self._timer = loop.timer(TICK_S, TICK_S, ref=False)
        self._slots: dict[int, list[Expirable]] = {}
        self._next = 0

    def enrol(self, entry: Expirable) -> None:
        """Have ``entry`` looked at as soon as its deadline has passed."""
        if not self._slots:
            self._next = int(time.perf_counter() / TICK_S)
            self._timer.start(self._turn)
        slot = max(int(entry.deadline_s / TICK_S) + 1, self._next)
        entry.enrolled_s = slot * TICK_S
        self._slots.setdefault(slot, []).append(entry)

    def _turn(self) -> None:
        now_s = time.perf_counter()
        while self._next * TICK_S <= now_s:
            due_s = self._next * TICK_S
            entries = self._slots.pop(self._next, ())
            self._next += 1
            for entry in entries:
                if entry.enrolled_s == due_s:
                    self._look_at(entry, now_s)
        if not self._slots:
            self._timer.stop()

    def _look_at(self, entry: Expirable, now_s: float) -> None:
        entry.enrolled_s = math.inf
        if entry.deadline_s <= now_s:
            entry.expire()
        elif entry.deadline_s < math.inf:
            self.enrol(entry)

"""Epoch time that a wall-clock step cannot bend, and how far a worker's is from the master's.

Every process reads the wall clock once and then counts on with ``perf_counter``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

CORRECTED_FROM_S = 0.1
"""A smaller skew is left alone: it is within what the measurement of it may be wrong by."""


class Clock:
    """Maps ``perf_counter`` seconds to epoch seconds of the master's clock."""

    def __init__(
        self, epoch_s: Callable[[], float] = time.time, counter_s: Callable[[], float] = time.perf_counter
    ) -> None:
        self._counter_s = counter_s
        self.anchor_s = epoch_s() - counter_s()
        """Add to a ``perf_counter`` value to get epoch seconds."""
        self.corrected_s = 0.0
        """What was added to this machine's own clock to agree with the master's."""

    def now_s(self) -> float:
        """Epoch seconds now."""
        return self._counter_s() + self.anchor_s

    def counter_at(self, epoch_s: float) -> float:
        """The ``perf_counter`` value at an epoch second."""
        return epoch_s - self.anchor_s

    def follow(self, skew_s: float) -> None:
        """Move by ``skew_s`` (master minus this clock), if that is worth it."""
        if abs(skew_s) >= CORRECTED_FROM_S:
            self.anchor_s += skew_s
            self.corrected_s += skew_s


class Skew:
    """The distance of two clocks from the quickest of several round trips.

    Cristian's algorithm (1989): the answer was stamped half a round trip before it arrived, give or take that half.
    """

    def __init__(self) -> None:
        self.best_trip_s = float("inf")
        self.skew_s = 0.0

    def trip(self, sent_s: float, stamped_s: float, arrived_s: float) -> None:
        """Learn from one round trip: own clock, the other clock's stamp, own clock."""
        trip_s = arrived_s - sent_s
        if 0 <= trip_s < self.best_trip_s:
            self.best_trip_s = trip_s
            self.skew_s = stamped_s - (sent_s + arrived_s) / 2

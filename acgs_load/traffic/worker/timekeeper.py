"""How far this worker's clock is from the master's: asked on connecting, followed from a run's start, watched then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

from acgs_load.traffic.clock import Clock, Skew
from acgs_load.traffic.messages import PING

PINGS = 8
PING_EVERY_S = 0.05
PATIENCE_S = 1.0
"""How long answers are waited for when there are none yet."""
AGAIN_S = 10.0


class Timekeeper:
    """Compares clocks in batches of eight pings; the quickest answer of a batch tells."""

    def __init__(self, clock: Clock, post: Callable[[str, dict[str, Any]], None]) -> None:
        self._clock = clock
        self._post = post
        self._skew = Skew()
        self._corrected_with_s = float("inf")
        self._left_s = 0.0

    def hear(self, sent_s: float, stamped_s: float) -> None:
        """The answer to a ping of this clock's second ``sent_s``."""
        self._skew.trip(sent_s, stamped_s, self._clock.now_s())

    def compare(self, patience_s: float = 0.0) -> None:
        """One batch; wait up to ``patience_s`` for a first answer. Returns when the batch is over."""
        self._skew = Skew()
        for _ in range(PINGS):
            self._post(PING, {"sent_s": self._clock.now_s()})
            gevent.sleep(PING_EVERY_S)
        while self._skew.best_trip_s == float("inf") and patience_s > 0:
            gevent.sleep(PING_EVERY_S)
            patience_s -= PING_EVERY_S

    def compare_for_ever(self) -> None:
        """A batch now and then; what a correction has left is remembered at its worst."""
        while True:
            self.compare()
            if self._skew.best_trip_s < float("inf") and self._corrected_with_s < float("inf"):
                # only what the way of the messages cannot explain
                self._left_s = max(self._left_s, abs(self._skew.skew_s) - self._skew.best_trip_s / 2)
            gevent.sleep(AGAIN_S)

    def correct(self, stamped_s: float) -> None:
        """Follow the master's clock from now on; ``stamped_s`` is what it showed when it sent the plan."""
        if self._skew.best_trip_s == float("inf"):
            self._skew.skew_s = stamped_s - self._clock.now_s()  # nothing was answered: wrong by the way of one message
        self._corrected_with_s = min(self._skew.best_trip_s, self._corrected_with_s)
        self._clock.follow(self._skew.skew_s)
        self._skew, self._left_s = Skew(), 0.0

    def told(self) -> dict[str, float | None]:
        """Milliseconds that the correction has left, and within how many it was certain (half the quickest trip)."""
        trip_s = self._corrected_with_s
        certain_ms = None if trip_s == float("inf") else round(trip_s / 2 * 1e3, 3)
        return {"skew_ms": round(self._left_s * 1e3, 3), "skew_certain_ms": certain_ms}

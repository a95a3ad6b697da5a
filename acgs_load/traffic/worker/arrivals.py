"""Open load: arrivals come when the plan says, whether or not the target keeps up with them.

Each worker plays its part of one schedule, so that together they are exactly the schedule. An arrival waits for a free
user; how long is in the latency, because that is counted from when the request was due.
"""

from __future__ import annotations

import math
import time
from collections import deque

from gevent import GreenletExit
from gevent.event import AsyncResult, Event

from acgs_load.plan import Plan
from acgs_load.traffic.worker.schedule import Deal, Schedule

WAITED_FROM_S = 0.005
"""An arrival handed out later than this had no free user; less is the resolution of the event loop's timers."""


class ArrivalsOverError(GreenletExit):  # type: ignore[misc]  # gevent is untyped
    """There will be no further arrival; ends a user quietly wherever it stands."""


class ClosedArrivals:
    """Closed load: a user sends when it is ready."""

    waiting = unsent = 0

    def next_due_s(self) -> float | None:
        """None: send now."""
        return None

    def close(self) -> None:
        """Nothing to end."""

    def counts(self) -> dict[str, float] | None:
        """None: nothing was scheduled."""
        return None


class OpenArrivals:
    """Hands the arrivals of one worker to its free users, oldest first; gives up those that wait too long."""

    def __init__(self, plan: Plan, schedule: Schedule, started_s: float) -> None:
        self._schedule = schedule
        self._started_s = started_s
        self._patience_s = plan.timeout_s
        self._overdue: deque[float] = deque()
        self._free: deque[AsyncResult[float]] = deque()
        self._changed = Event()
        self._over = False
        self.scheduled = self.sent = self.waited = self.unsent = 0
        self.late_max_s = 0.0

    @property
    def waiting(self) -> int:
        """Arrivals that are due and have no free user."""
        return len(self._overdue)

    def next_due_s(self) -> float | None:
        """Wait for an arrival and give its due time (``perf_counter``). Raises ArrivalsOverError after the last."""
        if self._over:
            raise ArrivalsOverError
        if self._overdue:
            return self._hand_out(self._overdue.popleft())
        place: AsyncResult[float] = AsyncResult()
        self._free.append(place)
        try:
            due_s = place.get()
        except BaseException:  # GreenletExit is no Exception; whatever ends the wait, no arrival may be lost by it
            if place in self._free:
                self._free.remove(place)
            elif place.successful():  # it was handed over just when this user was stopped
                self._overdue.appendleft(place.value)
            raise
        return self._hand_out(due_s)

    def play(self) -> None:
        """Release every arrival when it is due, until closed; the greenlet of the schedule."""
        while not self._over:
            now_s = time.perf_counter()
            due_s = self._release(now_s)
            self._give_up(now_s)
            # with nothing ahead, wake now and then: what is overdue still has to be given up
            pause_s = 0.25 if due_s is None else min(0.25, due_s - time.perf_counter())
            if pause_s > 0:
                self._changed.wait(pause_s)
                self._changed.clear()

    def change(self, from_s: float, rate: float, until_s: float = math.inf) -> None:
        """From ``from_s`` (since the start) on, ``rate`` arrivals per second over all workers, until changed again."""
        self._schedule.curve.append(from_s, until_s, rate, rate)
        elapsed_s = time.perf_counter() - self._started_s
        if elapsed_s - from_s > self._patience_s / 30:
            self._schedule.skip_to(elapsed_s)
        self._changed.set()

    def deal_anew(self, from_s: float, mine: Deal) -> None:
        """From ``from_s`` (since the start) on, play these."""
        self._schedule.deal_anew(from_s, mine)
        self._changed.set()

    def close(self) -> None:
        """No further arrivals; users that wait for one end, and arrivals without a user count as unsent."""
        if self._over:
            return
        self._over = True
        self._changed.set()
        self.unsent += len(self._overdue)
        self._overdue.clear()
        while self._free:
            self._free.popleft().set_exception(ArrivalsOverError())

    def counts(self) -> dict[str, float]:
        """Arrivals so far, by what became of them."""
        return {
            "scheduled": self.scheduled,
            "sent": self.sent,
            "unsent": self.unsent,
            "waited": self.waited,
            "late_max_ms": round(self.late_max_s * 1e3, 3),
        }

    def _release(self, now_s: float) -> float | None:
        """Hand over what is due; gives when the next is."""
        while (elapsed_s := self._schedule.peek_s()) is not None:
            due_s = self._started_s + elapsed_s
            if due_s > now_s:
                return due_s
            self._schedule.advance()
            self.scheduled += 1
            if self._free:
                self._free.popleft().set(due_s)
            else:
                self._overdue.append(due_s)
        return None

    def _give_up(self, now_s: float) -> None:
        while self._overdue and now_s - self._overdue[0] > self._patience_s:
            self._overdue.popleft()
            self.unsent += 1

    def _hand_out(self, due_s: float) -> float:
        late_s = time.perf_counter() - due_s
        self.sent += 1
        if late_s > WAITED_FROM_S:
            self.waited += 1
        if late_s > self.late_max_s:
            self.late_max_s = late_s
        return due_s

"""A worker process during a run: takes the plan, equips users, records, reports, and says when it is done."""

from __future__ import annotations

import logging
import math
import os
import platform
import socket
import time
from collections.abc import Callable
from random import Random
from typing import Any

import gevent

from acgs_load.errors import LoadTestError
from acgs_load.plan import Plan
from acgs_load.traffic.clock import Clock, Skew
from acgs_load.traffic.engine.users import AcgsUser, Visit, follow_mix
from acgs_load.traffic.master.telemetry import to_rows
from acgs_load.traffic.messages import END, FINAL, PING, PLAN, PONG, RATE, READY, START
from acgs_load.traffic.phases import AFTER, PhaseBook, ramp_end_s
from acgs_load.traffic.worker.arrivals import ClosedArrivals, OpenArrivals, Schedule
from acgs_load.traffic.worker.calm import calm, calm_again
from acgs_load.traffic.worker.deck import Deck
from acgs_load.traffic.worker.descriptors import descriptor_complaint, raise_descriptor_limit
from acgs_load.traffic.worker.equipment import Equipment, Seat, World
from acgs_load.traffic.worker.locust_feed import LocustFeed
from acgs_load.traffic.worker.probe import LoopProbe
from acgs_load.traffic.worker.rate_curve import RateCurve
from acgs_load.traffic.worker.recorder import WindowRecorder
from acgs_load.traffic.worker.vitals import Vitals

ERRORS_MAX = 20
"""Texts of our own exceptions that are kept; all are counted."""
LATE_S = 1.0
"""A worker that begins this late does not make up for the arrivals it missed."""
PINGS = 8
PING_AGAIN_S = 10.0

logger = logging.getLogger(__name__)


class Station:
    """The run as one worker process knows it."""

    def __init__(self, seat: Seat, equipment: Equipment, process: str | None = None) -> None:
        self._seat = seat
        self._equipment = equipment
        self._process = process
        self.clock = Clock()
        self.skew = Skew()
        self.chance = Random()
        self.deck = Deck({"tenant": 1.0})
        self.think_time_s: tuple[float, float] | None = None
        self.arrivals: ClosedArrivals | OpenArrivals = ClosedArrivals()
        self.recorder: WindowRecorder | None = None
        self.region = os.environ.get("ACGS_REGION", "")
        self.user_errors = 0
        self._errors: list[str] = []
        self._plan: Plan | None = None
        self._world: World | None = None
        self._feed: LocustFeed | None = None
        self._vitals: Vitals | None = None
        self._greenlets: list[Any] = []
        self._slot: int | None = 0
        self._slots = 1
        self._ending = False
        self._ended = True

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return not self._ended

    # what the master says

    def hear(self, kind: str, data: dict[str, Any]) -> None:
        """Do what a message of the master asks for."""
        if kind == PONG:
            self.skew.trip(data["sent_s"], data["stamped_s"], self.clock.now_s())
        elif kind == PLAN:
            self._slot, self._slots = data["slot"], data["slots"]
            self.take_plan(Plan.from_json(data["plan"]), data["index"], data["workers"], data["stamped_s"])
        elif kind == START:
            self.start(data["started_s"])
        elif kind == RATE:
            self.change_rate(data["from_s"], data["rate"], data["phase"], data.get("until_s", math.inf))
        elif kind == END:
            self.end(data["elapsed_s"], data["hurry"])

    def take_plan(self, plan: Plan, index: int, workers: int, stamped_s: float) -> None:
        """Get ready to play ``plan`` as worker ``index`` of ``workers``, and say so."""
        self._stop_greenlets()
        if self.skew.best_trip_s == float("inf"):
            self.skew.skew_s = stamped_s - self.clock.now_s()  # not asked yet: wrong by the way of one message
        self.clock.follow(self.skew.skew_s)
        self.skew = Skew()
        self._plan, self._index, self._workers = plan, index, workers
        self.region = os.environ.get("ACGS_REGION", "") or plan.nodes[0].region
        self.user_errors, self._errors, self.recorder, self._ending, self._ended = 0, [], None, False, False
        complaint = descriptor_complaint(-(-plan.users_max // workers), raise_descriptor_limit())
        try:
            self._world = self._equipment.world(plan, index, workers)
            self._transport = self._equipment.transport(plan)
        except LoadTestError as error:
            complaint = str(error)
        calm()
        self._seat.post(READY, {**self._identity(), "error": complaint})

    def start(self, started_epoch_s: float) -> None:
        """The run has begun: from now on there are users."""
        plan = self._plan
        assert plan is not None, "the plan comes before the start"
        self.phases = PhaseBook.of(plan)
        self.recorder = WindowRecorder(self.clock, self.phases, self.region, started_epoch_s)
        self.chance = Random(plan.seed * 1000 + self._index)
        self.deck = Deck(plan.mix, plan.seed + self._index * 7)  # workers do not begin with the same card
        self._feed = LocustFeed(self._seat.environment.stats, plan.routes)
        self._equip_arrivals(plan, self.clock.counter_at(started_epoch_s))
        name = self._process or f"worker-{self._seat.worker_index}"
        self._vitals = Vitals(name, self.region, self.clock, self._load, LoopProbe())
        self._spawn(self._vitals.watch)
        self._spawn(lambda: calm_again(ramp_end_s(plan)))
        follow_mix(plan.mix)
        AcgsUser.station = self

    def change_rate(self, from_s: float, rate: float | None, phase: str, until_s: float = math.inf) -> None:
        """Another phase, and another rate (None: the same): a step of the search, or somebody changes the load."""
        self.phases.enter(from_s, phase)
        if rate is not None and isinstance(self.arrivals, OpenArrivals) and self._slot is not None:
            self.arrivals.change(from_s, rate, until_s)

    def end(self, elapsed_s: float, hurry: bool) -> None:
        """Finish: users end their iterations, everything is reported, the master is told that this was all."""
        if self._ended:
            return
        if hurry:
            self._seat.kill_users()
        if not self._ending:
            self._ending = True
            if self.recorder is not None:
                self.phases.enter(elapsed_s, AFTER)
            gevent.spawn(self.finish)

    def finish(self) -> None:
        """End the users and send the last report; returns when both are done."""
        if self._ended:
            return
        self._ending = True
        self.arrivals.close()
        self._seat.end_users()
        self._ended = True
        self._seat.send_report()
        self._seat.post(FINAL, self._totals())
        self._stop_greenlets()

    # what users need

    def new_visit(self, pause: Callable[[float], None]) -> Visit:
        """One more user's visit; ``pause`` is how it waits."""
        assert self._world is not None, "the plan comes before users"
        assert self.recorder is not None, "the start comes before users"
        return self._world.new_visit(self._transport, self.recorder, self.arrivals, pause)

    # what the master is told

    def ask_the_time(self) -> None:
        """Compare clocks with the master, now and then, for ever."""
        while True:
            for _ in range(PINGS):
                self._seat.post(PING, {"sent_s": self.clock.now_s()})
                gevent.sleep(0.05)
            gevent.sleep(PING_AGAIN_S)

    def report(self) -> dict[str, Any]:
        """What is new since the last report; Locust's statistics are fed with the same windows."""
        if self.recorder is None or self._feed is None:
            return {}
        batch = self.recorder.take(everything=self._ended)
        self._feed.feed(batch, self.recorder.take_labels())
        errors, self._errors = self._errors, []
        return {
            "windows": to_rows(batch),
            "examples": self.recorder.take_examples(),
            "health": [list(row) for row in self._vitals.take()] if self._vitals else [],
            "errors": errors,
            **self._totals(),
        }

    def user_error(self, exception: BaseException, where: str) -> None:
        """A bug of ours showed in a user; counted, told, and the run is not to be trusted."""
        self.user_errors += 1
        if self.user_errors <= ERRORS_MAX:
            self._errors.append(f"{type(exception).__name__}: {exception} ({where})"[:500])

    def _totals(self) -> dict[str, Any]:
        return {
            "samples": self.recorder.samples if self.recorder else 0,
            "user_errors": self.user_errors,
            "arrivals": self.arrivals.counts(),
            "users": self._world.users if self._world else 0,
            "logged_in": self._world.logged_in if self._world else 0,
            "skew_ms": round(self.skew.skew_s * 1e3, 3),
        }

    def _identity(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "descriptors": raise_descriptor_limit(),
            "python": platform.python_version(),
            "corrected_ms": round(self.clock.corrected_s * 1e3, 3),
        }

    def _equip_arrivals(self, plan: Plan, started_s: float) -> None:
        if plan.load == "closed":
            self.think_time_s = (plan.think_time_min_s, plan.think_time_max_s)
            self.arrivals = ClosedArrivals()
            return
        self.think_time_s = None
        mine = plan.load == "open" and self._slot is not None
        curve = RateCurve.of(plan) if mine else RateCurve()
        slot = self._slot if self._slot is not None else 0
        poisson = Random(f"{plan.seed}-arrivals-{slot}") if plan.arrivals == "poisson" else None
        schedule = Schedule(curve, slot, self._slots, poisson)
        if (late_s := time.perf_counter() - started_s) > LATE_S:
            schedule.skip_to(late_s)
        self.arrivals = OpenArrivals(plan, schedule, started_s)
        self._spawn(self.arrivals.play)

    def _load(self) -> tuple[int, int, int]:
        return self._seat.user_count, self.arrivals.waiting, self.arrivals.unsent

    def _spawn(self, work: Any) -> None:
        greenlet = gevent.spawn(work)
        greenlet.link_exception(lambda dead: self.user_error(dead.exception, f"in {work.__qualname__}"))
        self._greenlets.append(greenlet)

    def _stop_greenlets(self) -> None:
        gevent.killall(self._greenlets, block=False)
        self._greenlets.clear()

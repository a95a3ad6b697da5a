"""A worker process during a run: takes the plan, equips users, records, reports, and says when it is done."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from random import Random
from typing import Any

import gevent

from acgs_load.errors import LoadTestError
from acgs_load.plan import Plan
from acgs_load.spool import SpoolWriter, spool_name, spool_place
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.engine.users import AcgsUser, Visit, follow_mix
from acgs_load.traffic.messages import DEAL, END, FINAL, PLAN, PONG, RATE, READY, START
from acgs_load.traffic.passport import passport
from acgs_load.traffic.phases import AFTER, PhaseBook, ramp_end_s
from acgs_load.traffic.worker.arrivals import ClosedArrivals, OpenArrivals
from acgs_load.traffic.worker.calm import calm, calm_again
from acgs_load.traffic.worker.deck import Deck
from acgs_load.traffic.worker.descriptors import descriptor_complaint, raise_descriptor_limit
from acgs_load.traffic.worker.equipment import Equipment, Seat, World
from acgs_load.traffic.worker.naps import Naps
from acgs_load.traffic.worker.probe import LoopProbe
from acgs_load.traffic.worker.rate_curve import RateCurve
from acgs_load.traffic.worker.recorder import WindowRecorder
from acgs_load.traffic.worker.schedule import NOTHING, Deal, Schedule
from acgs_load.traffic.worker.slips import Slips
from acgs_load.traffic.worker.timekeeper import Timekeeper
from acgs_load.traffic.worker.vitals import Vitals

ERRORS_MAX = 20
"""Texts of our own exceptions that are kept; all are counted."""
LATE_S = 1.0
"""A worker that begins this late does not make up for the arrivals it missed."""

logger = logging.getLogger(__name__)


class Station:
    """The run as one worker process knows it."""

    def __init__(self, seat: Seat, equipment: Equipment, process: str | None = None) -> None:
        self._seat = seat
        self._equipment = equipment
        self._process = process
        self.clock = Clock()
        self.timekeeper = Timekeeper(self.clock, seat.post)
        self.chance = Random()
        self.deck = Deck({"tenant": 1.0})
        self.think_time_s: tuple[float, float] | None = None
        self.nap = Naps().nap
        self.arrivals: ClosedArrivals | OpenArrivals = ClosedArrivals()
        self.recorder: WindowRecorder | None = None
        self.region = os.environ.get("ACGS_REGION", "")
        self.user_errors = 0
        self._errors: list[str] = []
        self._plan: Plan | None = None
        self._world: World | None = None
        self._vitals: Vitals | None = None
        self._greenlets: list[Any] = []
        self._slips: Slips | None = None
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
            self.timekeeper.hear(data["sent_s"], data["stamped_s"])
        elif kind == PLAN:
            self.take_plan(Plan.from_json(data["plan"]), data["index"], data["workers"], data["stamped_s"])
        elif kind == START:
            self.start(data["started_s"], _dealt(data))
        elif kind == DEAL and isinstance(self.arrivals, OpenArrivals):
            self.arrivals.deal_anew(data["from_s"], _dealt(data))
        elif kind == RATE:
            self.change_rate(data["from_s"], data["rate"], data["phase"], data.get("until_s", math.inf))
        elif kind == END:
            self.end(data["elapsed_s"], data["hurry"])

    def take_plan(self, plan: Plan, index: int, workers: int, stamped_s: float) -> None:
        """Get ready to play ``plan`` as worker ``index`` of ``workers``, and say so."""
        self._stop_greenlets()
        self._close_slips()
        self.timekeeper.correct(stamped_s)
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
        self._seat.post(READY, {**self.identity(), "plan_sha256": plan.sha256, "error": complaint})

    def start(self, started_epoch_s: float, mine: Deal) -> None:
        """The run has begun: from now on there are users; ``mine`` are the arrivals of an open load that they play."""
        plan = self._plan
        assert plan is not None, "the plan comes before the start"
        self.phases = PhaseBook.of(plan)
        self.recorder = WindowRecorder(self.clock, self.phases, self.region, started_epoch_s)
        self.chance = Random(plan.seed * 1000 + self._index)
        self.deck = Deck(plan.mix, plan.seed + self._index * 7)  # workers do not begin with the same card
        self._equip_arrivals(plan, self.clock.counter_at(started_epoch_s), mine)
        name = self._process or f"worker-{self._seat.worker_index}"
        self._vitals = Vitals(name, self.region, self.clock, self._load, LoopProbe())
        self._slips = Slips(self.recorder, self.clock, self._news, self._open_spool(plan))
        self._spawn(self._slips.cut_for_ever)
        self._spawn(self._vitals.watch)
        self._spawn(lambda: calm_again(ramp_end_s(plan)))
        follow_mix(plan.mix)
        AcgsUser.station = self

    def change_rate(self, from_s: float, rate: float | None, phase: str, until_s: float = math.inf) -> None:
        """Another phase, and another rate (None: the same): a step of the search, or somebody changes the load."""
        self.phases.enter(from_s, phase)
        if rate is not None and isinstance(self.arrivals, OpenArrivals):
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
        self._close_slips()

    # what users need

    def new_visit(self, pause: Callable[[float], None]) -> Visit:
        """One more user's visit; ``pause`` is how it waits."""
        assert self._world is not None, "the plan comes before users"
        assert self.recorder is not None, "the start comes before users"
        return self._world.new_visit(self._transport, self.recorder, self.arrivals, pause)

    # what the master is told

    def report(self) -> dict[str, Any]:
        """What is new since the last report."""
        if self._slips is None:
            return {}
        assert self.recorder is not None, "slips are cut from a recorder"
        if self._ended:
            self._slips.cut(everything=True, last=True)
        labels = [[*key, count] for key, count in self.recorder.take_labels().items()]
        return {**self._slips.take(), "labels": labels}

    def _news(self) -> dict[str, Any]:
        """What goes into the next slip beside the windows."""
        errors, self._errors = self._errors, []
        health = [list(row) for row in self._vitals.take()] if self._vitals else []
        return {"health": health, "errors": errors, **self._totals()}

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
            **self.timekeeper.told(),
        }

    def identity(self) -> dict[str, Any]:
        """Who this is: its passport, and what it found out about itself."""
        options = getattr(self._seat.environment, "parsed_options", None)
        return {
            **passport(self.region),
            "descriptors": raise_descriptor_limit(),
            "corrected_ms": round(self.clock.corrected_s * 1e3, 3),
            "spooled": self._plan is not None and spool_place(os.environ, self._plan) is not None,
            "log": os.path.basename(getattr(options, "logfile", None) or ""),
        }

    def _open_spool(self, plan: Plan) -> SpoolWriter | None:
        place = spool_place(os.environ, plan)
        if place is None:
            return None
        path = place / spool_name(self._index, plan.sha256)
        try:
            return SpoolWriter(path, {"plan_sha256": plan.sha256, "index": self._index, **passport(self.region)})
        except OSError as error:
            logger.error("spool %s: %s; nothing is spooled", path, error.strerror)  # noqa: TRY400
            self._errors.append(f"spool {path}: {error.strerror}; nothing was spooled")
            return None

    def _equip_arrivals(self, plan: Plan, started_s: float, mine: Deal) -> None:
        if plan.load == "closed":
            self.think_time_s = (plan.think_time_min_s, plan.think_time_max_s)
            self.arrivals = ClosedArrivals()
            return
        self.think_time_s = None
        curve = RateCurve.of(plan) if plan.load == "open" else RateCurve()
        poisson = Random(f"{plan.seed}-arrivals-{self._index}") if plan.arrivals == "poisson" else None
        schedule = Schedule(curve, mine, poisson)
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

    def _close_slips(self) -> None:
        if self._slips is not None:
            self._slips.close()
            self._slips = None

    def _stop_greenlets(self) -> None:
        gevent.killall(self._greenlets, block=False)
        self._greenlets.clear()


def _dealt(data: dict[str, Any]) -> Deal:
    """The deal in a message; none in closed load, and for one that joins until it is dealt in."""
    return Deal(tuple(data["places"]), data["round"]) if data.get("places") else NOTHING

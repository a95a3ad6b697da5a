"""Begins a run, plays it, ends it in order, and writes down how it went. It runs on the master or the local runner."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any, Protocol

import gevent
from gevent.event import Event

from acgs_load.errors import ExitCode, GeneratorError, LoadTestError
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder, write_json
from acgs_load.traffic.bare import BareRun
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.course import Course
from acgs_load.traffic.crew import Crew
from acgs_load.traffic.csv_files import CompleteCsvFiles
from acgs_load.traffic.messages import END, FINAL, PING, PLAN, PONG, READY, START
from acgs_load.traffic.parent import Parent
from acgs_load.traffic.phases import AFTER, PhaseBook
from acgs_load.traffic.shapes import TICK_S, PlanShape
from acgs_load.traffic.telemetry import Telemetry
from acgs_load.traffic.vitals import Vitals
from acgs_load.traffic.watchers import watchers_of

READY_WITHIN_S = 20.0
FINAL_SPARE_S = 15.0
"""How long, beyond the stop time-out, workers may take to report everything."""
HURRY_S = 3.0
OBSERVE_EVERY_S = 0.5

logger = logging.getLogger(__name__)


class Podium(Protocol):
    """What the conductor needs from the Locust runner it stands on."""

    environment: Any

    @property
    def user_count(self) -> int: ...

    def start(self, user_count: int, spawn_rate: float) -> None: ...

    def clients_here(self) -> list[str]:
        """Ids of the workers that can take part."""
        ...

    def post(self, kind: str, data: dict[str, Any], client: str) -> None:
        """Send a message to a worker."""
        ...

    def cease(self) -> None:
        """Send no more users anywhere."""
        ...

    def rest(self) -> None:
        """Be ready for another run."""
        ...


class Conductor:
    """Conducts one run at a time."""

    def __init__(self, podium: Podium) -> None:
        self._podium = podium
        self._clock = Clock()
        self._course: Course | None = None
        self._idle = Event()
        self._idle.set()
        self._plan: Plan | None = None
        self._bare: BareRun | None = None
        self._parent = Parent.from_environment()

    def prepare(self) -> None:
        """Read the plan that the environment names, or get ready to make one. Raises LoadTestError."""
        place = os.environ.get("ACGS_PLAN")
        if place is None:
            self._bare = BareRun(self._podium.environment)
            return
        try:
            with open(place, encoding="utf-8") as file:
                self._plan = Plan.from_json(file.read())
        except OSError as error:
            raise GeneratorError(f"ACGS_PLAN {place}: not readable ({error.strerror})") from error
        gevent.spawn(self._parent.watch, self.interrupt)

    def conduct(self) -> None:
        """A whole run, in the greenlet that Locust spawns for the shape."""
        environment = self._podium.environment
        environment.process_exit_code = int(ExitCode.INVALID)
        self._idle.clear()
        try:
            course = self._begin()
            self._play(course)
            self._finish(course)
            environment.process_exit_code = self._judge(course)
        except LoadTestError as error:
            logger.error("%s", error)  # noqa: TRY400  # the user's concern, not a bug: one line, no traceback
            environment.process_exit_code = int(error.exit_code)
        finally:
            self._idle.set()

    # asked by others

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return not self._idle.is_set()

    @property
    def interrupted(self) -> bool:
        """Whether the run that is going on has been told to end by a signal."""
        return self.busy and self._course is not None and self._course.interrupted

    @property
    def finished(self) -> bool:
        """Whether a run has come to its end."""
        return self._course is not None and not self.busy

    def record_nothing(self) -> None:
        """A signal came before the run had begun: say so in its folder, so that nobody waits for more."""
        if self._plan is None or self._course is not None:
            return
        crew, folder = Crew(self._podium.post), RunFolder(Path(self._plan.folder))
        now_s = self._clock.now_s()
        course = Course(self._plan, folder, self._clock, crew, Telemetry(folder), now_s, PhaseBook.of(self._plan))
        course.end("interrupt")
        course.settle(everything=True)
        write_json(folder.run, {**course.record(), "ended_s": round(now_s, 6), "phases": []})

    def wait(self) -> None:
        """Return once no run is going on."""
        self._idle.wait()

    def ask_to_end(self, reason: str) -> bool:
        """End the run if one is going on, whatever greenlet asks; False if there is none."""
        if self.busy and self._course is not None:
            self._course.end(reason)
        return self.busy

    def interrupt(self) -> None:
        """End the run in order; asked again, at once."""
        course = self._course
        if course is None or not self.busy:
            return
        if course.interrupted:
            course.hurry = True
            course.crew.tell(END, {"elapsed_s": course.elapsed_s, "hurry": True})
            course.wake.set()
        elif course.ended_by is None:
            course.end("interrupt")

    def greet(self, client: str) -> None:
        """A worker connected; if a run is going on, it takes part from now on."""
        course = self._course
        if course is not None and self.busy and course.ended_by is None:
            member = course.crew.join(client)
            self._send_plan(course, client, member.index, len(course.crew))
            self._podium.post(START, {"started_s": course.started_s}, client)

    def hear(self, client: str, kind: str, data: dict[str, Any]) -> None:
        """Take note of a worker's message."""
        if kind == PING:
            self._podium.post(PONG, {"sent_s": data["sent_s"], "stamped_s": self._clock.now_s()}, client)
            return
        course = self._course
        member = course.crew.get(client) if course else None
        if course is None or member is None:
            return
        if kind == READY:
            member.identity, member.complaint = data, data.pop("error")
        elif kind == FINAL:
            member.told, member.final = data, True
            member.gone = course.ended_by is None
        course.wake.set()

    def take_report(self, client: str, report: dict[str, Any]) -> None:
        """Merge what a worker reported."""
        course = self._course
        member = course.crew.get(client) if course else None
        if course is None or member is None or not report or not self.busy:
            return
        try:
            course.take_report(member, report)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            course.errors.append(f"report of worker {member.index} not readable: {type(error).__name__}: {error}")
            logger.exception("report of worker %s not readable", member.index)

    # the run, step by step

    def _begin(self) -> Course:
        """Agree with the workers on plan and start."""
        plan, folder = (self._plan, RunFolder(Path(self._plan.folder))) if self._plan else self._make_plan()
        self._podium.environment.host = plan.target
        crew = Crew(self._podium.post)
        course = Course(plan, folder, self._clock, crew, Telemetry(folder), self._clock.now_s(), PhaseBook.of(plan))
        self._course = course
        for files in CompleteCsvFiles.open_files:
            files.begin()
        for client in self._podium.clients_here():
            crew.join(client)
        for member in crew:
            self._send_plan(course, member.client, member.index, len(crew))
        self._await_ready(course)
        course.started_s = self._clock.now_s()
        crew.tell(START, {"started_s": course.started_s})
        return course

    def _make_plan(self) -> tuple[Plan, RunFolder]:
        assert self._bare is not None, "prepare comes first"
        return self._bare.begin()

    def _send_plan(self, course: Course, client: str, index: int, workers: int) -> None:
        data = {"plan": course.plan.to_json(), "index": index, "workers": workers, "stamped_s": self._clock.now_s()}
        self._podium.post(PLAN, data, client)

    def _await_ready(self, course: Course) -> None:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while course.ended_by is None and not all(member.identity or member.gone for member in course.crew):
            if time.monotonic() > deadline_s:
                raise GeneratorError(f"a worker was not ready within {READY_WITHIN_S:.0f} s; see the workers' logs")
            self._find_gone(course)
            course.wake.wait(TICK_S)
            course.wake.clear()
        for member in course.crew:
            if member.complaint:
                raise GeneratorError(f"worker {member.index}: {member.complaint}")

    def _play(self, course: Course) -> None:
        """Adjust users, and watch, until the plan or something else ends the load."""
        plan, shape = course.plan, self._podium.environment.shape_class
        assert isinstance(shape, PlanShape), "the locustfile has no other shape"
        shape.follow(plan, lambda: course.elapsed_s)
        vitals = self._watch_vitals(course)
        watchers = watchers_of(course)
        users, observed_s = -1, 0.0
        while course.ended_by is None:
            left_s = plan.duration_s - course.elapsed_s
            if left_s <= 0:
                course.end("plan")
                break
            wanted, spawn_rate = shape.tick()
            if wanted != users:
                users = wanted
                self._podium.start(wanted, spawn_rate)
            if course.elapsed_s - observed_s >= OBSERVE_EVERY_S:
                observed_s = course.elapsed_s
                self._observe(course, vitals)
                for watcher in watchers:
                    watcher.look(course)
            course.wake.wait(min(TICK_S, max(0.0, plan.duration_s - course.elapsed_s)))
            course.wake.clear()

    def _finish(self, course: Course) -> None:
        """End the load in order, wait for everything that was measured, and write it down."""
        course.ended_s = self._clock.now_s()
        course.phases.enter(course.elapsed_s, AFTER)
        course.crew.tell(END, {"elapsed_s": course.elapsed_s, "hurry": course.hurry})
        self._podium.cease()
        deadline_s = time.monotonic() + course.plan.stop_timeout_s + FINAL_SPARE_S
        while course.crew.awaited and time.monotonic() < deadline_s:
            if course.hurry:
                deadline_s = min(deadline_s, time.monotonic() + HURRY_S)
                course.hurry = False
            self._observe(course, None)
            course.wake.wait(TICK_S)
            course.wake.clear()
        for member in course.crew.awaited:
            member.gone = True
            course.errors.append(f"worker {member.index} did not report in full within the stop time-out")
        course.settle(everything=True)
        for files in CompleteCsvFiles.open_files:
            files.complete()
        write_json(course.folder.run, course.record())
        self._podium.rest()
        logger.info("run ended by %s: %s", course.ended_by, course.folder.path)

    def _judge(self, course: Course) -> int:
        """The exit code: the verdict's where nobody else will judge."""
        return self._bare.end(course.folder) if self._bare else 0

    def _watch_vitals(self, course: Course) -> Vitals | None:
        """The master's own health; the local runner's is its station's."""
        if self._podium.clients_here() == ["local"]:
            return None
        vitals = Vitals("master", "", self._clock, lambda: (self._podium.user_count, 0, 0))
        course.greenlets.append(gevent.spawn(vitals.watch))
        return vitals

    def _observe(self, course: Course, vitals: Vitals | None) -> None:
        course.settle()
        course.count_users(self._podium.user_count)
        if vitals is not None:
            course.telemetry.health(vitals.take())
        self._find_gone(course)
        if course.crew.lost and not course.crew.awaited:
            course.end("workers_lost")

    def _find_gone(self, course: Course) -> None:
        here = set(self._podium.clients_here())
        for member in course.crew:
            if not member.final:
                member.gone = member.client not in here

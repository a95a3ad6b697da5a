"""One run, step by step: agree with the workers, play the plan, end in order, write down how it went."""

from __future__ import annotations

import logging
import os
import time
from typing import Any, Protocol

import gevent

from acgs_load.errors import GeneratorError
from acgs_load.machine import machine_id
from acgs_load.run_folder import write_json
from acgs_load.traffic.engine.csv_files import CompleteCsvFiles
from acgs_load.traffic.engine.shapes import TICK_S, PlanShape
from acgs_load.traffic.master.attendance import Attendance
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.watchers import watchers_of
from acgs_load.traffic.messages import END, PLAN, RATE, START
from acgs_load.traffic.passport import versions
from acgs_load.traffic.phases import AFTER
from acgs_load.traffic.worker.vitals import Vitals

READY_WITHIN_S = 20.0
FINAL_SPARE_S = 15.0
"""How long, beyond the stop time-out, workers may take to report everything."""
HURRY_S = 3.0
OBSERVE_EVERY_S = 0.5
LOCAL = "local"
"""The one worker of a run without workers."""

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

    def dismiss(self, client: str) -> None:
        """This worker is gone: its users are the others' from now on."""
        ...

    def cease(self) -> None:
        """Send no more users anywhere."""
        ...

    def rest(self) -> None:
        """Be ready for another run."""
        ...


class Performance:
    """Plays one course on the runner that is its podium."""

    def __init__(self, podium: Podium, course: Course) -> None:
        self._podium = podium
        self.course = course
        self._attendance = Attendance(podium, course)
        self._vitals: Vitals | None = None

    def assemble(self) -> None:
        """Give everybody who is there the plan, wait until they are ready, and start. Raises GeneratorError."""
        course = self.course
        for client in self._podium.clients_here():
            course.crew.join(client)
        for member in course.crew:
            self._send_plan(member.client, member.index)
        self._await_ready()
        dealt = self._attendance.begin()
        course.telemetry.enrol(member.record() for member in course.crew)
        course.started_s = course.clock.now_s()
        me = {"pid": os.getpid(), "machine": machine_id(), "versions": versions()}
        course.telemetry.enrol([{"started_s": course.started_s, **me}])
        for member in course.crew:
            order = dealt[member.client]._asdict() if member.client in dealt else {}
            course.crew.tell_one(member, START, {"started_s": course.started_s, **order})

    def join_late(self, client: str) -> None:
        """Take in a worker that connects while the run goes on; once it is ready, it is dealt in."""
        course = self.course
        member = course.crew.join(client)
        course.telemetry.enrol([member.record()])
        self._send_plan(client, member.index)
        self._podium.post(START, {"started_s": course.started_s}, client)
        for told in course.rates_told:
            self._podium.post(RATE, told, client)

    def play(self) -> None:
        """Adjust users, and watch, until the plan or something else ends the load."""
        course, plan, shape = self.course, self.course.plan, self._podium.environment.shape_class
        assert isinstance(shape, PlanShape), "the locustfile has no other shape"
        shape.follow(plan, lambda: course.elapsed_s)
        course.under_way = True
        self._watch_vitals()
        watchers = watchers_of(course)
        users, observed_s = -1, 0.0
        while course.ended_by is None:
            if course.elapsed_s >= plan.duration_s:
                course.end("plan")
                break
            wanted, spawn_rate = shape.tick()
            if wanted != users:
                users = wanted
                self._podium.start(wanted, spawn_rate)
            if course.elapsed_s - observed_s >= OBSERVE_EVERY_S:
                observed_s = course.elapsed_s
                self._observe()
                for watcher in watchers:
                    watcher.look(course)
            course.wake.wait(min(TICK_S, max(0.0, plan.duration_s - course.elapsed_s)))
            course.wake.clear()

    def finish(self) -> None:
        """End the load in order, wait for everything that was measured, and write it down."""
        course = self.course
        self._observe()
        course.ended_s = course.clock.now_s()
        course.phases.enter(course.elapsed_s, AFTER)
        course.crew.tell(END, {"elapsed_s": course.elapsed_s, "hurry": course.hurry})
        self._podium.cease()
        self._await_finals()
        gevent.killall(course.greenlets, block=False)
        course.settle(everything=True)
        for files in CompleteCsvFiles.open_files:
            files.complete()
        write_json(course.folder.run, course.record())
        self._podium.rest()
        logger.info("run ended by %s: %s", course.ended_by, course.folder.path)

    def _send_plan(self, client: str, index: int) -> None:
        course = self.course
        data = {"plan": course.plan.to_json(), "index": index, "workers": len(course.crew)}
        self._podium.post(PLAN, {**data, "stamped_s": course.clock.now_s()}, client)

    def _await_ready(self) -> None:
        course, deadline_s = self.course, time.monotonic() + READY_WITHIN_S
        while course.ended_by is None and not all(member.identity or member.gone for member in course.crew):
            if time.monotonic() > deadline_s:
                raise GeneratorError(f"a worker was not ready within {READY_WITHIN_S:.0f} s; see the workers' logs")
            self._attendance.look()
            course.wake.wait(TICK_S)
            course.wake.clear()
        for member in course.crew:
            if member.complaint:
                raise GeneratorError(f"worker {member.index}: {member.complaint}")

    def _await_finals(self) -> None:
        course = self.course
        deadline_s = time.monotonic() + course.plan.stop_timeout_s + FINAL_SPARE_S
        while course.crew.awaited and time.monotonic() < deadline_s:
            if course.hurry:
                deadline_s, course.hurry = min(deadline_s, time.monotonic() + HURRY_S), False
            self._observe()
            course.wake.wait(TICK_S)
            course.wake.clear()
        for member in course.crew.awaited:
            member.gone = True
            course.note(f"worker {member.index} did not report in full within the stop time-out")

    def _watch_vitals(self) -> None:
        """The master's own health; that of a local run is its station's to tell."""
        if self._podium.clients_here() != [LOCAL]:
            self._vitals = Vitals("master", "", self.course.clock, lambda: (self._podium.user_count, 0, 0))
            self.course.greenlets.append(gevent.spawn(self._vitals.watch))

    def _observe(self) -> None:
        course = self.course
        course.settle()
        course.count_users(self._podium.user_count)
        if self._vitals is not None:
            course.take_health(self._vitals.take())
        self._attendance.look()
        if course.crew.lost and not course.crew.awaited:
            course.end("workers_lost")

"""Whoever wants something of a run, asks here: Locust, workers, signals, the web UI. On the master or local runner."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from acgs_load.errors import ExitCode, GeneratorError, LoadTestError, UsageError, resource_error
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder, write_json
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.engine.csv_files import CompleteCsvFiles
from acgs_load.traffic.engine.locust_feed import LocustFeed
from acgs_load.traffic.engine.parent import Parent
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.master.bare import BareRun
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.crew import Crew, Member
from acgs_load.traffic.master.doorman import Doorman
from acgs_load.traffic.master.exporter import Exporter
from acgs_load.traffic.master.exporter_door import ExporterDoor
from acgs_load.traffic.master.lookout import Lookout
from acgs_load.traffic.master.performance import Performance, Podium
from acgs_load.traffic.master.telemetry import Telemetry
from acgs_load.traffic.messages import END, FINAL, HELLO, PING, PONG, READY, REFUSED
from acgs_load.traffic.passport import objection
from acgs_load.traffic.phases import PhaseBook
from acgs_load.traffic.worker.calm import calm

logger = logging.getLogger(__name__)


class Conductor:
    """Conducts one run at a time."""

    def __init__(self, podium: Podium) -> None:
        self._podium = podium
        self._clock = Clock()
        self._performance: Performance | None = None
        self._exporter = Exporter()
        self.metrics = ExporterDoor(self._exporter)
        self._idle = Event()
        self._idle.set()
        self._plan: Plan | None = None
        self._bare: BareRun | None = None
        self.lookout: Lookout | None = None
        """On the run that goes on, or on the last one."""
        self._parent = Parent.from_environment()
        self.doorman = Doorman()

    def prepare(self) -> None:
        """Read the plan that the environment names, or get ready to make one. Raises LoadTestError."""
        place = os.environ.get("ACGS_PLAN")
        if place is None:
            self._bare = BareRun(self._podium.environment)
            self.metrics.serve(self._bare.draft, self._headless)
            return
        try:
            with open(place, encoding="utf-8") as file:
                self._plan = Plan.from_json(file.read())
        except OSError as error:
            raise GeneratorError(f"ACGS_PLAN {place}: not readable ({error.strerror})") from error
        self.doorman.plan_sha256 = self._plan.sha256
        self.metrics.serve(self._plan, self._headless)
        gevent.spawn(self._parent.watch, self.interrupt)

    def conduct(self) -> None:
        """A whole run, in the greenlet that Locust spawns for the shape."""
        environment = self._podium.environment
        if self.busy:
            logger.warning("a run is still ending; start the next one when it has ended")
            return
        environment.process_exit_code = int(ExitCode.INVALID)
        self._performance = None
        self._idle.clear()
        try:
            course = self._open_course()
            performance = self._performance = Performance(self._podium, course)
            performance.assemble()
            self.lookout = Lookout(course, self._podium.environment.shape_class).watch()
            self._exporter.heed(self.lookout)
            try:
                performance.play()
            finally:  # even a bug of ours leaves what was measured, and then shows
                performance.finish()
                self.lookout.close()
            if self._quits:
                self.metrics.await_last(course)
            # where a runner or another host started this, it is the one to judge
            environment.process_exit_code = self._bare.end(course.folder) if self._bare else 0
        except LoadTestError as error:
            logger.error("%s", error)  # noqa: TRY400  # the user's concern, not a bug: one line, no traceback
            environment.process_exit_code = int(error.exit_code)
        except (OSError, MemoryError) as error:
            if (fault := resource_error(error)) is None:
                raise
            logger.error("%s", fault)  # noqa: TRY400  # as above
            environment.process_exit_code = int(fault.exit_code)
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
        return self._course is not None and self._course.interrupted

    @property
    def finished(self) -> bool:
        """Whether a run has come to its end."""
        return self._performance is not None and not self.busy

    @property
    def output(self) -> Path:
        """Where run folders are."""
        if self._plan is not None:
            return Path(self._plan.folder).parents[1]
        assert self._bare is not None, "prepare comes first"
        return self._bare.output

    @property
    def _headless(self) -> bool:
        options = self._podium.environment.parsed_options
        return options is not None and bool(options.headless)

    @property
    def _quits(self) -> bool:
        """Whether the process ends with the run, and takes its metrics along."""
        options = self._podium.environment.parsed_options
        return self._headless or (options is not None and options.autoquit != -1)

    @property
    def _course(self) -> Course | None:
        """The run that is going on, if any."""
        return self._performance.course if self._performance is not None and self.busy else None

    def demand_permission(self, target: str) -> None:
        """Nothing, where a run against ``target`` may begin here. Raises UsageError."""
        if self._bare is not None:
            self._bare.demand_permission(target)

    def record_nothing(self) -> None:
        """A signal came before the run had begun: say so in its folder, so that nobody waits for more."""
        if self._plan is None or self._performance is not None:
            return
        course = self._open_course()
        course.end("interrupt")
        course.settle(everything=True)
        write_json(course.folder.run, {**course.record(), "ended_s": round(course.started_s, 6), "phases": []})

    def wait(self) -> None:
        """Return once no run is going on."""
        self._idle.wait()

    def ask_to_end(self, reason: str) -> bool:
        """End the run if one is going on, whatever greenlet asks; False if there is none."""
        course = self._course
        if course is not None:
            course.end(reason)
        return self.busy

    def take_form(self, form: Mapping[str, str]) -> None:
        """A start form is about to begin a run. Raises UsageError."""
        if self._bare is not None:
            self._bare.take_form(form)

    def type_defaults(self) -> dict[str, dict[str, float]]:
        """Users and spawn rate that each type of test means; empty where a runner made the plan."""
        return self._bare.type_defaults() if self._bare is not None else {}

    def regions(self) -> list[str]:
        """The regions that the run, or the last one, is known to have."""
        planned = {node.region for node in self._plan.nodes} if self._plan is not None else set()
        seen = {part.name for part in self.lookout.latest.regions} if self.lookout is not None else set()
        return sorted(planned | seen)

    def edit(self, change: Callable[[Course, PlanShape], str]) -> str:
        """Change the load of the run that is going on; gives what ``change`` says. Raises UsageError."""
        course, shape = self._course, self._podium.environment.shape_class
        if course is None:
            raise UsageError("no run is going on whose load could be changed")
        if course.ended_by is not None or not course.under_way:
            raise UsageError("the run is only beginning, or ending already; try again in a few seconds")
        return change(course, shape)

    def interrupt(self) -> None:
        """End the run in order; asked again, or while it is ending anyway, at once."""
        course = self._course
        if course is None:
            return
        if course.ended_by is None:
            course.end("interrupt")
            return
        course.interrupted = course.hurry = True
        course.crew.tell(END, {"elapsed_s": course.elapsed_s, "hurry": True})
        course.wake.set()

    def greet(self, client: str) -> None:
        """A worker connected; if a run is going on, it takes part from now on."""
        if self._course is not None and self._course.ended_by is None and self._performance is not None:
            self._performance.join_late(client)

    def hear(self, client: str, kind: str, data: dict[str, Any]) -> None:
        """Take note of a worker's message."""
        if kind == PING:
            self._podium.post(PONG, {"sent_s": data["sent_s"], "stamped_s": self._clock.now_s()}, client)
            return
        if kind == HELLO:
            if (reason := self.doorman.look_at(client, data)) is not None:
                self._podium.post(REFUSED, {"reason": reason}, client)
            return
        course = self._course
        member = course.crew.get(client) if course else None
        if course is None or member is None:
            return
        if kind == READY:
            self._take_ready(course, member, data)
        elif kind == FINAL:
            member.told, member.final = data, True
            member.gone = course.ended_by is None
        course.wake.set()

    def _take_ready(self, course: Course, member: Member, data: dict[str, Any]) -> None:
        """A worker has the plan; one that came late and cannot play it is sent away, the run goes on without it."""
        error, heard = data.pop("error"), data.get("plan_sha256")
        if error is None and heard != course.plan.sha256:
            error = f"worker on {data.get('host')}: it understands another plan than was sent; install the same version"
        member.identity, member.complaint = data, error or objection(data, course.plan.sha256)
        if member.complaint and course.under_way:
            logger.error("worker %d: %s", member.index, member.complaint)
            member.gone = True
            self._podium.post(REFUSED, {"reason": member.complaint}, member.client)

    def take_report(self, client: str, report: dict[str, Any]) -> None:
        """Merge what a worker reported."""
        course = self._course
        member = course.crew.get(client) if course else None
        if course is None or member is None or not report:
            return
        try:
            course.take_report(member, report)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            course.note(f"report of worker {member.index} not readable: {type(error).__name__}: {error}")
            logger.exception("report of worker %s not readable", member.index)

    def _open_course(self) -> Course:
        """The files of a new run, and nobody in it yet. Raises LoadTestError."""
        if self._plan is not None:
            plan, folder = self._plan, RunFolder(Path(self._plan.folder))
        else:
            assert self._bare is not None, "prepare comes first"
            plan, folder = self._bare.begin()
        self._podium.environment.host = plan.target
        for files in CompleteCsvFiles.open_files:
            files.begin()
        now_s, crew = self._clock.now_s(), Crew(self._podium.post)
        course = Course(plan, folder, self._clock, crew, Telemetry(folder), now_s, PhaseBook.of(plan))
        course.locust = LocustFeed(self._podium.environment.stats, plan.routes)
        self._exporter.follow(course)
        calm()
        return course

"""One run, from preflight to exit code. It starts everything, watches it, and leaves nothing running."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from contextlib import ExitStack

from rich.console import Console
from rich.text import Text

from acgs_load.errors import ExitCode, GeneratorError, LoadTestError, NothingMeasuredError, ResourceError, UsageError
from acgs_load.fleet.choice import place_of
from acgs_load.fleet.commands import LOCAL_HOSTS, master_command, worker_commands
from acgs_load.fleet.embedded import EmbeddedGateway, start_embedded
from acgs_load.fleet.local import LocalProcess, stop_all
from acgs_load.fleet.place import Place, WholePlace, Worker
from acgs_load.fleet.revival import Revival
from acgs_load.live import LiveView
from acgs_load.outlet import lasting_output
from acgs_load.plan import Plan
from acgs_load.preflight import Preflight, preflight
from acgs_load.printable import printable_tree
from acgs_load.resources import ResourceSampler
from acgs_load.resources_choice import source_of
from acgs_load.run_folder import RunFolder, shown, write_atomically, write_json
from acgs_load.salvage import salvage, shed
from acgs_load.secret import SECRET_VARIABLE, new_secret, secret_from
from acgs_load.session_announcement import announcement
from acgs_load.session_clock import WallWatch
from acgs_load.session_counts import keep_target_counts
from acgs_load.session_ports import with_ports
from acgs_load.session_safety import demand_safety
from acgs_load.session_signals import OrderlyEnd
from acgs_load.session_unjudged import ending
from acgs_load.uninterrupted import uninterrupted
from acgs_load.unverified import INSECURE, is_unverified

WATCH_INTERVAL_S = 0.5
HURRY_MAX_S = 8.0
"""A master that was told twice gets this long; it waits three seconds for the workers' last words."""
_ENDING = "ending the run: users finish what they began (again to end it at once) …"
SPARE_S = 60.0
"""How far past plan, workers' wait and stop time-out a master may go before it is taken for hung."""


class EarlySignalError(Exception):
    """A signal came before the run had begun."""


def run(plan: Plan, folder: RunFolder, console: Console | None = None) -> int:
    """Carry out the plan in ``folder`` and give the exit code. Raises LoadTestError when it cannot start."""
    console = console or Console(file=lasting_output())
    place = place_of(plan)
    if isinstance(place, WholePlace):
        with OrderlyEnd(place):
            return place.carry_out(console)
    session = _Session(plan, folder, console, place)
    with OrderlyEnd(session):
        try:
            session.measure()
        except EarlySignalError:
            console.print("interrupted before anything was sent")
            return ExitCode.INTERRUPTED
    return _verdict(session, folder, console)


def _verdict(session: _Session, folder: RunFolder, console: Console) -> int:
    """The verdict's exit code; 130 where a signal left nothing to judge, or no time to."""
    try:
        return session.judge()
    except NothingMeasuredError:
        if not session.signals:
            raise
        console.print("interrupted before anything was measured")
    except KeyboardInterrupt:
        again = f"python performance_analyzer.py {shown(folder.path)}"
        console.print(f"interrupted while it was analysed; what was measured is kept: {again}", soft_wrap=True)
    return ExitCode.INTERRUPTED


class _Session:
    """The processes of one run and how they stand."""

    def __init__(self, plan: Plan, folder: RunFolder, console: Console, place: Place) -> None:
        self.plan = plan
        self._place = place
        self._folder = folder
        self._console = console
        self._master: LocalProcess | None = None
        self._workers: list[Worker] = []
        self.signals = 0
        self._closing = False
        self._view: LiveView | None = None
        self._deadline_s = float("inf")

    def interrupt(self) -> None:
        """The first signal ends the run in order; the next has users break off what they wait for, and a third kills.

        What was measured is kept in any case.
        """
        self.signals += 1
        if self._closing:
            self._say("cleaning up …")
            return
        if self._master is None:
            raise EarlySignalError
        self._master.send(signal.SIGTERM if self.signals <= 2 else signal.SIGKILL)
        self._say(_ENDING if self.signals == 1 else "ending it at once")
        if self.signals == 2:
            self._deadline_s = min(self._deadline_s, time.monotonic() + HURRY_MAX_S)

    def measure(self) -> None:
        """Everything between the first check and the last byte in the folder."""
        with ExitStack() as stack:
            try:
                self._play(stack)
            finally:
                # from here on a signal must not keep anything from being cleaned up
                self._closing = True

    def _play(self, stack: ExitStack) -> None:
        demand_safety(self.plan, os.environ)
        stack.callback(self._place.close)
        self.plan = self._place.open(self._say)
        gateway = self._start_target(stack)
        self.plan = with_ports(self.plan, self._warn)
        write_atomically(self._folder.plan, self.plan.to_json())
        self._say(announcement(self.plan, self._folder))
        answers = self._preflight(gateway)
        unverified = (INSECURE,) if is_unverified(self.plan.target, self.plan.tls_verify) else ()
        for warning in (*unverified, *answers.warnings):
            self._warn(warning)
        self._sample_resources(stack, gateway)
        self._start_locust(stack)
        self._watch(gateway)
        if self.signals <= 1:  # whoever is in a hurry does not wait for a target that may be stuck
            keep_target_counts(self.plan, self._folder, self._warn)

    def _warn(self, text: str) -> None:
        self._say(f"warning: {text}", "yellow")

    def _say(self, text: str, style: str = "") -> None:
        """A line for the person; while the view stands, above it. Callable from signal handlers and threads."""
        if self._view is not None:
            self._view.say(text, style)
        else:
            self._console.print(Text(text, style=style), soft_wrap=True, highlight=False)

    def _collect(self) -> None:
        """What was measured is here; that a log is missing is no reason to lose it."""
        try:
            self._place.collect()
        except LoadTestError as error:
            self._warn(str(error))

    def judge(self) -> int:
        """Analyse the folder, print the verdict, and give its exit code."""
        if not self.plan.analysis:
            salvage(self._folder)
            code, reason = ending(self._folder)
            why = f"; exit code {int(code)}: {reason}" if reason else ""
            again = f"python performance_analyzer.py {shown(self._folder.path)}"
            self._say(f"not analysed (--no-analysis): {again}{why}")
            return ExitCode.INTERRUPTED if self.signals else code
        # pandas and matplotlib are only loaded once the load is over
        from acgs_load.analysis.judge import report_of, written
        from acgs_load.analysis.progress import Bar
        from acgs_load.analysis.reading.load import load_run
        from acgs_load.analysis.terminal import print_report

        self._merge()
        fault = None
        with Bar() as bar:
            bar.stage("reading what was measured")
            run = load_run(self._folder, bar.told)
            bar.stage("judging")
            report = report_of(run)
            bar.stage("writing the report")
            try:
                report = written(report, self._folder)
            except UsageError as error:
                fault = error  # a verdict that cannot be written down is told all the same
        print_report(report, self._console)
        if fault is not None:
            raise ResourceError(str(fault)) from fault
        return report.verdict.exit_code

    def _merge(self) -> None:
        """Take in what only the workers' own files hold; without room for it, what the master had is judged."""
        try:
            salvage(self._folder)
            shed(self._folder)
        except (ResourceError, OSError) as error:
            self._warn(f"{self._folder.spools.name}: not merged: {error}")

    def _start_target(self, stack: ExitStack) -> EmbeddedGateway | None:
        if not self.plan.embedded:
            return None
        with uninterrupted():
            gateway = start_embedded(self.plan, self._folder.logs / "gateway.log")
            stack.callback(gateway.stop)
        gateway.await_ready()
        self.plan = dataclasses.replace(self.plan, target=gateway.url)
        return gateway

    def _preflight(self, gateway: EmbeddedGateway | None) -> Preflight:
        if gateway is None:
            answers = preflight(self.plan)
        else:
            answers = preflight(self.plan, gateway.instance, alive=gateway.ended)
        write_json(self._folder.preflight, printable_tree(dataclasses.asdict(answers)))
        return answers

    def _sample_resources(self, stack: ExitStack, gateway: EmbeddedGateway | None) -> None:
        """Watch the target's CPU and memory, where anybody can tell them."""
        source = source_of(self.plan, gateway.process.pid if gateway is not None else None)
        if source is not None:
            stack.enter_context(ResourceSampler(self._folder.resources, source, self._warn))

    def _start_locust(self, stack: ExitStack) -> None:
        self._seal(stack)
        if self.plan.place == "local":
            self._ask_for_workers()
        master = master_command(self.plan, self._folder)
        stack.callback(self._collect)
        with uninterrupted():
            process = LocalProcess(master.name, master.argv, master.environment, self._folder.logs / "master.out")
            stack.callback(process.stop, 10.0)
        self._workers += self._place.start(self.plan)
        stack.callback(stop_all, self._workers, 10.0)
        self._master = process

    def _seal(self, stack: ExitStack) -> None:
        """A secret that every process started from now on inherits, and that no command, plan or log holds."""
        if secret_from(os.environ) is None:
            os.environ[SECRET_VARIABLE] = new_secret()
            stack.callback(os.environ.pop, SECRET_VARIABLE, None)

    def _ask_for_workers(self) -> None:
        for command in worker_commands(self.plan, self._folder):
            if command.host not in LOCAL_HOSTS:
                self._console.print(f"start on {command.host}: {command.shell()}", highlight=False, soft_wrap=True)

    def _watch(self, gateway: EmbeddedGateway | None) -> None:
        assert self._master is not None, "the master was started"
        plan, revival, wall = self.plan, Revival(self._workers, self._warn), WallWatch()
        allowed_s = plan.duration_s + plan.workers_wait_s + plan.stop_timeout_s + plan.timeout_s + SPARE_S
        self._deadline_s = time.monotonic() + allowed_s
        with LiveView(plan, self._folder, self._console) as self._view:
            while self._master.wait(WATCH_INTERVAL_S) is None:
                self._view.update()
                self._demand_workers()
                if plan.restart_workers and self._folder.windows.exists():
                    revival.look()
                if time.monotonic() > self._deadline_s:
                    self._overdue(allowed_s)
            self._view.update()
        self._view = None
        if (shifted := wall.told()) is not None:
            self._warn(shifted)
        self._demand_result(gateway)

    def _overdue(self, allowed_s: float) -> None:
        """Kill a master that does not hurry when told to; one that never ends by itself is an error."""
        assert self._master is not None, "the master was started"
        if self.signals < 2:
            raise GeneratorError(f"the master did not end within {allowed_s:.0f} s; see {self._folder.logs}")
        self._master.send(signal.SIGKILL)

    def _demand_workers(self) -> None:
        """A worker that dies before the run began would be waited for in vain."""
        if self._folder.windows.exists():
            return
        for worker in self._workers:
            if worker.poll() not in (None, 0):
                raise GeneratorError(f"{worker.name} ended before the run began: {worker.tail(1)} (see {worker.log})")

    def _demand_result(self, gateway: EmbeddedGateway | None) -> None:
        assert self._master is not None, "the master was started"
        if gateway is not None and (reason := gateway.ended()) is not None:
            self._warn(reason)
        if self._folder.run.exists() or self.signals > 1:
            return
        spooled = any(self._folder.spools.glob("*.jsonl"))
        if not spooled and (not self._folder.windows.exists() or not self._folder.windows.stat().st_size):
            if self.signals:
                raise EarlySignalError
            raise GeneratorError(f"nothing was measured: {self._reason()}; see {self._folder.logs}")
        self._warn(f"the master ended early: {self._reason()}; what is left of the run is analysed")

    def _reason(self) -> str:
        """What the master called an error last; else how it ended."""
        assert self._master is not None, "the master was started"
        log = self._folder.logs / "master.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        errors = [line.partition(": ")[2] for line in lines if "/ERROR/" in line]
        return errors[-1] if errors else f"the master ended (status {self._master.poll()}): {self._master.tail(3)}"

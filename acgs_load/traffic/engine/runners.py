"""The one place where Locust is bent: its three runners, with our start, our end and our reports.

What Locust's own would do instead: adjust users once a second, quit before the last reports are in, and leave a worker
deaf for the whole stop time-out after each run.
"""

# mypy: disable-error-code="no-untyped-call"
# Locust annotates its classes but not all of its functions

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any, NoReturn

import gevent
import locust.runners
import zmq.green as zmq
from locust.env import Environment
from locust.rpc import Message
from locust.runners import (
    STATE_CLEANUP,
    STATE_INIT,
    STATE_MISSING,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    LocalRunner,
    MasterRunner,
    WorkerRunner,
)
from locust.user.task import LOCUST_STATE_STOPPING

from acgs_load.errors import ExitCode
from acgs_load.secret import SECRET_VARIABLE
from acgs_load.traffic.engine.parent import PARENT_VARIABLE
from acgs_load.traffic.engine.web_login import LOOPBACK
from acgs_load.traffic.engine.wire import sealed, watch_refusals
from acgs_load.traffic.master.conductor import Conductor
from acgs_load.traffic.messages import HELLO, PING, REFUSED, REPORT, TO_MASTER, TO_WORKERS
from acgs_load.traffic.worker.equipment import Equipment
from acgs_load.traffic.worker.station import Station
from acgs_load.traffic.worker.timekeeper import PATIENCE_S

LISTEN_MAX_S = 0.05
"""How long a master reads messages that are there already before everybody else gets a turn: with a thousand workers
there is always one more, and a run that nobody conducts never ends."""
SPAWN_REPORT_WAIT_S = 0.2
"""How long a step of the shape waits for the workers to have made it; Locust's second would be five steps."""
ORPHAN_S = 15
"""A worker whose master is silent ends after this in a run, and always where a runner started it. TCP tries again after
6 and after 13 s: a shorter patience would end workers that are about to be heard again."""
IDLE_ORPHAN_S = 60
"""A worker that waits for a run is more patient, as Locust's are."""
SEALED_OUT_AFTER = 3
"""Failed handshakes after which a worker gives up; a master that is just starting or ending may cause one."""

logger = logging.getLogger(__name__)


class LeavingUsers:
    """Takes users away without waiting for them: those that ramp down finish their iteration while others come."""

    state: str
    environment: Environment
    user_greenlets: Any
    spawning_greenlet: Any

    def stop_users(self, user_classes_stop_count: dict[str, int]) -> None:
        """Ask that many users to leave; at the end of the run, wait for all of them."""
        if self.state == STATE_CLEANUP:
            super().stop_users(user_classes_stop_count)  # type: ignore[misc]
            return
        users = [greenlet.args[0] for greenlet in self.user_greenlets if greenlet.args]
        staying = [user for user in users if user._state != LOCUST_STATE_STOPPING]
        leaving = len(users) - len(staying)
        for user in staying[: max(0, sum(user_classes_stop_count.values()) - leaving)]:
            gevent.spawn(user.stop)

    def drain(self) -> None:
        """Let every user finish its iteration; who has not within the stop time-out is stopped where it stands.

        Done before Locust's own stop, which holds up the event loop for some 60 ms while it looks for its caller.
        """
        if self.spawning_greenlet is not None:
            self.spawning_greenlet.kill()
        for greenlet in self.user_greenlets:
            if greenlet.args and greenlet.args[0]._state != LOCUST_STATE_STOPPING:
                gevent.spawn(greenlet.args[0].stop)
        self.user_greenlets.join(timeout=self.environment.stop_timeout)
        self.kill_users()

    def kill_users(self) -> None:
        """Stop every user at once."""
        self.user_greenlets.kill(block=False)


class ConductedWorker(LeavingUsers, WorkerRunner):
    """Locust's worker with a station in it."""

    equipment: Equipment

    def __init__(self, environment: Environment, master_host: str, master_port: int) -> None:
        self.station = Station(self, self.equipment)  # before the first message can arrive
        self._refusal: str | None = None
        self._watching = False
        super().__init__(environment, master_host, master_port)
        self.greenlet.spawn(self.station.timekeeper.compare_for_ever)

    def connect_to_master(self) -> None:
        """Compare clocks, show the passport, then connect as Locust does; ends the process where it is refused."""
        if not self._watching:
            self._watching = True
            self.greenlet.spawn(watch_refusals, self.client.socket, self._sealed_out)
        self.station.timekeeper.compare(PATIENCE_S)
        if self._refusal is None:
            self.post(HELLO, self.station.identity())
            super().connect_to_master()
        if self._refusal is not None:
            sys.stderr.write(f"{self._refusal}\n")
            sys.exit(int(ExitCode.USAGE))

    def refuse(self, reason: str) -> None:
        """The master does not want this worker: stop waiting for it."""
        self._refusal = reason
        self.connection_event.set()
        if self.connected:
            logger.error("%s", reason)
            self.quit()

    def _sealed_out(self, failures: int, mismatched: bool) -> None:
        """The seal was not accepted, a few times or for good: that is no hiccup of the network."""
        if mismatched or failures >= SEALED_OUT_AFTER:
            where = f"{self.master_host}:{self.master_port}"
            self.refuse(f"the master at {where} has another secret; give both the same {SECRET_VARIABLE}")

    def handle_message(self, msg: Message) -> None:
        """Our messages to the station, the others to Locust; before quitting, everything is reported."""
        if msg.type == REFUSED:
            self.refuse(msg.data["reason"])
            return
        if msg.type in TO_WORKERS:
            self.station.hear(msg.type, msg.data)
            return
        if msg.type == "quit":
            self.station.finish()
        super().handle_message(msg)

    def heartbeat_timeout_checker(self) -> NoReturn:
        """End this process when the master is silent: soon in a run, whose users it has given to others by then."""
        while True:
            gevent.sleep(1)
            waits_s = ORPHAN_S if self.station.busy or PARENT_VARIABLE in os.environ else IDLE_ORPHAN_S
            if self.last_heartbeat_timestamp and self.last_heartbeat_timestamp < time.time() - waits_s:
                logger.error("the master has been silent for %d s; this worker ends", waits_s)
                self.quit()

    def post(self, kind: str, data: dict[str, Any]) -> None:
        """Send a message to the master."""
        message = Message(kind, data, self.client_id)
        if kind != PING:
            self.client.send(message)
            return
        try:
            self.client.socket.send(message.serialize(), zmq.NOBLOCK)
        except zmq.Again:
            return  # nobody to ask; Locust would try for seconds, and the time would be another by then

    def send_report(self) -> None:
        """Send the station's report with Locust's statistics."""
        self._send_stats()

    def end_users(self) -> None:
        """Stop the users in order and be ready for another run."""
        self.drain()
        self.stop()
        self.worker_state = STATE_INIT

    def _send_stats(self) -> None:
        # the station feeds Locust's statistics, so its report is made before Locust looks at them
        data: dict[str, Any] = {REPORT: self.station.report()}
        self.environment.events.report_to_master.fire(client_id=self.client_id, data=data)
        self.client.send(Message("stats", data, self.client_id))


class Conducted:
    """What the master's and the local runner have in common: a run is begun and ended by the conductor alone."""

    environment: Environment
    conductor: Conductor
    shape_greenlet: Any
    shape_last_tick: Any

    def shape_worker(self) -> None:
        """Locust's greenlet for the shape: the whole run."""
        try:
            self.conductor.conduct()
        finally:
            self.shape_greenlet = None
            self.shape_last_tick = None

    def stop(self, send_stop_to_client: bool = True) -> None:
        """Somebody else wants the run to end (the web UI, Locust itself): the conductor ends it in order."""
        if self.conductor.ask_to_end("workers_lost" if not self.anybody else "web"):
            return
        super().stop()  # type: ignore[misc]

    def quit(self) -> None:
        """Locust wants to go: the run is ended in order first."""
        self.conductor.interrupt()
        self.conductor.wait()
        super().quit()  # type: ignore[misc]

    @property
    def anybody(self) -> bool:
        """Whether there is a worker left."""
        return True


class ConductedMaster(Conducted, MasterRunner):
    """Locust's master, conducted."""

    def __init__(self, environment: Environment, master_bind_host: str, master_bind_port: int) -> None:
        self.conductor = Conductor(self)
        self._listening_since_s = 0.0
        super().__init__(environment, master_bind_host, master_bind_port)
        if sealed():
            self.greenlet.spawn(watch_refusals, self.server.socket, self._sealed_out)
        elif master_bind_host not in LOOPBACK:
            where = "every interface" if master_bind_host == "*" else master_bind_host
            logger.warning("the master listens on %s without %s: whoever reaches it can join", where, SECRET_VARIABLE)

    def _sealed_out(self, failures: int, _mismatched: bool) -> None:
        """Somebody dialled who does not know the secret; it tries again and again, so not every time is told."""
        if failures in (1, 10, 100, 1_000):
            logger.error(
                "refused somebody who does not know this run's %s (%d times so far)", SECRET_VARIABLE, failures
            )

    @property
    def anybody(self) -> bool:
        """Whether there is a worker left."""
        return self.worker_count > 0

    def clients_here(self) -> list[str]:
        """Locust's ids of the workers that can take part, in the order they connected."""
        here = self.clients.ready + self.clients.spawning + self.clients.running
        return sorted((node.id for node in here), key=self.get_worker_index)

    def post(self, kind: str, data: dict[str, Any], client: str) -> None:
        """Send a message to one worker."""
        self.server.send_to_client(Message(kind, data, client))

    def handle_message(self, client_id: str, msg: Message) -> None:
        """Our messages and reports to the conductor, the rest to Locust; nothing of who was not let in."""
        if time.monotonic() - self._listening_since_s > LISTEN_MAX_S:
            gevent.sleep(0)
            self._listening_since_s = time.monotonic()
        if not self.conductor.doorman.lets_through(client_id, msg.type):
            return
        if msg.type in TO_MASTER:
            self.conductor.hear(client_id, msg.type, msg.data)
            return
        if msg.type == "stats":
            self.conductor.take_report(client_id, msg.data.pop(REPORT, None) or {})
        elif msg.type == "client_ready" and client_id not in self.clients:
            self.conductor.greet(client_id)
        super().handle_message(client_id, msg)

    def dismiss(self, client: str) -> None:
        """A worker is known to be gone: what Locust does once it has waited for its heartbeat, now."""
        node = self.clients.get(client)
        if node is None or node.state == STATE_MISSING:
            return
        node.state = STATE_MISSING
        node.user_classes_count = {}
        if self._users_dispatcher is not None:
            self._users_dispatcher.remove_worker(node)
            if self.state in (STATE_RUNNING, STATE_SPAWNING) and self.anybody:
                self.start(self.target_user_count, self.spawn_rate)

    def cease(self) -> None:
        """No more users are sent anywhere; the workers end theirs when the conductor tells them."""
        MasterRunner.stop(self, send_stop_to_client=False)

    def rest(self) -> None:
        """The run is over; another may begin."""
        self.update_state(STATE_STOPPED)

    def rebalancing_enabled(self) -> bool:
        """Always: a worker's users must not stay away for a minute because it died."""
        return True

    def _wait_for_workers_report_after_ramp_up(self) -> float:  # type: ignore[override]  # Locust caches it
        return SPAWN_REPORT_WAIT_S


class ConductedLocal(LeavingUsers, Conducted, LocalRunner):
    """Locust without workers: master and station in one process, talking by calls."""

    equipment: Equipment

    def __init__(self, environment: Environment) -> None:
        self.conductor = Conductor(self)
        self.station = Station(_LocalSeat(self, environment), self.equipment, "local")
        super().__init__(environment)
        self.greenlet.spawn(self._report_forever)

    def clients_here(self) -> list[str]:
        """The one worker that there is: this process."""
        return ["local"]

    def post(self, kind: str, data: dict[str, Any], client: str) -> None:
        """Tell the station."""
        self.station.hear(kind, data)

    def send_report(self) -> None:
        """Give the station's report to the conductor."""
        self.conductor.take_report("local", self.station.report())

    def end_users(self) -> None:
        """Stop the users in order, waiting for them."""
        self.drain()
        # Locust would end the greenlet of the shape as well, which still has a run to finish
        conducting, self.shape_greenlet = self.shape_greenlet, None
        try:
            LocalRunner.stop(self)
        finally:
            self.shape_greenlet = conducting

    def dismiss(self, client: str) -> None:
        """Nobody but this process is here."""

    def cease(self) -> None:
        """Nothing to do: the station ends the users."""

    def rest(self) -> None:
        """The run is over; another may begin."""
        self.update_state(STATE_STOPPED)

    def _report_forever(self) -> None:
        while True:
            gevent.sleep(locust.runners.WORKER_REPORT_INTERVAL)
            self.send_report()


class _LocalSeat:
    """The local runner as its station sees it: what goes to the master goes to the conductor."""

    worker_index = 0

    def __init__(self, runner: ConductedLocal, environment: Environment) -> None:
        self._runner = runner
        self.environment = environment

    @property
    def user_count(self) -> int:
        return int(self._runner.user_count)

    def post(self, kind: str, data: dict[str, Any]) -> None:
        self._runner.conductor.hear("local", kind, data)

    def send_report(self) -> None:
        self._runner.send_report()

    def end_users(self) -> None:
        self._runner.end_users()

    def kill_users(self) -> None:
        self._runner.kill_users()

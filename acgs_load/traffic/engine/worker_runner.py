"""Locust's worker with a station in it: our handshake, our reports and our end come before its own."""

# mypy: disable-error-code="no-untyped-call"
# Locust annotates its classes but not all of its functions

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any, NoReturn

import gevent
import zmq.green as zmq
from locust.env import Environment
from locust.rpc import Message
from locust.runners import (
    STATE_INIT,
    WorkerRunner,
)

from acgs_load.errors import ExitCode
from acgs_load.secret import SECRET_VARIABLE
from acgs_load.traffic.engine.conducted import LeavingUsers
from acgs_load.traffic.engine.parent import PARENT_VARIABLE
from acgs_load.traffic.engine.wire import watch_refusals
from acgs_load.traffic.messages import HELLO, PING, REFUSED, REPORT, TO_WORKERS
from acgs_load.traffic.worker.equipment import Equipment
from acgs_load.traffic.worker.station import Station
from acgs_load.traffic.worker.timekeeper import PATIENCE_S

ORPHAN_S = 15
"""A worker whose master is silent ends after this in a run, and always where a runner started it. TCP tries again after
6 and after 13 s: a shorter patience would end workers that are about to be heard again."""
IDLE_ORPHAN_S = 60
"""A worker that waits for a run is more patient, as Locust's are."""
SEALED_OUT_AFTER = 3
"""Failed handshakes after which a worker gives up; a master that is just starting or ending may cause one."""

logger = logging.getLogger(__name__)


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

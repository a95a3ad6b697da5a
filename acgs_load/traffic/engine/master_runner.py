"""Locust's master, conducted: users are adjusted when the plan says so, and it goes only when the last report is in."""

# mypy: disable-error-code="no-untyped-call"
# Locust annotates its classes but not all of its functions

from __future__ import annotations

import logging
import time
from typing import Any

import gevent
from locust.env import Environment
from locust.rpc import Message
from locust.runners import (
    STATE_MISSING,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    MasterRunner,
)

from acgs_load.secret import SECRET_VARIABLE
from acgs_load.traffic.engine.conducted import Conducted
from acgs_load.traffic.engine.web_login import LOOPBACK
from acgs_load.traffic.engine.wire import sealed, watch_refusals
from acgs_load.traffic.master.conductor import Conductor
from acgs_load.traffic.messages import REPORT, TO_MASTER

LISTEN_MAX_S = 0.05
"""How long a master reads messages that are there already before everybody else gets a turn: with a thousand workers
there is always one more, and a run that nobody conducts never ends."""
SPAWN_REPORT_WAIT_S = 0.2
"""How long a step of the shape waits for the workers to have made it; Locust's second would be five steps."""

logger = logging.getLogger(__name__)


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

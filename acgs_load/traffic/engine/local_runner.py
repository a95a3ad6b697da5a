"""Locust without workers: master and station in one process, talking by calls."""

# mypy: disable-error-code="no-untyped-call"
# Locust annotates its classes but not all of its functions

from __future__ import annotations

from typing import Any

import gevent
import locust.runners
from locust.env import Environment
from locust.runners import (
    STATE_STOPPED,
    LocalRunner,
)

from acgs_load.traffic.engine.conducted import Conducted, LeavingUsers
from acgs_load.traffic.master.conductor import Conductor
from acgs_load.traffic.worker.equipment import Equipment
from acgs_load.traffic.worker.station import Station


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

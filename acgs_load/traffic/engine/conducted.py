"""What Locust's runners have in common with a conductor on them: who begins and ends a run, and how users leave."""

# mypy: disable-error-code="no-untyped-call"
# Locust annotates its classes but not all of its functions

from __future__ import annotations

from typing import Any

import gevent
from locust.env import Environment
from locust.runners import (
    STATE_CLEANUP,
)
from locust.user.task import LOCUST_STATE_STOPPING

from acgs_load.traffic.master.conductor import Conductor


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

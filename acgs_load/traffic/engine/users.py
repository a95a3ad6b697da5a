"""The one user class that Locust spawns. What it does is dealt from the plan's mix; how, is the scenarios' business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, ClassVar, Protocol

from gevent import GreenletExit
from locust import User
from locust.env import Environment
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from acgs_load.contract import DEFAULT_MIX, Scenario
from acgs_load.traffic.worker.deck import Deck, whole_weights


class Visit(Protocol):
    """One user's dealings with the target, as ``traffic.visit`` provides them."""

    def prepare(self) -> None:
        """Be logged in."""
        ...

    def run(self, scenario: Scenario) -> None:
        """One iteration: three requests."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class Workplace(Protocol):
    """What a user needs from the worker process it lives in."""

    @property
    def deck(self) -> Deck:
        """Scenarios in the proportions of the plan."""
        ...

    @property
    def think_time_s(self) -> tuple[float, float] | None:
        """Bounds of the pause after an iteration; None in open load."""
        ...

    @property
    def chance(self) -> Random:
        """The worker's seeded randomness."""
        ...

    def nap(self, seconds: float) -> None:
        """Let others run for so long."""
        ...

    def new_visit(self, pause: Callable[[float], None]) -> Visit:
        """One more user's visit; ``pause`` is how it waits."""
        ...


class AcgsUser(User):
    """A user of ACGS: logs in, then runs iterations of the five scenarios until it is stopped."""

    station: ClassVar[Workplace]
    """Set by the worker before it spawns users."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.visit = self.station.new_visit(self.pause)
        self._iteration = 0
        self._leaving = False

    def on_start(self) -> None:
        """Log in, then pause for part of a think time, so that users spawned together do not stay in step."""
        # what Locust pauses with, between two iterations
        self._taskset_instance._sleep = self.station.nap  # type: ignore[union-attr,method-assign]
        self.visit.prepare()
        self._continue()
        self.wait()  # type: ignore[no-untyped-call]

    def on_stop(self) -> None:
        """Let go of the connection."""
        self.visit.close()

    def stop(self, force: bool = False) -> Any:
        """Leave: at once when pausing, else after the iteration. Gives True if it was at once.

        The end of a pause may be queued in the loop before the kill is: whoever wakes up then must send nothing more,
        or the kill would hit it in the middle of a request that nobody records.
        """
        self._leaving = True
        return super().stop(force)

    def wait_time(self) -> float:
        """Seconds until the next iteration."""
        bounds = self.station.think_time_s
        if bounds is None:
            return 0.0
        return self.station.chance.uniform(bounds[0] if self._iteration else 0.0, bounds[1])

    def pause(self, seconds: float) -> None:
        """Wait within an iteration, as for another try to log in; whoever is stopped while waiting leaves at once."""
        if self._state == LOCUST_STATE_STOPPING:
            raise GreenletExit
        self._state = LOCUST_STATE_WAITING
        self.station.nap(seconds)
        if self._leaving:
            raise GreenletExit
        self._state = LOCUST_STATE_RUNNING

    def iterate(self, scenario: Scenario) -> None:
        """One iteration; the one after it is scheduled first, so that a failure is not the end."""
        if self._leaving:
            raise StopUser
        self._iteration += 1
        self._continue()
        self.visit.prepare()
        self.visit.run(scenario)

    def _continue(self) -> None:
        assert self._taskset_instance is not None, "Locust sets it before on_start"
        # a scheduled task comes before Locust's random choice, which is therefore never made
        self._taskset_instance.schedule_task(_next_iteration)  # type: ignore[no-untyped-call]


def _next_iteration(user: AcgsUser) -> None:
    TASKS[user.station.deck.deal()](user)


def _task(scenario: Scenario) -> Callable[[AcgsUser], None]:
    def run(user: AcgsUser) -> None:
        user.iterate(scenario)

    run.__name__ = scenario.value
    run.__qualname__ = scenario.value
    return run


TASKS: Mapping[str, Callable[[AcgsUser], None]] = {scenario.value: _task(scenario) for scenario in Scenario}
"""By scenario name; Locust's task ratio shows the names."""


def follow_mix(mix: Mapping[str, float]) -> None:
    """Show ``mix`` as the task ratio of the user class."""
    tasks: list[Any] = [TASKS[name] for name, weight in whole_weights(mix).items() for _ in range(weight)]
    AcgsUser.tasks = tasks


follow_mix(DEFAULT_MIX)

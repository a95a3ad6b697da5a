"""What a station is given: the users' world and transport, and the Locust runner it sits in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from acgs_load.plan import Plan
from acgs_load.traffic.engine.users import Visit
from acgs_load.traffic.seams import Arrivals, Recorder
from acgs_load.traffic.transport.exchange import Transport


class World(Protocol):
    """What the users of a worker share, as ``traffic.world`` provides it."""

    @property
    def users(self) -> int:
        """Users that have begun."""
        ...

    @property
    def logged_in(self) -> int:
        """Users of them that hold a token."""
        ...

    def new_visit(
        self,
        transport_factory: Callable[[], Transport],
        recorder: Recorder,
        arrivals: Arrivals,
        sleep: Callable[[float], None],
    ) -> Visit:
        """The dealings of one more user."""
        ...


class Equipment(NamedTuple):
    """What users are equipped with; passed in, so that a test can run Locust without a target."""

    world: Callable[[Plan, int, int], World]
    """From the plan, the worker's index and the number of workers."""
    transport: Callable[[Plan], Callable[[], Transport]]


class Seat(Protocol):
    """What a station needs from the Locust runner it sits in."""

    environment: Any
    worker_index: int

    @property
    def user_count(self) -> int: ...

    def post(self, kind: str, data: dict[str, Any]) -> None:
        """Send a message to the master."""
        ...

    def send_report(self) -> None:
        """Send what ``Station.report`` gives to the master."""
        ...

    def end_users(self) -> None:
        """Stop the users of this process in order, waiting for them within the stop time-out."""
        ...

    def kill_users(self) -> None:
        """Stop them at once."""
        ...

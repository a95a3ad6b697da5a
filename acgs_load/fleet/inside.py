"""The inside of a whole place: the runner is there already, and its workers come by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acgs_load.fleet.commands import Command, master_command
from acgs_load.fleet.place import Worker, folder_of
from acgs_load.plan import Plan

INSIDE_VARIABLE = "ACGS_INSIDE_PLACE"
"""Names the place to a runner that was started by it, in it."""


class InsidePlace:
    """Where a whole place has put the runner."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def steps(self) -> Sequence[Command]:
        """The master."""
        return [master_command(self._plan, folder_of(self._plan))]

    def open(self, _say: Callable[[str], None]) -> Plan:
        """Nothing to get ready."""
        return self._plan

    def start(self, _plan: Plan) -> list[Worker]:
        """Nobody: whoever started this runner started the workers."""
        return []

    def collect(self) -> None:
        """That, too, is done outside."""

    def close(self) -> None:
        """So is this."""

"""``--place local``: workers on this machine; those of other machines are started there by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acgs_load.fleet.commands import Command, master_command, worker_commands
from acgs_load.fleet.local import LocalProcess, stop_all
from acgs_load.fleet.place import Worker, folder_of
from acgs_load.plan import Plan
from acgs_load.uninterrupted import uninterrupted


class LocalPlace:
    """This machine."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workers: list[Worker] = []

    def steps(self) -> Sequence[Command]:
        """The master, then each worker."""
        folder = folder_of(self._plan)
        return [master_command(self._plan, folder), *worker_commands(self._plan, folder)]

    def open(self, say: Callable[[str], None]) -> Plan:
        """Nothing to get ready."""
        return self._plan

    def start(self, plan: Plan) -> list[Worker]:
        """Start the workers of this machine."""
        folder = folder_of(plan)
        for command in self._commands(plan):
            if command.local:
                log = folder.logs / f"{command.name}.out"
                with uninterrupted():
                    self._workers.append(LocalProcess(command.name, command.argv, command.environment, log))
        return self._workers

    def _commands(self, plan: Plan) -> list[Command]:
        return worker_commands(plan, folder_of(plan))

    def collect(self) -> None:
        """Everything is here already."""

    def close(self) -> None:
        """End what still runs, as after a start that failed halfway."""
        stop_all(self._workers, 0.0)

"""``--restart-workers``: those of this machine that die are started again; they join the run and take users again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from acgs_load.fleet.local import LocalProcess
from acgs_load.fleet.place import Worker

RESTARTS_MAX = 3
"""What dies again and again has a reason that starting it again does not cure."""


class Revival:
    """Of the workers of one run."""

    def __init__(self, workers: list[Worker], say: Callable[[str], None]) -> None:
        self._workers = workers
        """Kept in place: who ends the workers has to find the new ones too."""
        self._say = say
        self._count: Counter[str] = Counter()

    def look(self) -> None:
        """Start again what has died; a worker that ended in order is left alone."""
        for place, worker in enumerate(self._workers):
            status = worker.poll()
            if status in (None, 0) or not isinstance(worker, LocalProcess) or self._count[worker.name] >= RESTARTS_MAX:
                continue
            self._count[worker.name] += 1
            self._say(
                f"{worker.name} died (status {status}): started again, {self._count[worker.name]} of {RESTARTS_MAX}"
            )
            self._workers[place] = worker.again()

"""The target's CPU and memory while a run goes on, from the rows that the runner's sampler appends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acgs_load.measures import MEASURES, Measure
from acgs_load.snapshot import Target
from acgs_load.usage import ResourceRow

STALE_S = 5
"""A row that is older says nothing of now."""


class TargetTail:
    """Follows ``resources.csv``; a file that nobody writes is a target that nobody measures."""

    def __init__(self, path: Path, held: Callable[[int], bool]) -> None:
        self._path = path
        self._held = held
        """Whether an epoch second lies in a phase that holds."""
        self._at = 0
        self._rest = ""
        self._sums = {"cpu": [0.0, 0.0], "memory": [0.0, 0.0]}
        """Sum and count over the phases that hold."""
        self._last: ResourceRow | None = None

    def read(self) -> None:
        """Take in what was appended since."""
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8") as file:
            file.seek(self._at)
            text = self._rest + file.read()
            self._at = file.tell()
        *lines, self._rest = text.split("\n")
        for line in lines:
            cells = line.strip().split(",")
            if len(cells) == len(ResourceRow._fields) and cells[0].isdigit():
                self._take(ResourceRow(int(cells[0]), cells[1], _share(cells[2]), _share(cells[3]), None))

    def target(self, now_s: float) -> Target | None:
        """How the target's machine stands at an epoch second; None where nobody ever told."""
        last = self._last
        if last is None:
            return None
        fresh = now_s - last.second <= STALE_S
        cpu, memory = (last.cpu, last.memory) if fresh else (None, None)
        return Target(last.source, cpu, memory, self._mean("cpu"), self._mean("memory"))

    def measures(self) -> dict[str, Measure]:
        """``target_cpu`` and ``target_memory`` so far."""
        source = self._last.source if self._last is not None else ""
        return {
            f"target_{name}": Measure(self._mean(name), MEASURES[f"target_{name}"].unit, int(count), source)
            for name, (_, count) in self._sums.items()
        }

    def _take(self, row: ResourceRow) -> None:
        self._last = row
        if not self._held(row.second):
            return
        for name, value in (("cpu", row.cpu), ("memory", row.memory)):
            if value is not None:
                self._sums[name][0] += value
                self._sums[name][1] += 1

    def _mean(self, name: str) -> float | None:
        total, count = self._sums[name]
        return total / count if count else None


def _share(text: str) -> float | None:
    return float(text) if text else None

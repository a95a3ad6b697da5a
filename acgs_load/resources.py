"""CPU and memory of the target while it is under load, once a second, into ``resources.csv``.

Where they come from is a ``ResourceSource``; the ``resources_*`` modules have one each. What no source tells is
"not measured": a row that is missing, or a cell that is empty, and never 0.
"""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from acgs_load.usage import ResourceRow

INTERVAL_S = 1.0
SILENT_MAX = 3
"""Readings in a row that may tell nothing (a restart, the first of a counter) before it is said."""


class Level(NamedTuple):
    """What a source says at one moment: shares (0–1) of the target's machine; None where it does not tell."""

    cpu: float | None
    memory: float | None
    memory_bytes: int | None = None


class SilentSourceError(Exception):
    """A source cannot be read now; the text says why."""


class ResourceSource(Protocol):
    """Where the target's CPU and memory are read."""

    @property
    def name(self) -> str:
        """The kind of source, as the report names it."""
        ...

    @property
    def place(self) -> str:
        """What is read, for a person: ``node_exporter http://10.0.0.7:9100/metrics``."""
        ...

    def level(self, at_s: float) -> Level:
        """What it says at ``at_s`` (monotonic seconds). Raises SilentSourceError."""
        ...


class CpuCounter:
    """Turns counters that only grow into the share of the time between two readings."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def share(self, busy_s: float, capacity_s: float) -> float | None:
        """CPU seconds used ÷ CPU seconds there were, since the last call; None for the first, and after a restart."""
        last, self._last = self._last, (busy_s, capacity_s)
        if last is None or busy_s < last[0] or capacity_s <= last[1]:
            return None
        return (busy_s - last[0]) / (capacity_s - last[1])


class ResourceSampler:
    """Appends a row a second to a CSV file until it is stopped. Use as a context manager."""

    def __init__(
        self,
        path: Path,
        source: ResourceSource,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._source = source
        self._say = say
        """Told once, in words, when the source tells nothing any more."""
        self._monotonic = monotonic
        self._anchor_s = clock() - monotonic()
        """Makes epoch seconds of monotonic ones: a clock that is set back takes no row into the past."""
        self._silent = 0
        self._said = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="resources", daemon=True)

    def __enter__(self) -> ResourceSampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=5.0)

    def sample(self) -> ResourceRow | None:
        """A row for now; None where the source tells nothing."""
        try:
            level, reason = self._source.level(self._monotonic()), ""
        except SilentSourceError as error:
            level, reason = Level(None, None), str(error)
        self._watch(level, reason)
        if level == Level(None, None):
            return None
        return ResourceRow(
            int(self._anchor_s + self._monotonic()),
            self._source.name,
            _rounded(level.cpu),
            _rounded(level.memory),
            level.memory_bytes,
        )

    def _watch(self, level: Level, reason: str) -> None:
        missing = [name for name, value in (("CPU", level.cpu), ("memory", level.memory)) if value is None]
        self._silent = self._silent + 1 if missing else 0
        if self._silent < SILENT_MAX or self._said:
            return
        self._said = True
        told = reason or f"{self._source.place} tells nothing of it"
        self._say(f"{' and '.join(missing)} of the target: not measured while this lasts: {told}")

    def _loop(self) -> None:
        try:
            self._write()
        except OSError as error:
            self._say(f"{self._path.name}: not written any more ({error.strerror}); the run goes on")

    def _write(self) -> None:
        with self._path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(ResourceRow._fields)
            file.flush()
            while not self._ended.wait(INTERVAL_S):
                if (row := self.sample()) is not None:
                    writer.writerow(row)
                    file.flush()


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(max(0.0, share), 4)

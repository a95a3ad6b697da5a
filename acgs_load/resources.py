"""CPU and memory of the target while it is under load, once a second, into ``resources.csv``.

Two sources here: the process tree of a target that the runner started, and the standard process metrics that a
target on this machine publishes. Both are shares (0–1) of this machine's cores and memory.
"""

from __future__ import annotations

import csv
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
import requests

INTERVAL_S = 1.0


class Usage(NamedTuple):
    """Totals at one moment."""

    cpu_seconds: float
    memory_bytes: int


class ResourceRow(NamedTuple):
    """A row of ``resources.csv``."""

    second: int
    """Epoch second."""
    source: str
    cpu: float
    """Share of the whole machine over the last interval, 0–1."""
    memory: float
    memory_bytes: int


Probe = Callable[[], Usage | None]
"""Reads the totals; None where they cannot be read now."""


def process_tree(pid: int) -> Probe:
    """A probe of a process and all its descendants. CPU of descendants that ended stays counted."""
    seen: dict[tuple[int, float], float] = {}

    def read() -> Usage | None:
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return None
        memory_bytes = 0
        for process in family:
            try:
                times = process.cpu_times()
                seen[process.pid, process.create_time()] = times.user + times.system
                memory_bytes += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue  # ended between the listing and the reading; what it used so far stays in `seen`
        return Usage(sum(seen.values()), memory_bytes)

    return read


def published_metrics(url: str, timeout_s: float = 2.0) -> Probe:
    """A probe of ``process_cpu_seconds_total`` and ``process_resident_memory_bytes`` in a Prometheus text page."""
    session = requests.Session()

    def read() -> Usage | None:
        try:
            answer = session.get(url, timeout=timeout_s)
        except requests.RequestException:
            return None
        cpu = _metric(answer.text, "process_cpu_seconds_total") if answer.ok else None
        memory = _metric(answer.text, "process_resident_memory_bytes") if answer.ok else None
        return None if cpu is None or memory is None else Usage(cpu, int(memory))

    return read


def _metric(text: str, name: str) -> float | None:
    found = re.search(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.eE+-]+)", text, re.MULTILINE)
    return float(found.group(1)) if found else None


class ResourceSampler:
    """Appends a row a second to a CSV file until it is stopped. Use as a context manager."""

    def __init__(
        self,
        path: Path,
        source: str,
        probe: Probe,
        *,
        cores: int | None = None,
        memory_total_bytes: int | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._source = source
        self._probe = probe
        self._cores = cores or len(os.sched_getaffinity(0))
        self._memory_total_bytes = memory_total_bytes or psutil.virtual_memory().total
        self._clock = clock
        self._monotonic = monotonic
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="resources", daemon=True)
        self._last: tuple[float, Usage] | None = None

    def __enter__(self) -> ResourceSampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=5.0)

    def sample(self) -> ResourceRow | None:
        """The row for the time since the last sample; None for the first, and where the target cannot be read."""
        usage, now_s = self._probe(), self._monotonic()
        last, self._last = self._last, None if usage is None else (now_s, usage)
        if usage is None or last is None or now_s <= last[0]:
            return None
        cpu = (usage.cpu_seconds - last[1].cpu_seconds) / (now_s - last[0]) / self._cores
        memory = usage.memory_bytes / self._memory_total_bytes
        return ResourceRow(
            int(self._clock()), self._source, round(max(0.0, cpu), 4), round(memory, 4), usage.memory_bytes
        )

    def _loop(self) -> None:
        with self._path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(ResourceRow._fields)
            while not self._ended.wait(INTERVAL_S):
                if (row := self.sample()) is not None:
                    writer.writerow(row)
                    file.flush()

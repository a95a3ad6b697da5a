"""CPU and memory of a process on this machine and of everything it started."""

from __future__ import annotations

import os

import psutil

from acgs_load.resources import CpuCounter, Level, SilentSourceError


class ProcessTree:
    """A process and all its descendants, as shares of this machine. CPU of descendants that ended stays counted."""

    name = "process tree"

    def __init__(self, pid: int, cores: int | None = None, memory_total_bytes: int | None = None) -> None:
        self._pid = pid
        self._cores = cores or local_cores()
        self._memory_total_bytes = memory_total_bytes or psutil.virtual_memory().total
        self._seen: dict[tuple[int, float], float] = {}
        self._cpu = CpuCounter()

    @property
    def place(self) -> str:
        """The process, by its number."""
        return f"process {self._pid}"

    def level(self, at_s: float) -> Level:
        """What the tree uses. Raises SilentSourceError when the process has ended."""
        memory_bytes = self._read()
        share = self._cpu.share(sum(self._seen.values()), at_s * self._cores)
        return Level(share, memory_bytes / self._memory_total_bytes, memory_bytes)

    def _read(self) -> int:
        """Note the CPU seconds of everyone who is there; gives the memory in bytes."""
        try:
            root = psutil.Process(self._pid)
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            raise SilentSourceError(f"process {self._pid} is not there (any more)") from None
        memory_bytes = 0
        for process in family:
            try:
                times = process.cpu_times()
                self._seen[process.pid, process.create_time()] = times.user + times.system
                memory_bytes += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue  # ended between the listing and the reading; what it used so far stays in `_seen`
            except psutil.AccessDenied:
                raise SilentSourceError(f"process {process.pid} belongs to somebody else; run as its user") from None
        return memory_bytes


def local_cores() -> int:
    """CPUs of this machine that processes may use here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

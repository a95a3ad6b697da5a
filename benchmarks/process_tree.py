"""What a process and everything it started have cost so far."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import psutil


class Cost(NamedTuple):
    """CPU time used since the start, and memory held now."""

    cpu_s: float
    memory_bytes: int


def cost_of(pid: int) -> Cost:
    """The cost of ``pid`` and its descendants. Raises psutil.NoSuchProcess where there is no such process."""
    root = psutil.Process(pid)
    cpu_s, memory_bytes = _cost(root)
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a child that has just ended costs nothing from now on
            child_cpu_s, child_bytes = _cost(child)
            cpu_s, memory_bytes = cpu_s + child_cpu_s, memory_bytes + child_bytes
    return Cost(cpu_s, memory_bytes)


def _cost(process: psutil.Process) -> Cost:
    times = process.cpu_times()
    return Cost(times.user + times.system, process.memory_info().rss)


def shared_bytes(pid: int) -> int:
    """Memory that ``pid`` and its descendants hold now, shared pages counted once; 0 where there is no such process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return sum(map(_proportional_bytes, [root, *root.children(recursive=True)]))
    return 0


def _proportional_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.memory_full_info().pss)
    return 0

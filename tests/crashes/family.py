"""The processes that one command started, followed while they live: who is who among them, and who stayed behind."""

from __future__ import annotations

import threading
import time

import psutil

from crashes.draws import Victim

_LOOK_S = 0.05


class Family:
    """Everything that descends from a process, also once its parents are gone; ``close`` ends the watching."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._seen: dict[int, psutil.Process] = {pid: self._root}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def await_member(self, victim: Victim, timeout_s: float) -> psutil.Process | None:
        """The process that plays this part, as soon as there is one; None if it never came."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s and self._root.is_running():
            for process in list(self._seen.values()):
                if _part(process, self._root.pid) == victim:
                    return process
            time.sleep(_LOOK_S)
        return None

    def survivors(self, timeout_s: float) -> list[str]:
        """Command lines of those that are still alive after so long."""
        _, alive = psutil.wait_procs(list(self._seen.values()), timeout=timeout_s)
        return [" ".join(_command(process))[:120] for process in alive if process.is_running()]

    def end_survivors(self) -> None:
        """Kills what a failed trial left, so that the next one starts on a clean machine."""
        for process in self._seen.values():
            if process.is_running():
                process.kill()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(_LOOK_S):
            for process in list(self._seen.values()):
                try:
                    for child in process.children(recursive=True):
                        self._seen.setdefault(child.pid, child)
                except psutil.NoSuchProcess:
                    continue


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def _part(process: psutil.Process, root: int) -> Victim | None:
    """What a process does in a run, by its command line."""
    words = _command(process)
    if process.pid == root:
        return "analyzer" if any(word.endswith("performance_analyzer.py") for word in words) else "runner"
    if "--worker" in words:
        return "worker"
    if "--master" in words:
        return "master"
    return "gateway" if "acgs_load.gateway" in words else None

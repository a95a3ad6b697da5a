"""Load must not outlive the runner that asked for it."""

from __future__ import annotations

import os
from collections.abc import Callable

import gevent

PARENT_VARIABLE = "ACGS_PARENT_PID"
LOOK_EVERY_S = 1.0


class Parent:
    """The process named by ``ACGS_PARENT_PID``, if any."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._is_mine = pid is not None and os.getppid() == pid

    @classmethod
    def from_environment(cls) -> Parent:
        """The parent that the environment names."""
        pid = os.environ.get(PARENT_VARIABLE, "")
        return cls(int(pid) if pid.isdigit() else None)

    @property
    def known(self) -> bool:
        """Whether there is a process to watch."""
        return self._pid is not None

    @property
    def alive(self) -> bool:
        """Whether it still runs; True where none is named. A dead process that nobody has waited for is dead."""
        if self._pid is None:
            return True
        if self._is_mine:
            return os.getppid() == self._pid
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def watch(self, gone: Callable[[], None]) -> None:
        """Call ``gone`` once when the process is not there any more."""
        while self.alive:
            gevent.sleep(LOOK_EVERY_S)
        gone()

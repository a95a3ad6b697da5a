"""Processes on this machine: started each with its own log, watched, and ended without leaving any behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from acgs_load.errors import GeneratorError
from acgs_load.fleet.place import Worker

PARENT_VARIABLE = "ACGS_PARENT_PID"
"""Names the runner to its children: they end themselves when it is gone, so a crash leaves nothing running."""


PROJECT = Path(__file__).resolve().parents[2]


def python_path() -> str:
    """PYTHONPATH with which a child finds this package, wherever it is started."""
    return os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))


class LocalProcess:
    """One child process, in a session of its own so that a Ctrl-C in the terminal reaches only the runner."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        stdout: IO[str] | int | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._again = (name, argv, environment, log, stdout)
        with log.open("ab") as errors:
            try:
                self._popen = subprocess.Popen(
                    argv,
                    env={**os.environ, **environment, PARENT_VARIABLE: str(os.getpid())},
                    stdin=subprocess.DEVNULL,
                    stdout=errors if stdout is None else stdout,
                    stderr=errors,
                    start_new_session=True,
                    text=True,
                )
            except OSError as error:
                raise GeneratorError(
                    f"{name}: cannot start {argv[0]} ({error.strerror}); check the installation"
                ) from error

    def again(self) -> LocalProcess:
        """The same once more, with the same log. Raises GeneratorError."""
        return LocalProcess(*self._again)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    @property
    def stdout(self) -> IO[str] | None:
        """The child's output, where it was asked for."""
        return self._popen.stdout

    def poll(self) -> int | None:
        """Exit status, or None while it runs."""
        return self._popen.poll()

    def send(self, signal_number: signal.Signals) -> None:
        """Signal the child alone; nothing happens when it has ended."""
        self._popen.send_signal(signal_number)

    def wait(self, timeout_s: float) -> int | None:
        """Exit status, or None if it still runs after ``timeout_s``."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace_s: float) -> int:
        """Ask it to end, and after ``grace_s`` end it with everything it started; gives its exit status."""
        if self.poll() is None:
            self.send(signal.SIGTERM)
            if self.wait(grace_s) is None:
                self._kill_session()
        return self._popen.wait()

    def _kill_session(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it ended in between, which is what was wanted

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log, for an error message."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.strip().splitlines()[-lines:])


def stop_all(processes: Sequence[Worker], grace_s: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Ask all to end at once, then wait for each within one shared grace period."""
    for process in processes:
        if process.poll() is None:
            process.send(signal.SIGTERM)
    deadline_s = clock() + grace_s
    for process in processes:
        if process.wait(max(0.0, deadline_s - clock())) is None:
            process.stop(0.0)

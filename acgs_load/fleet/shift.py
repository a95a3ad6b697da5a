"""The workers of one container: started together, replaced when one dies, ended together.

``python -m acgs_load.fleet.shift`` is what a worker of docker-compose.yml runs. Everything it has to know is in the
environment: the same container serves any plan, which the master tells its workers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from acgs_load.errors import ExitCode, LoadTestError, UsageError
from acgs_load.fleet.commands import LOCAL_HOSTS, Ground, joining_worker

PROCESSES_VARIABLE = "ACGS_WORKER_PROCESSES"
PROCESSES_MOST = 256
MASTER_SERVICE = "locust-master"
"""The master's name in docker-compose.yml; there localhost, the suite's own default, would be the worker itself."""
STOP_TIMEOUT_S = 35.0
"""Users finish their iteration: the default time-out of a request, and a little."""
LOOK_EVERY_S = 0.2
REPLACE_AFTER_S = 2.0
GRACE_S = 15.0


class Shift:
    """Some processes of one kind."""

    def __init__(self, argv: Sequence[str], processes: int, sleep: Callable[[float], object] = time.sleep) -> None:
        self._argv = list(argv)
        self._sleep = sleep
        self._ending = False
        self._here: dict[int, subprocess.Popen[bytes]] = {number: self._start() for number in range(processes)}

    def work(self) -> int:
        """Return once all have ended by themselves, or were told to; 0."""
        while self._here and not self._ending:
            for number, process in list(self._here.items()):
                self._look_at(number, process)
            self._sleep(LOOK_EVERY_S)
        return self._end()

    def end(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """A signal came: ``work`` ends them all."""
        self._ending = True

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._argv, stdin=subprocess.DEVNULL)

    def _look_at(self, number: int, process: subprocess.Popen[bytes]) -> None:
        status = process.poll()
        if status is None:
            return
        if status == 0:  # its master said goodbye
            del self._here[number]
            return
        print(f"worker {number} ended ({_why(status)}); it is replaced", file=sys.stderr, flush=True)
        self._sleep(REPLACE_AFTER_S)
        if not self._ending:
            self._here[number] = self._start()

    def _end(self) -> int:
        for process in self._here.values():
            process.terminate()
        deadline_s = time.monotonic() + GRACE_S
        for process in self._here.values():
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return int(ExitCode.PASSED)


def worker_argv(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The command of each worker. Raises UsageError for a port that is none."""
    host = environ.get("LOCUST_MASTER_HOST") or MASTER_SERVICE
    if host in LOCAL_HOSTS:
        host = MASTER_SERVICE
    port = _count(environ, "LOCUST_MASTER_PORT", "5557", 65_535)
    return joining_worker(Ground(host, str(port), None), STOP_TIMEOUT_S)


def _count(environ: Mapping[str, str], name: str, default: str, most: int) -> int:
    text = environ.get(name) or default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise UsageError(f"{name}={text!r}: expected a number from 1 to {most}")
    return int(text)


def _why(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit code {status}"


def main(environ: Mapping[str, str] | None = None) -> int:
    """Work until told to stop; the exit code: 0, or 2 where the environment is wrong."""
    variables = os.environ if environ is None else environ
    try:
        processes = _count(variables, PROCESSES_VARIABLE, "1", PROCESSES_MOST)
        shift = Shift(worker_argv(variables), processes)
    except LoadTestError as error:
        print(f"worker: {error}", file=sys.stderr)
        return int(error.exit_code)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, shift.end)
    return shift.work()


if __name__ == "__main__":
    sys.exit(main())

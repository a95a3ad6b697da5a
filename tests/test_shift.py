"""A container's workers: as many as told, replaced when killed, gone on a signal or when their master says goodbye."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acgs_load.errors import ExitCode, UsageError
from acgs_load.fleet.shift import Shift, main, worker_argv

PROJECT = Path(__file__).resolve().parents[1]
WAIT_S = 20.0


@pytest.mark.parametrize(
    ("environ", "host", "port"),
    [
        ({}, "locust-master", "5557"),
        ({"LOCUST_MASTER_HOST": "", "LOCUST_MASTER_PORT": ""}, "locust-master", "5557"),
        ({"LOCUST_MASTER_HOST": "localhost", "LOCUST_MASTER_PORT": "5600"}, "locust-master", "5600"),
        ({"LOCUST_MASTER_HOST": "10.0.0.5"}, "10.0.0.5", "5557"),
    ],
)
def test_workers_find_the_master(environ, host, port):
    """The suite's own variable names become Locust's flags; localhost, the documented default, is the master here."""
    words = worker_argv(environ)
    assert words[words.index("--master-host") + 1] == host
    assert words[words.index("--master-port") + 1] == port
    assert "--worker" in words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCUST_MASTER_PORT", "http"),
        ("LOCUST_MASTER_PORT", "70000"),
        ("ACGS_WORKER_PROCESSES", "0"),
        ("ACGS_WORKER_PROCESSES", "-1"),
        ("ACGS_WORKER_PROCESSES", "²"),
    ],
)
def test_wrong_numbers_are_one_line(name, value, capsys):
    """Exit code 2 and a line that names variable and value."""
    assert main({name: value}) == ExitCode.USAGE
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"{name}={value!r}" in line


def test_wrong_port_is_refused():
    """The same as an error for callers."""
    with pytest.raises(UsageError, match="LOCUST_MASTER_PORT"):
        worker_argv({"LOCUST_MASTER_PORT": "0"})


def _sleeper(folder: Path) -> list[str]:
    """A process that leaves a file named by its pid, then waits to be told."""
    code = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1], str(os.getpid())).touch(); time.sleep(600)"
    return [sys.executable, "-c", code, str(folder)]


def _pids(folder: Path, count: int) -> set[int]:
    deadline_s = time.monotonic() + WAIT_S
    while len(found := {int(path.name) for path in folder.iterdir()}) < count:
        assert time.monotonic() < deadline_s, f"{len(found)} of {count} processes came"
        time.sleep(0.02)
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _started(folder: Path, processes: int) -> subprocess.Popen[str]:
    code = "\n".join(
        (
            "import signal, sys",
            "from acgs_load.fleet.shift import Shift",
            f"shift = Shift({_sleeper(folder)!r}, {processes}, sleep=lambda s: __import__('time').sleep(min(s, 0.05)))",
            "signal.signal(signal.SIGTERM, shift.end)",
            "sys.exit(shift.work())",
        )
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stderr=subprocess.PIPE, text=True)


def test_a_killed_worker_is_replaced_and_a_signal_ends_all(tmp_path):
    """As many processes as told; after a kill -9 there are as many again; SIGTERM leaves none and exit code 0."""
    shift = _started(tmp_path, 3)
    try:
        first = _pids(tmp_path, 3)
        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        everybody = _pids(tmp_path, 4)
        assert [_alive(pid) for pid in sorted(everybody - {victim})] == [True] * 3
        shift.send_signal(signal.SIGTERM)
        assert shift.wait(WAIT_S) == ExitCode.PASSED
    finally:
        shift.kill()
    assert not any(_alive(pid) for pid in everybody)
    assert shift.stderr is not None
    assert shift.stderr.read().count("ended (signal 9); it is replaced") == 1


def test_it_ends_with_its_workers():
    """Workers whose master said goodbye are not replaced: the container ends, and Docker decides what then."""
    assert Shift([sys.executable, "-c", "pass"], 2).work() == ExitCode.PASSED


def test_a_worker_that_cannot_work_is_tried_again():
    """An exit code that is not 0 is no goodbye."""
    slept: list[float] = []
    shift = Shift([sys.executable, "-c", "raise SystemExit(3)"], 1, sleep=lambda seconds: _end_after(slept, seconds))

    def _end_after(seen: list[float], seconds: float) -> None:
        seen.append(seconds)
        time.sleep(0.02)
        if seen.count(2.0) == 2:
            shift.end()

    assert shift.work() == ExitCode.PASSED
    assert slept.count(2.0) == 2

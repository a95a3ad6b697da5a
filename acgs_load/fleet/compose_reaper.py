"""Cleans up after ``--place compose``, whatever became of the runner: ``python -m acgs_load.fleet.compose_reaper``.

A process of its own, which waits for the end of its standard input: the runner closes it, or has died. Then a run that
still goes on is ended in order, the workers' logs are kept in the run's folder, and all that was started is removed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from acgs_load.fleet.compose_words import PROJECT, STOP_WITHIN_S, down_words, stop_words

STEP_LIMIT_S = STOP_WITHIN_S + 30.0
LOG_LIMIT_BYTES = 10_000_000
"""As much as docker-compose.yml lets a container's log grow before it is turned over."""


def reap(project: str, logs: Path, workers: Sequence[str], others: Sequence[str]) -> int:
    """End the project; gives 0, or the exit code of the last command where something may be left."""
    _run(stop_words(project))
    for name in workers:
        _keep_log(name, logs / f"{name.removeprefix(f'{project}-')}.log")
    return [_run(words) for words in down_words(project, [*workers, *others])][-1]


def _run(words: Sequence[str]) -> int:
    """The exit code; the reaper goes on in any case, since what follows may still succeed."""
    try:
        done = subprocess.run(words, cwd=PROJECT, capture_output=True, timeout=STEP_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 1
    return done.returncode


def _keep_log(name: str, path: Path) -> None:
    """What a container said; nothing where there is none, or nowhere to keep it."""
    try:
        done = subprocess.run(
            ("docker", "logs", name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=STEP_LIMIT_S, check=True
        )
        path.write_bytes(done.stdout[-LOG_LIMIT_BYTES:])
    except (OSError, subprocess.SubprocessError):
        return


def main(argv: Sequence[str]) -> int:
    """Arguments: project, folder of logs, how many workers, the names of all containers, the workers' first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(sys.stdin.fileno(), 4096):
        pass
    project, logs, count, *names = argv
    return reap(project, Path(logs), names[: int(count)], names[int(count) :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

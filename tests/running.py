"""Servers and runs for tests that need the real thing: started on free ports, always ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
TRIES = 3
INVALID = 4
"""The exit code; this module is also used where the package cannot be imported."""


@contextmanager
def _server(argv: Sequence[str], ready: str, environ: dict[str, str] | None = None) -> Iterator[str]:
    """The URL of a server that prints ``<ready> URL`` when it listens."""
    process = subprocess.Popen(
        [sys.executable, *argv],
        cwd=PROJECT,
        env={**os.environ, "ACGS_PARENT_PID": str(os.getpid()), **(environ or {})},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(ready), f"{argv}: {line!r}"
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait(60)  # on a busy machine


def gateway(*options: str) -> Any:
    """A reference gateway on a free port; gives its URL."""
    return _server(["-m", "acgs_load.gateway", "--port", "0", *options], "gateway ready")


def stranger(*options: str) -> Any:
    """The target that was built from the contract page alone; gives its URL."""
    return _server(["tests/stranger.py", "--port", "0", *options], "ready")


@dataclass(frozen=True)
class Ended:
    """A run that is over."""

    code: int
    output: str
    errors: str
    folder: Path | None
    """None where no run folder was made."""

    @property
    def report(self) -> dict[str, Any]:
        """report.json."""
        assert self.folder is not None, self.output + self.errors
        return json.loads((self.folder / "report.json").read_text())

    @property
    def record(self) -> dict[str, Any]:
        """run.json."""
        assert self.folder is not None, self.output + self.errors
        return json.loads((self.folder / "run.json").read_text())


def start_run(output: Path, *options: str, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """``run_load_test.py`` with these flags, in the background."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ACGS_", "LOCUST_"))}
    # tests run side by side: those that want metrics name a port
    clean["ACGS_EXPORTER_PORT"] = "0"
    return subprocess.Popen(
        [sys.executable, "run_load_test.py", "--test-name", "test", "--output", str(output), *options],
        cwd=PROJECT,
        # the settings of the person who runs the tests are nobody's business
        env={**clean, "XDG_CONFIG_HOME": str(output / "settings"), **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], output: Path, timeout_s: float = 150.0) -> Ended:
    """Wait for a run and gather what it left."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    folders = sorted((output / "test").glob("*")) if (output / "test").exists() else []
    return Ended(process.returncode, out, err, folders[-1] if folders else None)


def run(output: Path, *options: str, environ: dict[str, str] | None = None, timeout_s: float = 150.0) -> Ended:
    """``run_load_test.py`` with these flags, to its end."""
    return finish(start_run(output, *options, environ=environ), output, timeout_s)


def trusted_run(output: Path, *options: str, environ: dict[str, str] | None = None) -> Ended:
    """The first of some runs that was not INVALID, because this machine was too busy to measure; else the last."""
    for attempt in range(TRIES):
        ended = run(output / f"{attempt}", *options, environ=environ)
        if ended.code != INVALID:
            break
    return ended


def target_counts(metrics: str, statuses: Container[str] | None = None) -> dict[str, int]:
    """Requests by operation from Prometheus text; of these statuses, or of all."""
    counts: dict[str, int] = {}
    for line in metrics.splitlines():
        if line.startswith("acgs_requests_total{"):
            labels, value = line.rsplit(" ", 1)
            operation, status = (labels.split(f'{label}="')[1].split('"')[0] for label in ("operation", "status"))
            if statuses is None or status in statuses:
                counts[operation] = counts.get(operation, 0) + int(float(value))
    return counts

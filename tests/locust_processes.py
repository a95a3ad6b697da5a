"""A Locust master with workers, or a local one, as a runner would start them; always ended."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder
from acgs_load.sample_pages import rows_of

PROJECT = Path(__file__).resolve().parents[1]
LOCUSTFILE = PROJECT / "tests" / "fake_locustfile.py"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Locust:
    """Processes of one run and, later, what they left."""

    begun: ClassVar[list[Locust]] = []
    """All that were ever begun, so that a test that fails half way leaves nothing running either."""

    @staticmethod
    def project() -> str:
        """Where the suite is imported from."""
        return str(PROJECT)

    def __init__(self, folder: Path, plan: Plan | None, workers: int = 0, **environ: str) -> None:
        self.begun.append(self)
        self.main: subprocess.Popen[bytes] | None = None
        self.folder = RunFolder(folder)
        self.workers: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ACGS_", "LOCUST_"))}
        self.environ = {**clean, "PYTHONPATH": str(PROJECT), "ACGS_EXPORTER_PORT": "0", **environ}
        self._log = (folder / "log").open("wb")
        if plan is not None:
            self.folder.plan.write_text(plan.to_json())
            self.environ |= {"ACGS_PLAN": str(self.folder.plan), "ACGS_PARENT_PID": str(os.getpid())}
        self.port = free_port()
        self._waits_for = workers

    def start(self, *options: str, bind: str = "127.0.0.1") -> Locust:
        """The master, told to wait for the workers; or, with none, a local run."""
        options = options or ("--headless",)
        if self._waits_for:
            master = ("--master", "--expect-workers", str(self._waits_for), "--master-bind-port", str(self.port))
            options = (*options, *master, "--master-bind-host", bind)
        common = ("--only-summary", "--stop-timeout", "35", "--exit-code-on-error", "0")
        table = ("--csv", str(self.folder.stats_prefix), "--csv-full-history") if "ACGS_PLAN" in self.environ else ()
        self.main = self._popen(*options, *common, *table)
        return self

    def add_worker(self, region: str, *, within: Sequence[str] = (), host: str = "127.0.0.1", **environ: str) -> Locust:
        """One worker more; ``within``: what runs it elsewhere."""
        words = ("--worker", "--master-host", host, "--master-port", str(self.port))
        self.workers.append(self._popen(*words, within=within, ACGS_REGION=region, **environ))
        return self

    def _popen(self, *options: str, within: Sequence[str] = (), **environ: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*within, sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *options],
            cwd=self.folder.path,
            env={**self.environ, **environ},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def when(self, text: str, within_s: float = 120.0) -> Locust:
        """Wait until ``text`` is in the log, or a file of that name in the folder."""
        deadline_s = time.monotonic() + within_s
        while text not in self.log and not any(self.folder.path.rglob(text)):
            assert time.monotonic() < deadline_s, f"no {text!r} within {within_s} s: {self.log}"
            assert self.main.poll() is None, f"ended before {text!r}: {self.log}"
            time.sleep(0.1)
        return self

    def signal(self, number: signal.Signals = signal.SIGTERM) -> Locust:
        """Send a signal to the master or the local run."""
        self.main.send_signal(number)
        return self

    def wait(self, within_s: float = 120.0) -> int:
        """The exit code of the master or the local run; the workers end with it."""
        try:
            code = self.main.wait(within_s)
            for worker in self.workers:
                worker.wait(60)
        finally:
            self.stop()
        return code

    def stop(self) -> None:
        """Leave nothing running."""
        for process in [self.main, *self.workers]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self._log.close()

    @property
    def log(self) -> str:
        """What all processes have said."""
        return (self.folder.path / "log").read_text(errors="replace")

    @property
    def record(self) -> dict[str, Any]:
        """run.json."""
        assert self.folder.run.exists(), self.log
        found: dict[str, Any] = json.loads(self.folder.run.read_text())
        return found

    def windows(self) -> list[dict[str, Any]]:
        """windows.jsonl."""
        return [row for line in self.folder.windows.read_text().splitlines() for row in rows_of(json.loads(line))]

    def samples(self, label: str) -> Counter[str]:
        """Samples by a label of the windows."""
        counts: Counter[str] = Counter()
        for row in self.windows():
            counts[row[label]] += row.get("samples", 0)
        return counts

    def table(self, name: str) -> list[dict[str, str]]:
        """One of Locust's CSV files."""
        with open(f"{self.folder.stats_prefix}_{name}.csv", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def nothing_left():
    """A test that fails half way leaves nothing running."""
    before = len(Locust.begun)
    yield
    for run in Locust.begun[before:]:
        run.stop()

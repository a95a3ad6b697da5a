"""One crash, really made: a run, a kill, and what is found afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
import running

from crashes.draws import DURATION_S, RATE_RPS, Draw
from crashes.family import Family
from crashes.verdicts import Remains, shortcomings

PATIENCE_S = 90.0
GONE_WITHIN_S = 30.0
_LOAD = (
    "--rate",
    f"{RATE_RPS:g}",
    "--users",
    "20",
    "--spawn-rate",
    "20",
    "--workers",
    "2",
    "--duration",
    f"{DURATION_S:g}s",
)
_SHORT = ("--users", "2", "--spawn-rate", "2", "--workers", "1", "--duration", "2s")
_LENIENT = ("--threshold", "throughput_rps >= 0.1")


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that is over; one line of the ledger."""

    number: int
    victim: str
    after_s: float
    signal: str
    hit: bool
    """Whether the victim was alive when its moment came."""
    code: int
    verdict: str
    requests_sent: int | None
    requests_reported: int | None
    complaints: tuple[str, ...]
    seconds: float


def run_trial(drawn: Draw) -> Trial:
    """Carries out one trial in folders of its own."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-") as name, running.gateway("--solvers", "1") as url:
        place = _Place(Path(name), url)
        hit, remains = place.crash(drawn)
        found = tuple(shortcomings(drawn, hit, remains))
    report = remains.report
    return Trial(
        drawn.number,
        drawn.victim,
        drawn.after_s,
        drawn.signal.name,
        hit,
        remains.code,
        report["verdict"] if report else "none",
        remains.sent,
        sum(row["requests"] + row["resent"] for row in report["operations"]) if report else None,
        found,
        round(time.monotonic() - began_s, 1),
    )


class _Place:
    """The folders of one trial, and the gateway that outlives it."""

    def __init__(self, path: Path, url: str) -> None:
        self._reports = path / "reports"
        self._temporary = path / "tmp"
        self._temporary.mkdir()
        self._url = url

    def crash(self, drawn: Draw) -> tuple[bool, Remains]:
        """Whether the victim was hit, and what is left."""
        own = drawn.victim == "gateway"
        target = "embedded:0" if own else self._url
        run = ("run_load_test.py", "--test-name", "crash", "--output", str(self._reports), *_LENIENT)
        argv: Sequence[str] = (*run, "--target", target, *_LOAD)
        if drawn.victim == "analyzer":
            self._command(*argv, "--no-analysis")
            argv = ("performance_analyzer.py", str(self._folder()))
        hit, code, terminal, survivors = self._kill_in(argv, drawn)
        sent = None if own else _counted(self._url)
        folder = self._folder()
        had_windows = folder is not None and _has_content(folder / "windows.jsonl")
        analysed = self._command("performance_analyzer.py", str(folder)) if folder else None
        after = self._command(*run, "--target", "embedded:0", *_SHORT, "--test-type", "smoke", "--no-analysis")
        report = folder / "report.json" if folder else None
        return hit, Remains(
            code,
            terminal,
            json.loads(report.read_text()) if report and report.exists() else None,
            analysed.returncode if analysed else 2,
            analysed.stdout + analysed.stderr if analysed else "",
            had_windows,
            sent,
            survivors,
            after.returncode,
            after.stdout + after.stderr,
            sorted(path.name for path in self._temporary.iterdir()),
        )

    def _kill_in(self, argv: Sequence[str], drawn: Draw) -> tuple[bool, int, str, list[str]]:
        process = subprocess.Popen(
            [sys.executable, *argv], cwd=running.PROJECT, env=self._environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        family = Family(process.pid)
        try:
            victim = family.await_member(drawn.victim, PATIENCE_S)
            time.sleep(drawn.after_s)
            hit = victim is not None and victim.is_running()
            if victim is not None and hit:
                victim.send_signal(drawn.signal)
            terminal, _ = process.communicate(timeout=PATIENCE_S)
            return hit, process.returncode, terminal, family.survivors(GONE_WITHIN_S)
        finally:
            family.end_survivors()
            family.close()

    def _command(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *argv], cwd=running.PROJECT, env=self._environment(), text=True, capture_output=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ACGS_", "LOCUST_"))}
        return {**clean, "TMPDIR": str(self._temporary)}

    def _folder(self) -> Path | None:
        """The first run's folder."""
        folders = sorted(self._reports.glob("crash/2*"))
        return folders[0] if folders else None


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _counted(url: str) -> int:
    return sum(running.target_counts(requests.get(f"{url}/gateway/metrics", timeout=10).text).values())

"""One tool against one target of known latencies, and the percentiles that the tool then tells its user."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from acgs_load.errors import GeneratorError, TargetError
from benchmarks.generators import SCRIPTS, Load, environment
from benchmarks.known_latencies import Stalls
from benchmarks.peers import Peers
from benchmarks.rounds import GENERATOR_CORE, TARGET_CORE

TOOLS = ("ours", "k6", "locust")
_K6_NAMES = ("med", "p(90)", "p(99)", "p(99.9)")
_LOCUST_NAMES = ("50%", "90%", "99%", "99.9%")
_SPARE_S = 60.0


class Case(NamedTuple):
    """A load on a target."""

    load: Literal["open", "closed"]
    stalling: bool
    seconds: float
    rate: float = 300.0
    """Requests per second of the open load."""

    @property
    def users(self) -> int:
        """In open load many times what the quiet target needs at once."""
        return 50 if self.load == "open" else 12


class Told(NamedTuple):
    """What came of a run."""

    percentiles_ms: list[float]
    log: Path
    started_s: float | None
    """Start of the schedule, ``perf_counter``; None of tools that do not tell."""
    stalls: Stalls | None


def run_case(found: Peers, tool: str, case: Case, folder: Path) -> Told:
    """Run ``tool`` in ``folder``. Raises GeneratorError or TargetError where a process fails."""
    with _known_target(case, folder / "log.csv") as (url, stalls):
        load = Load(url, case.users, case.seconds)
        scripted = {**environment(load), "BENCH_SUMMARY": str(folder / "summary")}
        if case.load == "open":
            scripted |= {"BENCH_RATE": f"{case.rate:g}", "BENCH_PER_USER_RPS": f"{case.rate / case.users}"}
        command = {"ours": _ours, "k6": _k6, "locust": _locust}[tool](found, load, case, folder)
        done = subprocess.run(
            ["taskset", "-c", str(GENERATOR_CORE), *command],
            env=scripted,
            capture_output=True,
            text=True,
            timeout=case.seconds + _SPARE_S,
            check=False,
        )
    if done.returncode != 0:
        raise GeneratorError(f"{tool} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    percentiles, started_s = _told(tool, done.stdout, folder)
    return Told(percentiles, folder / "log.csv", started_s if case.load == "open" else None, stalls)


@contextlib.contextmanager
def _known_target(case: Case, log: Path) -> Iterator[tuple[str, Stalls | None]]:
    """The target's URL and stalls; its log is written when the block ends."""
    stalls = Stalls(time.perf_counter()) if case.stalling else None
    flags = [] if stalls is None else ["--stalls-from", repr(stalls.origin_s)]
    command = [sys.executable, "-m", "benchmarks.scripts.known_target", str(log), *flags]
    process = subprocess.Popen(["taskset", "-c", str(TARGET_CORE), *command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None, "asked for"
        port = process.stdout.readline().strip()
        if not port:
            raise TargetError("the target of known latencies did not start")
        yield f"http://127.0.0.1:{port}", stalls
    finally:
        process.terminate()
        process.wait(timeout=20)


def _ours(found: Peers, load: Load, case: Case, folder: Path) -> list[str]:
    rate = ["--rate", f"{case.rate:g}"] if case.load == "open" else []
    size = ["--users", f"{load.users}", "--seconds", f"{load.seconds:g}"]
    return [sys.executable, "-m", "benchmarks.scripts.ours", load.url, *size, *rate]


def _k6(found: Peers, load: Load, case: Case, folder: Path) -> list[str]:
    export = ["--summary-export", str(folder / "k6.json")]
    return [found.k6, "run", "--quiet", "--no-usage-report", *export, str(SCRIPTS / "k6_accuracy.js")]


def _locust(found: Peers, load: Load, case: Case, folder: Path) -> list[str]:
    size = ["--users", f"{load.users}", "--spawn-rate", f"{load.users}", "--run-time", f"{math.ceil(load.seconds)}s"]
    quiet = ["--headless", "--only-summary", "--loglevel", "ERROR", "--csv", str(folder / "locust"), "--host", load.url]
    return [found.python, "-m", "locust", "-f", str(SCRIPTS / "locust_users.py"), "FastPeer", *size, *quiet]


def _told(tool: str, printed: str, folder: Path) -> tuple[list[float], float | None]:
    if tool == "ours":
        said = json.loads(printed.splitlines()[-1])
        if said["failures"] or said["unsent"]:
            raise GeneratorError(f"ours: {said['failures']} failures, {said['unsent']} arrivals unsent")
        return said["latency_ms"], said["started_s"]
    if tool == "k6":
        trend = json.loads((folder / "k6.json").read_text(encoding="utf-8"))["metrics"]["http_req_duration"]
        return [trend.get(name, trend.get("p(50)")) for name in _K6_NAMES], None
    with (folder / "locust_stats.csv").open(encoding="utf-8", newline="") as file:
        total = list(csv.DictReader(file))[-1]
    return [float(total[name]) for name in _LOCUST_NAMES], None

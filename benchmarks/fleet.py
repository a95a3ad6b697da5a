"""How many workers does one master hold? ``python -m benchmarks.fleet``

A real master, started by the command that a run starts it with, against simulated workers that speak the real protocol
(``scripts/fleet_members``) and report as often as real ones. Measured is the master: CPU per report, share of a core,
memory per worker, and how late its event loop is. ``--update`` keeps the figures for ``--plan-capacity``.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil

from acgs_load.analysis.reading.load import load_run
from acgs_load.errors import GeneratorError, LoadTestError
from acgs_load.fleet.commands import master_command
from acgs_load.fleet.ports import free_port
from acgs_load.fleet.sizing import FIGURES
from acgs_load.plan import Plan
from acgs_load.profiles import plan_for
from acgs_load.run_folder import RunFolder, create_run_folder, write_atomically
from acgs_load.secret import SECRET_VARIABLE, new_secret
from acgs_load.settings import resolve
from benchmarks.machine import machine
from benchmarks.table import Bar, bar_rows, print_table
from benchmarks.worker_cost import worker_cost

MASTER_CORE, MEMBERS_CORE = 0, 1
MEMBERS_MAX = 256
"""Simulated workers in one process."""
STEADY_AFTER_S = 12.0
REPORT_S = 3.0
CORES_MAX, LAG_MAX_MS = 1.0, 1_000.0
"""A master that is a second late misses heartbeats, which come once a second."""


class Held(NamedTuple):
    """One master under one fleet."""

    workers: int
    rate: float
    cores: float
    cpu_per_report_us: float
    report_bytes: float
    memory_bytes: int
    loop_lag_ms: float
    samples_missing: int
    """Samples that were reported and are not in the master's files."""


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the figures; 1 where 1,024 workers take more than one core."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[16, 64, 256, 1_024])
    parser.add_argument("--rate", type=float, default=1_000.0, help="requests a second that each worker reports")
    parser.add_argument("--seconds", type=float, default=30.0, help="measured of each fleet")
    parser.add_argument("--update", action="store_true", help=f"keep the master's figures in {FIGURES.name}")
    told = parser.parse_args(argv)
    try:
        held = [hold(workers, told.rate, told.seconds) for workers in told.workers]
    except LoadTestError as error:
        print(f"benchmarks.fleet: {error}", file=sys.stderr)
        return int(error.exit_code)
    bars = [
        Bar(f"cores of a master with {held[-1].workers:,} workers", held[-1].cores, CORES_MAX, "at most"),
        Bar("worst delay of its event loop, ms", held[-1].loop_lag_ms, LAG_MAX_MS, "at most"),
        Bar("samples lost", sum(row.samples_missing for row in held), 0, "at most"),
    ]
    _print(held, bars)
    print(
        json.dumps({"machine": machine(), "held": [row._asdict() for row in held], "bars": [b.record() for b in bars]})
    )
    if told.update:
        _keep(held, worker_cost())
    return 0 if all(bar.reached for bar in bars) else 1


def hold(workers: int, rate: float, seconds: float) -> Held:
    """A master with so many workers, measured once all of them report. Raises GeneratorError where it fails."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acgs-fleet-")))
        plan, folder = _plan(workers, STEADY_AFTER_S + seconds + 3, place)
        environment = {**os.environ, SECRET_VARIABLE: new_secret()}
        command = master_command(plan, folder)
        told_of = folder.logs / "master.out"
        master = _started(stack, MASTER_CORE, command.argv, {**environment, **command.environment}, told_of)
        process = psutil.Process(master.pid)
        empty_bytes = _settled(folder, process)
        companies = [
            _started(
                stack,
                MEMBERS_CORE,
                _company(first, min(MEMBERS_MAX, workers - first), plan.master_port, rate),
                environment,
            )
            for first in range(0, workers, MEMBERS_MAX)
        ]
        _await_start(folder, master)
        time.sleep(STEADY_AFTER_S)
        before, began_s, since_s = process.cpu_times(), time.monotonic(), time.time()
        time.sleep(seconds)
        after, took_s = process.cpu_times(), time.monotonic() - began_s
        memory_bytes = process.memory_info().rss - empty_bytes
        told = [json.loads(company.communicate(timeout=90)[0].splitlines()[-1]) for company in companies]
        master.wait(90)
        busy_s = after.user + after.system - before.user - before.system
        reports = workers * took_s / REPORT_S
        return Held(
            workers,
            rate,
            busy_s / took_s,
            1e6 * busy_s / reports,
            sum(row["bytes"] for row in told) / sum(row["reports"] for row in told),
            memory_bytes,
            _lag_ms(folder, since_s, since_s + took_s),
            _missing(folder),
        )


def _plan(workers: int, duration_s: float, place: Path) -> tuple[Plan, RunFolder]:
    flags = {"test_name": "fleet", "target": "http://127.0.0.1:9", "workers": str(workers), "users": str(workers)}
    settings = resolve({**flags, "duration": f"{duration_s:g}s", "spawn_rate": str(workers)}, {})
    folder = create_run_folder(place, "fleet")
    plan = dataclasses.replace(plan_for(settings, str(folder.path), workers + 1), master_port=free_port())
    write_atomically(folder.plan, plan.to_json())
    return plan, folder


def _company(first: int, count: int, port: int, rate: float) -> list[str]:
    flags = ["--first", str(first), "--count", str(count), "--port", str(port), "--rate", f"{rate:g}"]
    return [sys.executable, "-m", "benchmarks.scripts.fleet_members", *flags]


def _started(
    stack: ExitStack, core: int, argv: Sequence[str], environment: dict[str, str], log: Path | None = None
) -> subprocess.Popen[str]:
    errors = stack.enter_context(log.open("w")) if log else None
    argv = ["taskset", "-c", str(core), *argv]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _settled(folder: RunFolder, process: psutil.Process) -> int:
    """Memory of the master before anybody has come."""
    log = folder.logs / "master.log"
    while not log.exists() or "Waiting for workers" not in log.read_text():
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            raise GeneratorError(f"the master did not start: {(folder.logs / 'master.out').read_text()[-300:]}")
        time.sleep(0.1)
    return int(process.memory_info().rss)


def _await_start(folder: RunFolder, master: subprocess.Popen[str], timeout_s: float = 120.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not folder.windows.exists():
        if master.poll() is not None or time.monotonic() > deadline_s:
            raise GeneratorError(f"the run did not begin: {(folder.logs / 'master.log').read_text()[-500:]}")
        time.sleep(0.1)


def _lag_ms(folder: RunFolder, from_s: float, to_s: float) -> float:
    """The worst delay of the master's event loop in any second that was measured."""
    with folder.generators.open() as file:
        rows = [
            row for row in csv.DictReader(file) if row["process"] == "master" and from_s <= int(row["second"]) < to_s
        ]
    return max(float(row["loop_lag_max_ms"]) for row in rows)


def _missing(folder: RunFolder) -> int:
    """Samples that the workers say they sent less those in ``windows.jsonl``."""
    record: dict[str, Any] = json.loads(folder.run.read_text())
    sent = sum(int(worker["samples_sent"]) for worker in record["workers"])
    return sent - sum(window.samples for window in load_run(folder).timeline.slice().by_operation.values())


def _print(held: Sequence[Held], bars: Sequence[Bar]) -> None:
    header = ("workers", "cores", "CPU ms / report", "report KB", "memory MB", "worst lag ms", "lost")
    rows = [
        (
            f"{row.workers:,} at {row.rate:,.0f} RPS",
            f"{row.cores:.2f}",
            f"{row.cpu_per_report_us / 1e3:.2f}",
            f"{row.report_bytes / 1e3:.1f}",
            f"{row.memory_bytes / 1e6:.0f}",
            f"{row.loop_lag_ms:.0f}",
            str(row.samples_missing),
        )
        for row in held
    ]
    print_table("one master and its workers", header, rows)
    print_table("bars", ("what", "figure", "bar", ""), bar_rows(bars))


def _keep(held: Sequence[Held], cost: Mapping[str, Any]) -> None:
    """Write what ``--plan-capacity`` reckons with."""
    of = machine()
    figures = {
        "machine": f"{of['cpus']} cores, {of['cpu']}",
        **cost,
        "report_bytes": round(median(row.report_bytes for row in held)),
        "report_interval_s": REPORT_S,
        # what a master does besides counts little where there are many reports, and those are what is planned for
        "master_cpu_us": round(held[-1].cpu_per_report_us),
        "master_memory_bytes": round(max(row.memory_bytes / row.workers for row in held)),
        "workers_tried": max(row.workers for row in held),
    }
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())

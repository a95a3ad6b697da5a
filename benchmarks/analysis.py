"""How long does the reader take? ``python -m benchmarks.analysis``

A two-hour run (20 operations × 4 regions × 7,200 s: 576,000 windows) to all reports, and a full-history CSV of Locust
of 1 GB; the wall clock (median of some rounds) and the most memory that ``performance_analyzer.py`` and the processes
it starts hold at one time, what they share counted once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from acgs_load.errors import GeneratorError, LoadTestError
from benchmarks.big_csv import write_csv
from benchmarks.machine import machine
from benchmarks.process_tree import shared_bytes
from benchmarks.table import Bar, bar_rows, print_table
from benchmarks.two_hours import write_run

ANALYZER = Path(__file__).resolve().parents[1] / "performance_analyzer.py"
MEGABYTE = 1e6
LOOK_S = 0.05
"""Between two looks at the memory."""
GIGABYTE = 10**9


class Cost(NamedTuple):
    """One analysis: wall clock, CPU time, and the most memory held at one time."""

    wall_s: float
    cpu_s: float
    memory_bytes: int


def cost_of(arguments: Sequence[str]) -> Cost:
    """Runs the analyzer. Raises GeneratorError where it does not end with a verdict."""
    began_s = time.monotonic()
    process = subprocess.Popen([sys.executable, str(ANALYZER), *arguments], stdout=subprocess.DEVNULL)
    memory_bytes = 0
    while True:
        memory_bytes = max(memory_bytes, shared_bytes(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(LOOK_S)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 4):
        raise GeneratorError(f"performance_analyzer.py ended with {code} instead of a verdict")
    cost = Cost(time.monotonic() - began_s, usage.ru_utime + usage.ru_stime, memory_bytes)
    print(f"{cost.wall_s:.1f} s, {cost.cpu_s:.1f} s of CPU, {cost.memory_bytes / MEGABYTE:.0f} MB", flush=True)
    return cost


def bars_of(what: str, costs: Sequence[Cost], wall_s: float, memory_bytes: float) -> list[Bar]:
    """Both figures of an input beside what they may be."""
    return [
        Bar(f"{what}, s", median(cost.wall_s for cost in costs), wall_s, "at most"),
        Bar(f"{what}, MB", max(cost.memory_bytes for cost in costs) / MEGABYTE, memory_bytes / MEGABYTE, "at most"),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the figures; 1 where one is beyond its limit."""
    parser = argparse.ArgumentParser(prog="benchmarks.analysis", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=7_200, help="length of the run")
    parser.add_argument("--csv-bytes", type=int, default=GIGABYTE, help="size of the full-history CSV; 0: none")
    parser.add_argument("--keep", metavar="DIR", help="where inputs are made, and left for the next time")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args(argv)
    home = Path(options.keep or tempfile.mkdtemp(prefix="acgs-analysis-"))
    try:
        bars = _measured(home, options.rounds, options.seconds, options.csv_bytes)
    except LoadTestError as error:
        print(f"benchmarks.analysis: {error}", file=sys.stderr)
        return int(error.exit_code)
    finally:
        if not options.keep:
            shutil.rmtree(home, ignore_errors=True)
    print_table("The reader", ("what", "figure", "limit", ""), bar_rows(bars))
    if options.json:
        record = {"machine": machine(), "rounds": options.rounds, "figures": [bar.record() for bar in bars]}
        Path(options.json).write_text(json.dumps(record, indent=2) + "\n")
    return int(any(bar.reached is False for bar in bars))


def _measured(home: Path, rounds: int, seconds: int, csv_bytes: int) -> list[Bar]:
    run, prefix = home / f"run-{seconds}", home / f"csv-{csv_bytes}" / "big"
    _made(run, lambda: write_run(run, seconds))
    bars = bars_of("run to all reports", [cost_of([str(run)]) for _ in range(rounds)], 6, 500e6)
    if csv_bytes:
        _made(prefix.parent, lambda: write_csv(prefix, csv_bytes))
        bars += bars_of("CSV to all reports", [cost_of([str(prefix)]) for _ in range(rounds)], 30, 1e9)
    return bars


def _made(path: Path, make: Callable[[], object]) -> None:
    if not path.exists():
        print(f"making {path} …", flush=True)
        make()


if __name__ == "__main__":
    sys.exit(main())

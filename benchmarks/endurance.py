"""Half an hour at 1,000 RPS, and what of it would not last a day: ``python -m benchmarks.endurance [FOLDER]``.

Plays an endurance run against the embedded gateway (or takes the folder of one that was played), and tests over its
second half, minute by minute, whether the memory of any process rises and whether the clock of due times drifts; says
how large every file gets in 24 hours. What else runs on the machine shows in latencies, hardly in these figures;
``chrt --fifo 10 python -m benchmarks.endurance`` (as root) keeps it out of both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from acgs_load.analysis.judging.machines import target_load
from acgs_load.analysis.judging.trend import mann_kendall_p, theil_sen_slope
from acgs_load.analysis.reading.load import Run, load_run
from acgs_load.contract import AUTH_OPERATIONS
from acgs_load.errors import GeneratorError, UsageError
from acgs_load.run_folder import RunFolder
from benchmarks.door import conclude, measured
from benchmarks.table import Bar, print_table

PROJECT = Path(__file__).resolve().parents[1]
RATE = 1_000
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
MINUTES_LEAST = 8
SIGNIFICANT_P = 0.001
"""As for the drifts of an endurance run: what is less sure than this is no trend."""
RISE_MB_PER_HOUR = 12.0
"""Flat: a process that keeps this up for a day has gained less than 300 MB."""
LATE_MS_PER_HOUR, RATE_OFF = 1.0, 1e-4
Minutes = list[tuple[float, float]]
"""Hours since the epoch, and the mean of that minute."""


class Trend(NamedTuple):
    """How a figure went through the second half of the run."""

    name: str
    first: float
    last: float
    per_hour: float
    p_value: float

    @property
    def rise_per_hour(self) -> float:
        """The slope where there is a trend at all; the master's memory goes up and down with what it sums up."""
        return self.per_hour if self.p_value < SIGNIFICANT_P else 0.0


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a run folder; without one, a run is played first")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--output", type=Path, default=PROJECT / "reports", help="where the run folder is made")
    asked = parser.parse_args(argv)
    return measured("endurance", lambda: _judge(asked.folder or _played(asked.minutes, asked.output)))


def _played(minutes: int, output: Path) -> Path:
    load = f"--rate {RATE} --users 300 --spawn-rate 50 --duration {minutes}m --workers 1 --target embedded:0"
    flags = ["--test-type", "endurance", "--test-name", "endurance-benchmark", *load.split(), "--output", str(output)]
    ended = subprocess.run([sys.executable, str(PROJECT / "run_load_test.py"), *flags], cwd=PROJECT, check=False)
    folders = sorted((output / "endurance-benchmark").glob("*/run.json"))
    if not folders:
        raise GeneratorError(f"the run left no folder under {output}; it ended with exit code {ended.returncode}")
    return folders[-1].parent


def _judge(path: Path) -> None:
    run = load_run(RunFolder(path))
    begin, end = (int(run.record.started_s + share * run.record.duration_s) for share in (0.5, 1.0))
    if end - begin < MINUTES_LEAST / 2 * MINUTE_S:
        raise UsageError(
            f"{path}: {run.record.duration_s:.0f} s are too short for trends; at least {MINUTES_LEAST} min"
        )
    memory = [_trend(name, rows) for name, rows in sorted(_memory_mb(run, begin, end).items())]
    late = _trend("due → sent, ms", _late_ms(run, begin, end))
    rate = _requests(run, begin, end) / (end - begin) / RATE
    print_table(
        "second half of the run, minute by minute",
        ("what", "first minute", "last minute", "an hour", "p"),
        [
            (t.name, f"{t.first:.2f}", f"{t.last:.2f}", f"{t.per_hour:+.2f}", f"{t.p_value:.3g}")
            for t in (*memory, late)
        ],
    )
    sizes = _sizes(path, run.record.duration_s)
    print_table(
        "files, MB",
        ("file", "of the run", "of 24 hours"),
        [(name, f"{size / 1e6:.2f}", f"{day / 1e6:,.0f}") for name, (size, day) in sizes.items()],
    )
    bars = [Bar(f"{t.name}: rise an hour", t.rise_per_hour, RISE_MB_PER_HOUR, "at most") for t in memory]
    bars.append(Bar("due → sent: rise an hour, ms", late.rise_per_hour, LATE_MS_PER_HOUR, "at most"))
    bars.append(Bar("requests ÷ what was due", rate, 1 - RATE_OFF, "at least"))
    conclude({"trends": [t._asdict() for t in (*memory, late)], "files": sizes}, bars)


def _trend(name: str, minutes: Minutes) -> Trend:
    at_h, values = [at for at, _ in minutes], [value for _, value in minutes]
    slope = theil_sen_slope(at_h, values)
    return Trend(name, values[0], values[-1], slope, mann_kendall_p(values))


def _by_minute(rows: Iterable[tuple[int, float]]) -> Minutes:
    minutes: dict[int, list[float]] = defaultdict(list)
    for second, value in rows:
        minutes[second // MINUTE_S].append(value)
    return [(minute * MINUTE_S / HOUR_S, statistics.fmean(values)) for minute, values in sorted(minutes.items())]


def _memory_mb(run: Run, begin: int, end: int) -> dict[str, Minutes]:
    rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in run.health:
        if begin <= row.second < end:
            rows[f"{row.process}, MB"].append((row.second, row.memory_bytes / 1e6))
    target = target_load(run)
    for told in run.resources:
        if target and told.source == target.source and told.memory_bytes and begin <= told.second < end:
            rows["gateway, MB"].append((told.second, told.memory_bytes / 1e6))
    return {name: _by_minute(pairs) for name, pairs in rows.items()}


def _late_ms(run: Run, begin: int, end: int) -> Minutes:
    """Mean time between due and sent; from histograms' sums, which are exact."""
    late_us: dict[int, float] = defaultdict(float)
    counts: dict[int, int] = defaultdict(int)
    for key, window in run.timeline.items():
        if begin <= key.second < end and key.operation not in AUTH_OPERATIONS:
            late_us[key.second] += window.latency.sum_us - window.service.sum_us
            counts[key.second] += window.service.total
    return _by_minute((second, late_us[second] / counts[second] / 1e3) for second in sorted(counts) if counts[second])


def _requests(run: Run, begin: int, end: int) -> int:
    windows = (window for key, window in run.timeline.items() if begin <= key.second < end)
    return sum(window.samples for window in windows)


def _sizes(path: Path, duration_s: float) -> dict[str, tuple[int, int]]:
    """Bytes of each file that grows with the run, and of a day of it."""
    files = [file for file in path.rglob("*") if file.is_file()]
    grown = {file.relative_to(path).as_posix(): file.stat().st_size for file in files}
    return {
        name: (size, round(size * DAY_S / duration_s))
        for name, size in sorted(grown.items(), key=lambda item: -item[1])
        if size > 100_000 and Path(name).suffix in {".jsonl", ".csv", ".log", ".spool"}
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

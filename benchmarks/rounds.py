"""One generator measured for a few seconds, and several of them in turn, round after round.

Machines drift; neighbours come and go. So no figure stands alone: each round measures everybody within seconds of each
other, a ratio is formed within a round, and what is reported is the median of the rounds' ratios.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from acgs_load.errors import GeneratorError
from benchmarks.generators import Generator, Load, Told, environment
from benchmarks.nginx_target import NginxTarget
from benchmarks.process_tree import cost_of

SETTLE_S = 0.8
"""After the last user has connected; compilers and caches are warm by then."""
SPARE_S = 1.2
"""Longer than the window, so that it never looks at a generator that is already ending."""
CONNECT_S = 20.0
GENERATOR_CORE, TARGET_CORE = 0, 1


class Measured(NamedTuple):
    """One generator in one window."""

    requests: int
    """As the target counted them."""
    cpu_s: float
    """Of the generator's whole process tree."""
    wall_s: float
    memory_bytes: int

    @property
    def per_cpu_s(self) -> float:
        """Requests per CPU-second."""
        return self.requests / self.cpu_s

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.requests / self.wall_s


Results = dict[str, dict[int, Measured]]
"""Generator → round → what was measured."""


def alternating(generators: Sequence[Generator], rounds: int, measure: Callable[[Generator], Measured]) -> Results:
    """Everybody in turn, ``rounds`` times; every second round in the opposite order."""
    results: Results = {generator.name: {} for generator in generators}
    for number in range(rounds):
        for generator in generators if number % 2 == 0 else reversed(generators):
            if number % generator.every == 0:
                results[generator.name][number] = measured = measure(generator)
                line = f"{1e6 / measured.per_cpu_s:8.1f} µs CPU a request {measured.rps:8.0f} requests/s"
                print(f"  round {number + 1}  {generator.name:24}{line}", file=sys.stderr)
    return results


def ratio(results: Results, one: str, other: str) -> float | None:
    """Median over the rounds of requests per CPU-second of ``one`` ÷ those of ``other``; None if they never met."""
    if one not in results or other not in results:
        return None
    both = results[one].keys() & results[other].keys()
    return median(results[one][n].per_cpu_s / results[other][n].per_cpu_s for n in both) if both else None


def measure_on(target: NginxTarget, generator: Generator, load: Load, window_s: float) -> Measured:
    """Requests and CPU of ``generator`` in a window of steady load.

    Raises GeneratorError if it fails, or if its own statistics miss requests or count failures.
    """
    asked = load._replace(seconds=window_s + SETTLE_S + SPARE_S + load.think_s)
    before = target.counters()[1]
    with tempfile.TemporaryDirectory(prefix="acgs-bench-") as name:
        folder = Path(name)
        command = ["taskset", "-c", str(GENERATOR_CORE), *generator.command(asked, folder)]
        with (folder / "out").open("w+") as printed, (folder / "err").open("w+") as errors:
            process = subprocess.Popen(command, stdout=printed, stderr=errors, env=environment(asked))
            try:
                measured = _window(target, generator, process, load, window_s)
                process.wait(timeout=CONNECT_S + asked.seconds)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        text = (folder / "out").read_text(encoding="utf-8")
        _compare(generator, text, folder, target.counters()[1] - before, load.users)
    return measured


def _window(
    target: NginxTarget, generator: Generator, process: subprocess.Popen[bytes], load: Load, window_s: float
) -> Measured:
    until_s = time.monotonic() + CONNECT_S
    while target.counters()[0] < load.users:
        if process.poll() is not None or time.monotonic() > until_s:
            raise GeneratorError(f"{generator.name} did not connect {load.users} users; exit code {process.poll()}")
        time.sleep(0.05)
    time.sleep(SETTLE_S + load.think_s)
    try:
        begin, begin_s, first = cost_of(process.pid), time.perf_counter(), target.counters()[1]
        time.sleep(window_s)
        end, end_s, last = cost_of(process.pid), time.perf_counter(), target.counters()[1]
    except psutil.NoSuchProcess as error:
        raise GeneratorError(f"{generator.name} ended within the window") from error
    cpu_s = end.cpu_s - begin.cpu_s
    if cpu_s <= 0 or last == first:
        raise GeneratorError(f"{generator.name} did nothing within the window")
    return Measured(last - first, cpu_s, end_s - begin_s, end.memory_bytes)


def _compare(generator: Generator, printed: str, folder: Path, counted: int, users: int) -> None:
    """Statistics that leave requests out would be cheap: they must agree with the target's but for those in flight."""
    try:
        told: Told = generator.told(printed, folder)
    except (ValueError, KeyError, OSError, IndexError) as error:
        last = (folder / "err").read_text(encoding="utf-8", errors="replace").strip()[-300:]
        raise GeneratorError(f"{generator.name} gave no statistics ({error!r}): {last or printed[-300:]}") from error
    if told.failures:
        raise GeneratorError(f"{generator.name} counted {told.failures} failures of {told.requests} requests")
    if abs(counted - told.requests) > users:
        raise GeneratorError(f"{generator.name} says {told.requests} requests, the target answered {counted}")

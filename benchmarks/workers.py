"""Do two workers on two cores carry twice the load of one? ``python -m benchmarks.workers``

A machine with two cores has none left for a target, so each core gets a worker and a target of its own: nginx, static,
a quarter of what the worker costs. What is compared is requests per second of one core with all that is on it against
two cores with all that is on them; both are full, so nothing but the cores limits. Workers share nothing, so this
shows what they lose to the machine: caches, memory, the kernel's locks. How two loops of plain arithmetic fare on the
same cores is measured beside it, because cores that are two threads of one do not make two of anything. The master is
not in it: it merges windows, some per cent of a core whatever the rate. On a machine with other work:
``chrt --fifo 10 python -m benchmarks.workers`` (as root).
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

from acgs_load.errors import GeneratorError
from benchmarks.door import conclude, measured
from benchmarks.generators import Generator, Load, environment, ours
from benchmarks.nginx_target import NginxTarget, nginx_target
from benchmarks.peers import nginx_program
from benchmarks.rounds import CONNECT_S, SETTLE_S, SPARE_S
from benchmarks.table import Bar, print_table

CORES = (0, 1)
USERS = 50
TWO_TO_ONE = 1.8
_SPIN = (
    "import time\nn, until = 0, time.perf_counter() + {seconds}\nwhile time.perf_counter() < until: n += 1\nprint(n)"
)


class Round(NamedTuple):
    """Requests per second (of arithmetic: turns of a loop) of each core alone, and of both at once."""

    alone: tuple[float, ...]
    together: float

    @property
    def ratio(self) -> float:
        """Both at once against one alone."""
        return self.together / mean(self.alone)


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=4.0, help="seconds measured of each arrangement in each round")
    asked = parser.parse_args(argv)
    return measured("workers", lambda: _run(asked))


def _run(asked: argparse.Namespace) -> None:
    nginx, generator = nginx_program(), ours("client")
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(nginx_target(nginx, core)) for core in CORES]
        workers: list[Round] = []
        loops: list[Round] = []
        for number in range(1, asked.rounds + 1):
            rates = [_carried(generator, targets, cores, asked.window) for cores in _arrangements()]
            workers.append(Round(tuple(rates[:-1]), rates[-1]))
            spins = [_spun(cores, asked.window / 2) for cores in _arrangements()]
            loops.append(Round(tuple(spins[:-1]), spins[-1]))
            print(f"  round {number}  workers {workers[-1].ratio:.2f}  loops {loops[-1].ratio:.2f}", file=sys.stderr)
    _print("requests/s", workers)
    _print("turns/s of a loop", loops)
    bar = Bar("two workers on two cores ÷ one on one", median(one.ratio for one in workers), TWO_TO_ONE, "at least")
    conclude({"window_s": asked.window, "workers": _records(workers), "loops": _records(loops)}, [bar])


def _arrangements() -> list[tuple[int, ...]]:
    """Each core alone, then all at once."""
    return [*((core,) for core in CORES), CORES]


def _carried(generator: Generator, targets: Sequence[NginxTarget], cores: tuple[int, ...], window_s: float) -> float:
    """Requests per second, counted by the targets, of a worker on each of ``cores``. Raises GeneratorError."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="acgs-bench-")))
        busy = [targets[core] for core in cores]
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, processes)
        for core, target in zip(cores, busy, strict=True):
            load = Load(target.url, USERS, window_s + SETTLE_S + SPARE_S)
            command = ["taskset", "-c", str(core), *generator.command(load, folder)]
            out = stack.enter_context((folder / f"out-{core}").open("w"))
            processes.append(subprocess.Popen(command, stdout=out, env=environment(load)))
        _await_users(processes, busy)
        time.sleep(SETTLE_S)
        begin_s, first = time.perf_counter(), _answered(busy)
        time.sleep(window_s)
        end_s, last = time.perf_counter(), _answered(busy)
        for core, process in zip(cores, processes, strict=True):
            process.wait(timeout=CONNECT_S + window_s)
            told = generator.told((folder / f"out-{core}").read_text(encoding="utf-8"), folder)
            if process.returncode or told.failures:
                raise GeneratorError(f"worker on core {core}: exit code {process.returncode}, {told.failures} failures")
    return (last - first) / (end_s - begin_s)


def _await_users(processes: Sequence[subprocess.Popen[bytes]], targets: Sequence[NginxTarget]) -> None:
    until_s = time.monotonic() + CONNECT_S
    while any(target.counters()[0] < USERS for target in targets):
        if time.monotonic() > until_s or any(process.poll() is not None for process in processes):
            raise GeneratorError(f"workers did not connect {USERS} users each")
        time.sleep(0.05)


def _answered(targets: Sequence[NginxTarget]) -> int:
    return sum(target.counters()[1] for target in targets)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def _spun(cores: tuple[int, ...], seconds: float) -> float:
    """Turns per second of a loop of plain Python on each of ``cores`` at once."""
    command = [sys.executable, "-c", _SPIN.format(seconds=seconds)]
    pinned = [["taskset", "-c", str(core), *command] for core in cores]
    loops = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in pinned]
    return sum(int(loop.communicate(timeout=seconds + CONNECT_S)[0]) for loop in loops) / seconds


def _records(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    return [
        {"alone": [round(rate) for rate in one.alone], "together": round(one.together), "ratio": round(one.ratio, 3)}
        for one in rounds
    ]


def _print(what: str, rounds: Sequence[Round]) -> None:
    rows = [
        (str(number), *(f"{rate:,.0f}" for rate in one.alone), f"{one.together:,.0f}", f"{one.ratio:.2f}")
        for number, one in enumerate(rounds, 1)
    ]
    header = ("round", *(f"core {core} alone" for core in CORES), "both", "both ÷ one")
    print_table(what, header, rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What do our figures add to the target's own? ``python -m benchmarks.added``

The reference gateway, with its log of requests on, at 200 requests a second in open load, idle otherwise. Of every
request, what we say it took, from sending to the last byte of the answer, less what the gateway's log says, from the
first byte read to the answer written: two ways through the kernel and its loopback, the waking of two sleeping
processes, and whatever our transport adds. The log's line and ours are the same request by its due time, which it
carries. On a machine with other work: ``chrt --fifo 10 python -m benchmarks.added`` (as root).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from acgs_load.contract import HASH_HEADER, TENANT_HEADER, USER_HEADER
from acgs_load.errors import GeneratorError
from benchmarks.crowd import gateway
from benchmarks.door import conclude, measured
from benchmarks.exactness import QUANTILES, percentiles_ms
from benchmarks.exchange_facts import HASH, HEADERS
from benchmarks.rounds import GENERATOR_CORE
from benchmarks.table import Bar, print_table

RATE, USERS = 200.0, 20
MEDIAN_MAX_MS = 0.15
_SPARE_S = 60.0


class Pair(NamedTuple):
    """One request by both accounts, seconds."""

    ours_s: float
    gateway_s: float


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.added", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args(argv)
    return measured("added", lambda: _run(asked.seconds))


def _run(seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="acgs-bench-") as name:
        log, times = Path(name, "log"), Path(name, "times.csv")
        with gateway("--log", str(log)) as url:
            _generate(url, seconds, times)
        pairs = paired(times, log)
    columns = {
        "ours: sent → done": sorted(pair.ours_s for pair in pairs),
        "the gateway's log": sorted(pair.gateway_s for pair in pairs),
        "difference": sorted(pair.ours_s - pair.gateway_s for pair in pairs),
    }
    told_ms = {what: percentiles_ms(ordered_s) for what, ordered_s in columns.items()}
    names = [f"p{quantile * 100:g}" for quantile in QUANTILES]
    rows = [(what, *(f"{ms:.3f}" for ms in row)) for what, row in told_ms.items()]
    print_table(f"{len(pairs):,} requests at {RATE:g} a second (ms)", ("", *names), rows)
    bar = Bar("median of ours less the gateway's own, ms", told_ms["difference"][0], MEDIAN_MAX_MS, "at most")
    figures: dict[str, Any] = {
        what: {name: round(ms, 3) for name, ms in zip(names, row, strict=True)} for what, row in told_ms.items()
    }
    conclude({"requests": len(pairs), "ms": figures}, [bar])


def paired(times: Path, log: Path) -> list[Pair]:
    """Every request of ours with the gateway's line about it. Raises GeneratorError where one has no line."""
    took_s = {}
    for line in log.read_text(encoding="ascii").splitlines():
        _, _, duration, _, _, _, path = line.split(" ")
        _, tagged, due = path.partition("?due=")
        if tagged:
            took_s[float(due)] = float(duration)
    with times.open(encoding="utf-8", newline="") as file:
        ours_s = {float(due): float(done) - float(sent) for due, sent, done in csv.reader(file)}
    strange = ours_s.keys() ^ took_s.keys()
    if strange or not ours_s:
        raise GeneratorError(f"{len(strange)} of {len(ours_s)} requests are not in both accounts")
    return [Pair(mine_s, took_s[due]) for due, mine_s in ours_s.items()]


def _generate(url: str, seconds: float, times: Path) -> None:
    """Raises GeneratorError if the generator fails, or a request."""
    flags = ["--rate", f"{RATE:g}", "--users", str(USERS), "--seconds", f"{seconds:g}", "--times", str(times)]
    done = subprocess.run(
        ["taskset", "-c", str(GENERATOR_CORE), sys.executable, "-m", "benchmarks.scripts.ours", url, *flags],
        env={**os.environ, "BENCH_TOKEN": _token(url)},
        capture_output=True,
        text=True,
        timeout=seconds + _SPARE_S,
        check=False,
    )
    if done.returncode != 0:
        raise GeneratorError(f"ours failed: {done.stderr.strip()[-300:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    if said["failures"] or said["unsent"]:
        raise GeneratorError(f"ours: {said['failures']} failures, {said['unsent']} arrivals unsent")


def _token(url: str) -> str:
    """A token of the user whose headers the exchange carries."""
    identity = {"username": HEADERS[USER_HEADER], "tenant_id": HEADERS[TENANT_HEADER]}
    body = json.dumps({**identity, "password": "benchmark", "constitutional_hash": HASH}).encode()
    headers = {HASH_HEADER: HASH, "Content-Type": "application/json"}
    with urlopen(Request(f"{url}/api/auth/login", body, headers), timeout=10) as answer:  # nosec B310  # our own gateway
        token: str = json.load(answer)["access_token"]
    return token


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The whole scenario mix with every oracle, ours and k6's: ``python -m benchmarks.scenario``.

The reference gateway on one core, the generator on another, alternating rounds. The gateway may well be what limits
the rate, so the figure is the CPU time that a request costs the generator, over its whole process tree. k6 sends the
same requests in the same shares; what it has no means to check it leaves out (``UNCHECKED_BY_K6``).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from acgs_load.contract import DEFAULT_MIX
from acgs_load.traffic.user.accounts import DEFAULT_TENANTS
from acgs_load.traffic.worker.deck import whole_weights
from benchmarks.crowd import gateway
from benchmarks.door import conclude, measured
from benchmarks.gateway_target import GatewayTarget, Rounds, shares
from benchmarks.generators import Generator, Load, Told, environment, k6
from benchmarks.peers import Peers, peers
from benchmarks.proof_sheet import write_proof_sheet
from benchmarks.rounds import Results, alternating, ratio
from benchmarks.table import Bar, print_table

USERS = 50
SEED = 1
TO_K6 = 3.0
UNCHECKED_BY_K6 = (
    "signatures of entries (k6's webcrypto has no Ed25519)",
    "a tenant's chain against what its other users were told (VUs share no memory)",
)
_LEAN = "k6, cheapest options"


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenario", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=8.0, help="seconds measured of each generator in each round")
    parser.add_argument("--users", type=int, default=USERS, help="users without think time")
    parser.add_argument("--install", action="store_true", help="let apt-get install what all benchmarks need")
    asked = parser.parse_args(argv)
    return measured("scenario", lambda: _run(asked))


def _run(asked: argparse.Namespace) -> None:
    found = peers(asked.install)
    with gateway() as url, tempfile.TemporaryDirectory(prefix="acgs-bench-book-") as folder:
        load = Load(url, asked.users, asked.window)
        rounds = Rounds(GatewayTarget(url), load, _environment(load, Path(folder)))
        rounds.measure(ours())  # the gateway's solvers have answered most formulas once by then
        rounds.operations.clear()
        everybody = [ours(), k6(found, "scenario.js"), _lean(found)]
        results = alternating(everybody, asked.rounds, rounds.measure)
    _print(results)
    bar = Bar("full scenario, requests per CPU-second: ours ÷ k6", ratio(results, "ours", "k6"), TO_K6, "at least")
    versions = {name: version for name, version in found.versions().items() if name == "k6"}
    told = {"versions": versions, "users": asked.users, "window_s": asked.window}
    told |= {"generators": {name: _record(results, name) for name in results}, "unchecked_by_k6": UNCHECKED_BY_K6}
    told |= {"shares": {name: _rounded(counts) for name, counts in rounds.operations.items()}}
    conclude(told, [bar])


def ours() -> Generator:
    """A worker of ours without think time."""

    def command(load: Load, folder: Path) -> list[str]:
        flags = ["--users", str(load.users), "--seconds", f"{load.seconds:g}"]
        return [sys.executable, "-m", "benchmarks.scripts.scenario_users", load.url, *flags]

    return Generator("ours", command, _told)


def _told(printed: str, folder: Path) -> Told:
    said: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return Told(int(said["requests"]), int(said["failures"]))


def _lean(found: Peers) -> Generator:
    """The same script with every tag and trend off that k6 can do without."""

    def command(load: Load, folder: Path) -> list[str]:
        first, *others = k6(found, "scenario.js").command(load, folder)
        return [first, others[0], "--env", "BENCH_LEAN=1", *others[1:]]

    return k6(found, "scenario.js", _LEAN, every=2)._replace(command=command)


def _environment(load: Load, folder: Path) -> dict[str, str]:
    book = folder / "book.json"
    write_proof_sheet(SEED, book)
    return {
        **environment(load),
        "BENCH_BASE": load.url,
        "BENCH_BOOK": str(book),
        "BENCH_MIX": json.dumps(whole_weights(DEFAULT_MIX)),
        "BENCH_TENANTS": json.dumps(DEFAULT_TENANTS),
    }


def _record(results: Results, name: str) -> dict[str, Any]:
    rows = results[name].values()
    per_cpu_s = median(row.per_cpu_s for row in rows)
    to_it = ratio(results, "ours", name)
    return {
        "requests_per_cpu_s": [round(row.per_cpu_s) for row in rows],
        "cpu_us_per_request": round(1e6 / per_cpu_s, 1),
        "rps_per_core": round(per_cpu_s),
        "rps_reached": round(median(row.rps for row in rows)),
        "ours_to_it": None if to_it is None else round(to_it, 3),
    }


def _rounded(counts: dict[str, int]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares(counts).items()}


def _print(results: Results) -> None:
    rows = []
    for name, rounds in results.items():
        record = _record(results, name)
        cells = (f"{record['rps_per_core']:,}", f"{record['cpu_us_per_request']:.1f}", f"{record['rps_reached']:,}")
        rows.append((name, *cells, f"{record['ours_to_it']:.2f}", str(len(rounds))))
    header = ("generator", "requests / CPU-s", "CPU µs / request", "requests/s reached", "ours ÷ it", "rounds")
    print_table("The scenario mix with all oracles at the reference gateway", header, rows)
    print("k6 leaves unchecked: " + "; ".join(UNCHECKED_BY_K6))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

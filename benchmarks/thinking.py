"""Users who think: what it costs to hold 1,000 of them who make 1,000 requests a second together."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.generators import Load, k6, locust, ours
from benchmarks.nginx_target import NginxTarget
from benchmarks.peers import Peers
from benchmarks.rounds import Results, alternating, measure_on, ratio
from benchmarks.table import Bar, print_table

USERS = 1_000
THINK_S = 1.0
RATE = USERS / THINK_S
CPU_TO_K6 = 0.4


def thinking(found: Peers, target: NginxTarget, rounds: int, window_s: float) -> tuple[dict[str, Any], list[Bar]]:
    """CPU at ``RATE`` requests per second of ours, k6 and FastHttpUser, and the bar."""
    load = Load(target.url, USERS, window_s, THINK_S)
    everybody = [ours(), k6(found), locust(found, "FastPeer", "FastHttpUser", every=2)]
    results = alternating(everybody, rounds, lambda generator: measure_on(target, generator, load, window_s))
    _print(results)
    record = {name: _record(results, name) for name in results}
    bar = Bar("CPU at 1,000 RPS from 1,000 users: ours ÷ k6", ratio(results, "k6", "ours"), CPU_TO_K6, "at most")
    return {"users": USERS, "rate": RATE, "generators": record}, [bar]


def _record(results: Results, name: str) -> dict[str, Any]:
    rows = results[name].values()
    return {
        "cpu": round(RATE / median(row.per_cpu_s for row in rows), 4),
        "memory_bytes": round(median(row.memory_bytes for row in rows)),
        "rps": round(median(row.rps for row in rows), 1),
    }


def _print(results: Results) -> None:
    rows = []
    for name in results:
        record = _record(results, name)
        memory = f"{record['memory_bytes'] / 1e6:.0f} MB"
        rows.append((name, f"{record['cpu']:.1%}", memory, f"{record['rps']:.0f}", str(len(results[name]))))
    header = ("generator", "CPU of a core at 1,000 RPS", "memory", "requests/s", "rounds")
    print_table(f"{USERS:,} thinking users", header, rows)

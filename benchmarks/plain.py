"""Users without think time: what a request costs when the generator does nothing but make requests."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.generators import Generator, Load, hey, k6, locust, ours, wrk
from benchmarks.nginx_target import NginxTarget
from benchmarks.peers import Peers
from benchmarks.rounds import Results, alternating, measure_on, ratio
from benchmarks.table import Bar, print_table

USERS = 50
_WRK = "wrk, header check"
BARS = (("k6", 6.0), ("FastHttpUser", 7.0), (_WRK, 0.45))
"""Requests per CPU-second of ours ÷ those of the peer, at least."""


def plain(found: Peers, target: NginxTarget, rounds: int, window_s: float) -> tuple[dict[str, Any], list[Bar]]:
    """Requests per CPU-second of everybody, and the bars."""
    load = Load(target.url, USERS, window_s)
    results = alternating(_everybody(found), rounds, lambda generator: measure_on(target, generator, load, window_s))
    _print(results)
    record = {name: _record(results, name) for name, rows in results.items() if rows}
    bars = [Bar(f"ours ÷ {name}", ratio(results, "ours", name), limit, "at least") for name, limit in BARS]
    return {"users": USERS, "generators": record}, bars


def _everybody(found: Peers) -> list[Generator]:
    generators = [
        ours(),
        k6(found),
        locust(found, "FastPeer", "FastHttpUser"),
        ours("client", every=3),
        k6(found, "k6_cheap.js", "k6, cheapest options", every=3),
        locust(found, "HttpPeer", "HttpUser", every=3),
    ]
    if found.wrk:
        generators.insert(1, wrk(found.wrk))
    if found.hey:
        generators.append(hey(found.hey))
    return generators


def _record(results: Results, name: str) -> dict[str, Any]:
    rows = results[name].values()
    return {
        "requests_per_cpu_s": [round(row.per_cpu_s) for row in rows],
        "cpu_us_per_request": round(1e6 / median(row.per_cpu_s for row in rows), 2),
        "ours_to_it": _rounded(ratio(results, "ours", name)),
        "it_to_k6": _rounded(ratio(results, name, "k6")),
    }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)


def _print(results: Results) -> None:
    rows = []
    for name, measured in results.items():
        per_cpu_s = median(row.per_cpu_s for row in measured.values())
        ratios = [ratio(results, name, "k6"), ratio(results, "ours", name)]
        cells = ["-" if figure is None else f"{figure:.2f}" for figure in ratios]
        rows.append((name, f"{per_cpu_s:,.0f}", f"{1e6 / per_cpu_s:.1f}", *cells, str(len(measured))))
    header = ("generator", "requests / CPU-s", "CPU µs / request", "÷ k6", "ours ÷ it", "rounds")
    print_table(f"{USERS} users without think time", header, rows)

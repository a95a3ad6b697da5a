"""Requests per CPU-second of our generator and of its peers: ``python -m benchmarks.generator``.

Generator on one core, nginx on the other; the same requests and checks; alternating rounds; medians of ratios. Prints
a table for people and one line of JSON for everything else. Figures on shared machines drift; ratios hold, but not
where others fight for the generator's core: ``chrt --fifo 10 python -m benchmarks.generator`` (as root) keeps them off.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.crowd import crowd
from benchmarks.door import conclude, measured
from benchmarks.nginx_target import nginx_target
from benchmarks.peers import Peers, peers
from benchmarks.plain import plain
from benchmarks.rounds import TARGET_CORE
from benchmarks.table import Bar
from benchmarks.thinking import thinking

Section = Callable[[Peers, argparse.Namespace], tuple[dict[str, Any], list[Bar]]]


def _plain(found: Peers, asked: argparse.Namespace) -> tuple[dict[str, Any], list[Bar]]:
    with nginx_target(found.nginx, TARGET_CORE) as target:
        return plain(found, target, asked.rounds, asked.window)


def _thinking(found: Peers, asked: argparse.Namespace) -> tuple[dict[str, Any], list[Bar]]:
    with nginx_target(found.nginx, TARGET_CORE) as target:
        return thinking(found, target, max(3, asked.rounds // 2), asked.window)


def _crowd(found: Peers, asked: argparse.Namespace) -> tuple[dict[str, Any], list[Bar]]:
    return crowd()


SECTIONS: dict[str, Section] = {"plain": _plain, "thinking": _thinking, "memory": _crowd}


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generator", description=__doc__)
    parser.add_argument("--only", choices=tuple(SECTIONS), help="one part of it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=3.5, help="seconds measured of each generator in each round")
    parser.add_argument("--install", action="store_true", help="let apt-get install nginx, wrk and hey")
    asked = parser.parse_args(argv)
    return measured("generator", lambda: _run(asked))


def _run(asked: argparse.Namespace) -> None:
    found = peers(asked.install)
    result: dict[str, Any] = {"versions": found.versions()}
    bars: list[Bar] = []
    for name in [asked.only] if asked.only else SECTIONS:
        print(f"{name}:", file=sys.stderr)
        result[name], reached = SECTIONS[name](found, asked)
        bars += reached
    conclude(result, bars)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Are the percentiles right? ``python -m benchmarks.accuracy``

A target of known latencies, quiet and standing still for one second in ten; closed load and open load; our
percentiles, k6's and Locust's beside the exact ones. In closed load the exact ones are the target's own log. In open
load they count from when a request was due: by schedule and log for ours; for the peers, whose requests do not say
when they were due, by schedule, service times and stalls. k6 may add users up to 500, as its manual advises; Locust
has no open load, so its users pace themselves. On a machine with other work, generator and target wait for a core and
the percentiles rightly say so; ``chrt --fifo 10 python -m benchmarks.accuracy`` (as root) puts both before the others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.door import conclude, measured
from benchmarks.exactness import (
    QUANTILES,
    buckets_off,
    closed_s,
    error,
    open_by_log_s,
    open_by_schedule_s,
    percentiles_ms,
    read_log,
)
from benchmarks.known_latencies import QUIET
from benchmarks.peers import Peers, peers
from benchmarks.table import Bar, print_table
from benchmarks.told_percentiles import TOOLS, Case, run_case

ERROR_MAX = 0.004
_NAMES = [f"p{quantile * 100:g}" for quantile in QUANTILES]


class Compared(NamedTuple):
    """One tool in one case."""

    tool: str
    case: Case
    requests: int
    exact_ms: list[float]
    told_ms: list[float]
    errors: list[float]

    @property
    def wrong(self) -> int:
        """How many percentiles are off by more than 0.4 % and more than one bucket."""
        pairs = zip(self.errors, self.told_ms, self.exact_ms, strict=True)
        return sum(abs(off) > ERROR_MAX and buckets_off(told, exact) > 1 for off, told, exact in pairs)

    def record(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "tool": self.tool,
            "load": self.case.load,
            "target": "stalling" if self.case.stalling else "quiet",
            "requests": self.requests,
            "wrong": self.wrong,
            **{
                name: {"exact_ms": round(exact, 3), "told_ms": round(told, 3), "error": round(off, 5)}
                for name, exact, told, off in zip(_NAMES, self.exact_ms, self.told_ms, self.errors, strict=True)
            },
        }


def compare(found: Peers, tool: str, case: Case) -> Compared:
    """Run one tool against a fresh target and hold its percentiles against the exact ones."""
    with tempfile.TemporaryDirectory(prefix="acgs-bench-") as name:
        told = run_case(found, tool, case, Path(name))
        log = read_log(told.log)
    if case.load == "closed":
        exact_s = closed_s(log)
    elif told.started_s is not None:
        exact_s = open_by_log_s(log, told.started_s, case.rate)
    else:
        exact_s = open_by_schedule_s(log, case.seconds, case.rate, told.stalls or QUIET)
    errors = [error(ms, exact_s, quantile) for ms, quantile in zip(told.percentiles_ms, QUANTILES, strict=True)]
    return Compared(tool, case, len(log), percentiles_ms(exact_s), told.percentiles_ms, errors)


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each of the twelve runs")
    parser.add_argument("--only", choices=TOOLS, help="one tool")
    parser.add_argument("--install", action="store_true", help="let apt-get install what is missing")
    asked = parser.parse_args(argv)
    return measured("accuracy", lambda: _run(asked, peers(asked.install)))


def _run(asked: argparse.Namespace, found: Peers) -> None:
    rows: list[Compared] = []
    for load in ("open", "closed"):
        for stalling in (False, True):
            case = Case(load, stalling, asked.seconds)
            title = f"{load} load, {'target stalling 1 s in 10' if stalling else 'quiet target'}"
            print(f"{title} …", file=sys.stderr)
            compared = [compare(found, tool, case) for tool in ([asked.only] if asked.only else TOOLS)]
            _print(title, compared)
            rows += compared
    bars = []
    for load in ("open", "closed"):
        counts = [row.wrong for row in rows if row.tool == "ours" and row.case.load == load]
        what = f"percentiles of ours off by more than 0.4 % and one bucket, {load} load"
        bars.append(Bar(what, float(sum(counts)) if counts else None, 0, "at most"))
    conclude({"versions": found.versions(), "cases": [row.record() for row in rows]}, bars)


def _print(title: str, compared: Sequence[Compared]) -> None:
    rows = []
    for row in compared:
        rows.append((f"{row.tool}: exact", *(f"{ms:.2f}" for ms in row.exact_ms), f"{row.requests}"))
        rows.append((f"{row.tool}: told", *(f"{ms:.2f}" for ms in row.told_ms), ""))
        rows.append(
            (
                f"{row.tool}: error",
                *(f"{off:+.2%}" for off in row.errors),
                f"{row.wrong} wrong" if row.wrong else "right",
            )
        )
    print_table(f"{title} (ms)", ("", *_NAMES, "requests"), rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

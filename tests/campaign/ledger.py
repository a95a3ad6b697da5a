"""The campaign's results: a line a cell while it goes on, a page when somebody wants to read it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from acgs_load.profile_types import PROFILES
from campaign.trial import Outcome


def read_ledger(path: Path) -> dict[str, Outcome]:
    """The outcomes by cell, the latest of each; empty if there is no file."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["cell"]: Outcome(**{**row, "complaints": tuple(row["complaints"])}) for row in rows}


def page(outcomes: Sequence[Outcome], cells: int, machine: str, commit: str) -> str:
    """The campaign as Markdown, as far as it got: sums, defects by types, rare ones, pairs, and what went wrong."""
    right = sum(outcome.right for outcome in outcomes)
    requests = sum(outcome.requests for outcome in outcomes)
    runs = f"{len(outcomes):,} of {cells:,} runs" if len(outcomes) < cells else f"{cells:,} runs"
    lines = [
        "# Fault campaign",
        "",
        "Written by `make campaign`: every defect that the reference gateway can be given, in every type of test, with",
        "one and with four workers, in closed and in open load. A cell is right when verdict, exit code, violation,",
        "operation and the time it was first seen are what the planted defect demands, and nothing else was found.",
        "",
        f"{runs}, {right:,} right, {requests:,} requests; {machine}; commit {commit}.",
        "",
        *_matrix([outcome for outcome in outcomes if _is_plain(outcome)]),
        *_rare([outcome for outcome in outcomes if outcome.cell.endswith("/rare")]),
        *_pairs([outcome for outcome in outcomes if "+" in outcome.cell]),
        *_wrong([outcome for outcome in outcomes if not outcome.right]),
        *_repeated(outcomes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _is_plain(outcome: Outcome) -> bool:
    return "+" not in outcome.cell and not outcome.cell.endswith("/rare")


def _matrix(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    types = [name for name in PROFILES if any(outcome.cell.split("/")[1] == name for outcome in outcomes)]
    lines = ["## Right cells, by defect and type of test", "", f"| defect | {' | '.join(types)} |"]
    lines.append("| --- |" + " --- |" * len(types))
    for fault in dict.fromkeys(outcome.cell.split("/")[0] for outcome in outcomes):
        cells = []
        for name in types:
            here = [outcome for outcome in outcomes if outcome.cell.split("/")[:2] == [fault, name]]
            cells.append(f"{sum(outcome.right for outcome in here)}/{len(here)}" if here else "–")
        lines.append(f"| `{fault}` | {' | '.join(cells)} |")
    return [*lines, ""]


def _rare(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    lines = ["## One in a thousand: a minute at 500 requests a second", "", "| defect | requests | named | right |"]
    lines.append("| --- | --- | --- | --- |")
    lines += [
        f"| `{outcome.cell.split('/')[0]}` | {outcome.requests:,} | {_named(outcome)} | {_yes(outcome)} |"
        for outcome in outcomes
    ]
    return [*lines, ""]


def _pairs(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    lines = [
        "## Two defects at once, drawn by seed",
        "",
        "| defects | run | named | right |",
        "| --- | --- | --- | --- |",
    ]
    for outcome in outcomes:
        faults, _, run = outcome.cell.partition("/")
        lines.append(f"| `{faults}` | {run} | {_named(outcome)} | {_yes(outcome)} |")
    return [*lines, ""]


def _wrong(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    return ["## Wrong", "", *(f"- `{outcome.cell}`: {'; '.join(outcome.complaints)}" for outcome in outcomes), ""]


def _repeated(outcomes: Iterable[Outcome]) -> list[str]:
    again = [outcome.attempts - 1 for outcome in outcomes if outcome.attempts > 1]
    if not again:
        return []
    times = f"{len(again)} cells were run again, {sum(again)} times in all"
    return [f"{times}, because a run was INVALID: the machine was too busy for the load generator."]


def _named(outcome: Outcome) -> str:
    return ", ".join(f"{count:,} × {kind}" for kind, count in sorted(outcome.named.items())) or "nothing"


def _yes(outcome: Outcome) -> str:
    return "yes" if outcome.right else "**no**"

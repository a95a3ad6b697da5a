"""What was found wrong, counted: violations and errors by operation, each with the first time and a few examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from acgs_load.analysis.reading.load import Run
from acgs_load.contract import ERROR_OUTCOMES, OPERATIONS, Outcome, Violation

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class StatusShare:
    """How much of a trouble came with one status."""

    status: str
    """``503``; ``4xx`` for one that is not registered, ``0`` where no status line came."""
    count: int
    first_s: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A violation, or an error outcome, of one operation."""

    kind: str
    operation: str
    count: int
    first_s: float | None
    """Second of the run in which it was first seen; None where the input does not tell."""
    examples: tuple[str, ...]
    statuses: tuple[StatusShare, ...] = ()
    """Most frequent first; empty where the input does not count by status."""


def violations(run: Run) -> list[Trouble]:
    """Every violation by operation, in the contract's order of kinds, most frequent first within one."""
    return _troubles(run, [str(kind) for kind in Violation], violations=True)


def errors(run: Run) -> list[Trouble]:
    """Every error and throttled answer by operation, likewise."""
    order = [str(kind) for kind in Outcome if kind in ERROR_OUTCOMES or kind is Outcome.THROTTLED]
    return _troubles(run, order, violations=False)


def _troubles(run: Run, order: list[str], violations: bool) -> list[Trouble]:
    found = run.timeline.counted("violations" if violations else "outcomes")
    examples, shares = _examples(run), _shares(run)
    rows = [
        Trouble(
            kind,
            operation,
            count,
            max(0.0, first - run.record.started_s),
            tuple(examples.get((kind, operation), ())[:EXAMPLES]),
            tuple(shares.get((kind, operation), ())),
        )
        for (kind, operation), (count, first) in found.items()
        if violations or kind in order
    ]
    ranks = {kind: place for place, kind in enumerate(order)}
    places = {operation: place for place, operation in enumerate(OPERATIONS)}
    return sorted(
        rows,
        key=lambda row: (
            ranks.get(row.kind, len(ranks)),
            -row.count,
            places.get(row.operation, len(places)),
            row.operation,
        ),
    )


def _shares(run: Run) -> dict[tuple[str, str], list[StatusShare]]:
    """By kind and operation, most frequent first."""
    found: dict[tuple[str, str], list[StatusShare]] = defaultdict(list)
    texts: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for example in sorted(run.examples, key=lambda row: row.second):
        known = texts[example.kind, example.operation, example.status]
        if example.text not in known:
            known.append(example.text)
    counted = run.timeline.counted("failures")
    for (label, operation), (count, first) in sorted(counted.items(), key=lambda row: (-row[1][0], row[0])):
        status, _, kind = label.partition(" ")
        of = tuple(texts.get((kind, operation, status), ())[:EXAMPLES])
        share = StatusShare(status, count, max(0.0, first - run.record.started_s), of)
        found[kind, operation].append(share)
    return found


def _examples(run: Run) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for example in sorted(run.examples, key=lambda row: row.second):
        if example.text not in found[example.kind, example.operation]:
            found[example.kind, example.operation].append(example.text)
    return found


def summaries(rows: Iterable[Trouble]) -> list[Trouble]:
    """One row a kind, over its operations, in the order given; ``operation`` then says how many there are."""
    by_kind: dict[str, list[Trouble]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    return [_summary(kind, of) for kind, of in by_kind.items()]


def _summary(kind: str, rows: list[Trouble]) -> Trouble:
    most = max(rows, key=lambda row: row.count)
    where = most.operation if len(rows) == 1 else f"{len(rows)} operations, most in {most.operation}"
    examples = [*most.examples, *(text for row in rows if row is not most for text in row.examples)]
    return Trouble(
        kind,
        where,
        sum(row.count for row in rows),
        min((row.first_s for row in rows if row.first_s is not None), default=None),
        tuple(examples[:EXAMPLES]),
    )

"""The changes of a comparison as a forest plot: an interval a row, zero in the middle, what is allowed as a mark."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acgs_load.analysis.comparing.comparison import Change, Word

REACH_MAX = 1.0
"""Twice as much, or nothing left, stands at the edge; so does all that lies beyond."""
ROOM = 1.1
MIDDLE = 50.0


@dataclass(frozen=True, slots=True)
class Whisker:
    """One change, in percent of the plot's width."""

    low: float
    high: float
    at: float
    limit: float
    """Where it becomes worse than allowed."""
    state: str
    """``fail``, ``not_measured`` (worse, within what is allowed), ``pass`` or ``shown``."""


def forest_of(changes: Iterable[Change]) -> dict[tuple[str, str], Whisker]:
    """A whisker for each change that has an interval, by operation and measure.

    Ratios share one scale; differences of error ratios, which are no ratios, share another.
    """
    known = [change for change in changes if change.low is not None and change.high is not None]
    found: dict[tuple[str, str], Whisker] = {}
    for differences in (False, True):
        rows = [change for change in known if (change.measure == "error_ratio") is differences]
        reach = max((_extent(change) for change in rows), default=0.0) * ROOM
        found |= {(row.operation, row.measure): _whisker(row, min(reach, REACH_MAX)) for row in rows}
    return found


def state_of(change: Change) -> str:
    """The colour that a change deserves."""
    if change.word is Word.REGRESSION:
        return "fail" if change.beyond else "not_measured"
    return "pass" if change.word is Word.IMPROVEMENT else "shown"


def _extent(change: Change) -> float:
    return max(abs(change.low or 0.0), abs(change.high or 0.0), change.allowed)


def _whisker(change: Change, reach: float) -> Whisker:
    def place(moved: float | None) -> float:
        share = (moved or 0.0) / reach if reach else 0.0
        return round(MIDDLE + MIDDLE * min(1.0, max(-1.0, share)), 2)

    worse = -1 if change.measure == "throughput_rps" else 1
    limit = place(worse * change.allowed)
    return Whisker(place(change.low), place(change.high), place(change.change), limit, state_of(change))

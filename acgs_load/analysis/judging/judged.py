"""One threshold and what came of it, in a form that every report and every source of figures shares."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from acgs_load.threshold_judge import Finding

State = Literal["pass", "fail", "not_measured"]
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "=": operator.eq,
}


WORDS: Mapping[State, str] = {"pass": "ok", "fail": "FAILED", "not_measured": "not measured"}


def holds(value: float, comparison: str, limit: float) -> bool:
    """Whether ``value comparison limit``. Raises KeyError for an unknown comparison."""
    return COMPARISONS[comparison](value, limit)


@dataclass(frozen=True, slots=True)
class Judged:
    """One threshold and what came of it."""

    expression: str
    measure: str
    labels: Mapping[str, str]
    comparison: str
    """``<=``, ``>=``, ``<``, ``>``, ``=``."""
    limit: float | None
    """None: relative to a baseline that has no such value."""
    value: float | None
    unit: str
    samples: int
    state: State
    margin: float | None
    """How far the value is inside its limit, as a share of it; negative: outside. None: not measured."""
    origin: str
    """``flag``, ``file``, ``env`` or ``default``."""
    decides: bool
    """False: shown, but does not fail the run (it says where a stress test broke, or need not be measured)."""
    note: str = ""
    during: str | None = None
    """The phase it speaks of, where it names one."""

    @classmethod
    def of(cls, found: Finding, *, decides: bool, note: str) -> Judged:
        """What was found, with what only the judge knows."""
        threshold = found.threshold
        return cls(
            threshold.expression,
            threshold.measure,
            threshold.labels,
            threshold.op,
            found.limit,
            found.value,
            found.unit,
            found.samples,
            found.state,
            found.margin,
            threshold.source,
            decides,
            note,
            threshold.during,
        )

    @property
    def word(self) -> str:
        """The state as people read it; what does not decide the verdict never reads as FAILED."""
        return WORDS[self.state] if self.decides or self.state != "fail" else "broke"

    @property
    def rank(self) -> int:
        """0 for what fails the run, 1 for what holds, 2 for what is only shown: the order in which people look."""
        return 1 if self.state == "pass" else 0 if self.decides else 2


FEW = 3
"""As many thresholds that nobody measured, nor demanded, have a row each; more of them share one."""


def told_apart(rows: Sequence[Judged]) -> tuple[list[Judged], list[Judged]]:
    """The rows that are worth a line each in the order of ``rank``, and those that share one: not measured, and
    deciding nothing."""
    silent = [row for row in rows if row.state == "not_measured" and not row.decides]
    apart = silent if len(silent) > FEW else []
    return sorted((row for row in rows if row not in apart), key=lambda row: row.rank), apart

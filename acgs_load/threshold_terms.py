"""What a threshold says, taken apart: whose value, how compared, with what, over which stretch, and whether to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Operator = Literal["<=", ">=", "<", ">", "="]


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold, parsed. Legal by itself; whether it fits a plan is ``thresholds.check``'s to say."""

    expression: str
    """As written, without comment."""
    measure: str
    op: Operator
    limit: float
    """In the measure's unit; a factor where ``relative``."""
    relative: bool = False
    """The limit is ``limit`` × the baseline's value."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """operation, scenario, region → value."""
    during: str | None = None
    over_s: int | None = None
    """Judged window by window of this many seconds."""
    count: int = 1
    """How many windows in a row must fail."""
    abort: bool = False
    abort_after_s: float = 0.0
    source: str = "flag"
    """``flag``, ``file`` or ``default``."""
    required: bool = True
    """False: "not measured" does not fail the run."""
    breaking: bool = False
    """It says where the target broke (stress, capacity) and does not decide the verdict."""

    @property
    def subject(self) -> tuple[object, ...]:
        """What it speaks of; of two that speak of the same, the user's replaces the default."""
        upper = self.op in {"<=", "<"}
        return self.measure, tuple(sorted(self.labels.items())), self.during, self.over_s, upper or self.op

    def holds(self, value: float, limit: float) -> bool:
        """Whether ``value`` keeps ``limit``; exact, so that = 1 admits no rounding."""
        if self.op == "<=":
            return value <= limit
        if self.op == ">=":
            return value >= limit
        if self.op == "<":
            return value < limit
        return value > limit if self.op == ">" else value == limit

    def margin(self, value: float, limit: float) -> float:
        """How far ``value`` is inside ``limit``, as a share of it (of 1 where it is 0); negative where beyond."""
        room = -abs(value - limit) if self.op == "=" else (value - limit if self.op in {">=", ">"} else limit - value)
        return room / (abs(limit) or 1.0)

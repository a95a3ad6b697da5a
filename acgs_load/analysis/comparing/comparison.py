"""Two runs held against each other: what became slower, what did not, and what the data cannot tell.

Every figure of the one run is a draw, and so is the other's. Their ratio (of error ratios, their difference, as a run
without errors has no ratio) is called different only where chance does not explain it: the interval is the ratio times
e to ± t standard errors, the errors from resampled blocks (``blocks``) and added in squares, the degrees of freedom
after F. E. Satterthwaite (Biometrics Bulletin 2, 1946).

Many figures are compared, so by chance some would always differ. The intervals are therefore simultaneous after
O. J. Dunn ("Multiple comparisons among means", JASA 56, 1961): the chance that any interval of the whole comparison
misses its true value is at most 5 %, half of it spent on the figures of all operations together, which are few and
sharp, half on those of single operations.

They know what moves within a run. What differs from one day to the next (another machine, a warm cache) they cannot
know; ``--max-regression`` is there for that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from acgs_load.analysis.comparing.replicates import Estimate, Estimates, estimates_of
from acgs_load.analysis.comparing.series import COMPARED, EVERYTHING, Series
from acgs_load.analysis.comparing.student import critical_t
from acgs_load.measures import MEASURES

CONFIDENCE = 0.95
SHARE_OF_EVERYTHING = 0.5
TRIFLE = 0.01
"""A smaller change is none, however certain: it is near the width of a histogram's bucket (0.8 %)."""
ERROR_TRIFLE = 0.001
"""The same for error ratios, as a difference: one request in a thousand."""
MAX_REGRESSION = 0.05
_SEED = 20041
"""The same runs compare the same, whoever does it."""


class Word(StrEnum):
    """What a comparison comes to."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    SAME = "no difference"
    UNKNOWN = "too little data"


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both runs."""

    operation: str
    """Empty: all together."""
    measure: str
    unit: str
    baseline: float | None
    value: float | None
    samples_baseline: int
    samples: int
    change: float | None
    """0.1: a tenth more. Of error ratios the difference, 0.01: one request in a hundred more."""
    low: float | None
    """The interval of ``change``; None where there is too little data for one."""
    high: float | None
    allowed: float
    """How much worse it may become, in the terms of ``change``, above 0."""
    word: Word

    @property
    def ratio(self) -> float | None:
        """This run ÷ the baseline; None where that says nothing."""
        return None if self.value is None or not self.baseline else self.value / self.baseline

    @property
    def worse(self) -> float | None:
        """By how much it became worse, in the terms of ``change``; negative: better."""
        return None if self.change is None else -self.change if self.measure == "throughput_rps" else self.change

    @property
    def beyond(self) -> bool:
        """Whether it is a regression, and a larger one than allowed."""
        return self.word is Word.REGRESSION and self.worse is not None and self.worse > self.allowed


def changes(runs: Iterable[Mapping[str, Series]], max_regression: float = MAX_REGRESSION) -> tuple[Change, ...]:
    """Every figure that both runs measured: all operations together first, then each one.

    ``runs`` are the baseline and the run, which may be made as they are asked for: one at a time is kept.
    """
    random = np.random.default_rng(_SEED)
    before, after = (estimates_of(series, random) for series in runs)
    names = [EVERYTHING, *sorted(set(before) & set(after) - {EVERYTHING})]
    return tuple(
        _change(name, kind, before, after, _chance(name, len(names) - 1), max_regression)
        for name in names
        for kind in COMPARED
        if before[name][kind].value is not None or after[name][kind].value is not None
    )


def _chance(name: str, operations: int) -> float:
    """The share of the 5 % that one interval may spend."""
    if name == EVERYTHING:
        return (1 - CONFIDENCE) * (SHARE_OF_EVERYTHING if operations else 1) / len(COMPARED)
    return (1 - CONFIDENCE) * (1 - SHARE_OF_EVERYTHING) / (len(COMPARED) * operations)


def _change(name: str, kind: str, before: Estimates, after: Estimates, chance: float, max_regression: float) -> Change:
    old, new = before[name][kind], after[name][kind]
    allowed = max_regression
    if kind == "error_ratio":
        allowed = ERROR_TRIFLE + max_regression * (old.value or 0.0)
    change, low, high = _interval(kind, old, new, chance)
    return Change(
        name,
        kind,
        MEASURES[kind].unit,
        old.value,
        new.value,
        old.samples,
        new.samples,
        change,
        low,
        high,
        allowed,
        _word(kind, change, low, high, allowed),
    )


def _interval(
    kind: str, old: Estimate, new: Estimate, chance: float
) -> tuple[float | None, float | None, float | None]:
    if old.value is None or new.value is None:
        return None, None, None
    change = None if kind != "error_ratio" and old.value <= 0 else _moved(kind, old.value, new.value)
    if change is None or old.error is None or new.error is None:
        return change, None, None
    error = math.hypot(old.error, new.error)
    parts = old.error**4 / old.freedom + new.error**4 / new.freedom
    reach = critical_t(chance, error**4 / parts) * error if parts else 0.0
    if kind == "error_ratio":
        return change, max(-1.0, change - reach), min(1.0, change + reach)
    centre = math.log1p(change)
    return change, math.expm1(centre - reach), math.expm1(min(centre + reach, 100.0))


def _moved(kind: str, old: float, new: float) -> float:
    return new - old if kind == "error_ratio" else new / old - 1


def _word(kind: str, change: float | None, low: float | None, high: float | None, allowed: float) -> Word:
    if change is None or low is None or high is None:
        return Word.UNKNOWN
    if kind == "throughput_rps":
        change, low, high = -change, -high, -low
    if abs(change) > (ERROR_TRIFLE if kind == "error_ratio" else TRIFLE):
        if low > 0:
            return Word.REGRESSION
        if high < 0:
            return Word.IMPROVEMENT
    # where so large a regression may hide in the interval, "no difference" would be more than is known
    return Word.SAME if high <= allowed or low > 0 or high < 0 else Word.UNKNOWN

"""The interval in which a proportion lies, from hits and trials: exact, for the rarest of defects too."""

from __future__ import annotations

import math
from collections.abc import Callable


def proportion_interval(hits: int, trials: int, sure: float) -> tuple[float, float]:
    """Clopper and Pearson's interval (Biometrika 26, 1934): the truth is inside at least ``sure`` of the time."""
    tail = (1 - sure) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _at_most(hits - 1, trials, p), tail)
    high = 1.0 if hits == trials else 1 - _solve(lambda q: _at_most(hits, trials, 1 - q), tail)
    return low, high


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    """Where a function of a proportion that rises from 0 to 1 reaches ``wanted``, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def _at_most(hits: int, trials: int, p: float) -> float:
    """The chance of so many hits or fewer."""
    if p in (0.0, 1.0):
        return 1.0 if p == 0.0 or hits >= trials else 0.0
    logs = (
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(p)
        + (trials - k) * math.log1p(-p)
        for k in range(hits + 1)
    )
    return min(1.0, math.fsum(math.exp(log) for log in logs))

"""A target's latencies, known beforehand: how long each request takes, and when nothing is answered at all."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

MEDIAN_S = 0.040
SPREAD = 0.5
"""Sigma of the log-normal: p99 is then 3.2 and p99.9 4.7 times the median."""
_SEED = 20261123


class Stalls(NamedTuple):
    """When the target stands still: ``length_s`` in every ``period_s``, the first time after ``first_s``."""

    origin_s: float
    """``perf_counter``, which all processes of a machine share (CLOCK_MONOTONIC)."""
    first_s: float = 4.0
    period_s: float = 10.0
    length_s: float = 1.0

    def over_s(self, moment_s: float) -> float:
        """``moment_s``, or the end of the stall that it falls into."""
        since_s = moment_s - self.origin_s - self.first_s
        if since_s < 0 or since_s % self.period_s >= self.length_s:
            return moment_s
        return moment_s - since_s % self.period_s + self.length_s


QUIET = Stalls(0.0, length_s=0.0)


def service_times_s() -> list[float]:
    """What the first, second, … request to arrive takes: the same list in every process."""
    chance = Random(_SEED)
    return [MEDIAN_S * chance.lognormvariate(0.0, SPREAD) for _ in range(40_000)]


def answer_s(arrived_s: float, service_s: float, stalls: Stalls) -> float:
    """When a request is answered: it begins when no stall is on, and leaves when none is."""
    return stalls.over_s(stalls.over_s(arrived_s) + service_s)

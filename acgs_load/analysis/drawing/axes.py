"""Where an axis begins and ends, and which round numbers stand on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from acgs_load.analysis.drawing.panels import Panel

LOG_SPREAD = 40.0
"""A chart whose largest value is this many times its smallest is drawn on a logarithmic axis."""
HEADROOM = 1.04
"""The highest value stays clear of the upper edge."""
TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


@dataclass(frozen=True, slots=True)
class Axis:
    """A range and its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def share(self, value: float) -> float:
        """Where ``value`` stands, 0 at the low end and 1 at the high; clamped to the range."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def values_axis(panel: Panel, right: bool = False) -> Axis:
    """The axis of a panel's values, from 0 unless they span several powers of ten."""
    values = [value for line in panel.lines if line.right == right for value in line.values if value is not None]
    largest, smallest = max(values, default=0.0), min((value for value in values if value > 0), default=0.0)
    limits = [limit.value for limit in panel.limits if not right and limit.value <= 3 * largest]
    largest = max([largest, *limits])
    if panel.share:
        return _share_axis(panel, values)
    if panel.name == "latency" and smallest > 0 and largest / smallest > LOG_SPREAD:
        return logarithmic(smallest, largest)
    return linear(0.0, HEADROOM * largest or 1.0)


def _share_axis(panel: Panel, values: list[float]) -> Axis:
    """0–100 %; a compliance score that stays near 1 is shown from just below what matters, or nobody could see it."""
    if panel.name != "compliance" or not values:
        return linear(0.0, max(1.0, *values)) if values else linear(0.0, 1.0)
    low = min([*values, *(limit.value for limit in panel.limits)])
    begin = 0.9 if low >= 0.9 else 0.5 if low >= 0.5 else 0.0
    return linear(begin, 1.0)


def linear(low: float, high: float, count: int = 5) -> Axis:
    """A linear axis whose ticks are 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(place * step, 12) for place in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def logarithmic(smallest: float, largest: float, whole: bool = True) -> Axis:
    """A logarithmic axis: over whole powers of ten, or (not ``whole``) from the smallest to the largest exactly."""
    first, last = math.floor(math.log10(smallest)), math.ceil(math.log10(largest))
    powers = tuple(10.0**power for power in range(first, max(last, first + 1) + 1))
    if whole:
        return Axis(powers[0], powers[-1], powers, log=True)
    high = max(largest, smallest * 1.01)
    ticks = tuple(tick for tick in _between_powers(powers, dense=last - first <= 2) if smallest <= tick <= high)
    return Axis(smallest, high, ticks, log=True)


def _between_powers(powers: tuple[float, ...], dense: bool) -> list[float]:
    """The powers, and 2 and 5 times each where there are few."""
    factors = (1, 2, 5) if dense else (1,)
    return [round(power * factor, 12) for power in powers for factor in factors]


def time_axis(end_s: float, count: int = 8) -> Axis:
    """Seconds since the start, ticks at round times."""
    step = next((step for step in TIME_STEPS_S if end_s / step <= count), TIME_STEPS_S[-1])
    return Axis(0.0, end_s or 1.0, tuple(float(at) for at in range(0, math.floor(end_s) + 1, step)))

"""When the n-th arrival of an open load is due: the moment the integral of the rate reaches n.

Nothing drifts, because no arrival is timed from the one before it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from acgs_load.plan import Plan


class Stretch(NamedTuple):
    """A straight piece of the curve. Seconds since the start; requests per second."""

    from_s: float
    to_s: float
    rate_from: float
    rate_to: float
    count_before: float
    """Arrivals due before it: the integral up to ``from_s``."""

    @property
    def arrivals(self) -> float:
        """Arrivals due within it."""
        if math.isinf(self.to_s):
            return math.inf if self.rate_to > 0 else 0.0
        return (self.rate_from + self.rate_to) / 2 * (self.to_s - self.from_s)

    def until(self, end_s: float) -> float:
        """Arrivals due within it before ``end_s``."""
        if end_s >= self.to_s:
            return self.arrivals
        slope = 0.0 if math.isinf(self.to_s) else (self.rate_to - self.rate_from) / (self.to_s - self.from_s)
        return self.rate_from * (end_s - self.from_s) + slope * (end_s - self.from_s) ** 2 / 2

    def due_s(self, count: float) -> float:
        """When ``count`` more than ``count_before`` have become due.

        Solves rate_from·t + slope·t²÷2 = count for t, in the form that has no cancellation and no division by a
        slope of zero: t = 2·count ÷ (rate_from + √(rate_from² + 2·slope·count)).
        """
        if count <= 0:
            return self.from_s
        slope = 0.0 if math.isinf(self.to_s) else (self.rate_to - self.rate_from) / (self.to_s - self.from_s)
        root = math.sqrt(max(0.0, self.rate_from**2 + 2 * slope * count))
        return self.from_s + 2 * count / (self.rate_from + root)


class RateCurve:
    """The arrival rate over the run; may be continued while it is played."""

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []

    @classmethod
    def of(cls, plan: Plan) -> RateCurve:
        """The curve that the stages of ``plan`` draw."""
        curve, begin_s = cls(), 0.0
        for stage in plan.stages:
            curve.append(begin_s, begin_s + stage.duration_s, stage.rate_from or 0.0, stage.rate_to or 0.0)
            begin_s += stage.duration_s
        return curve

    def append(self, from_s: float, to_s: float, rate_from: float, rate_to: float) -> None:
        """Go on like this from ``from_s``; what was drawn beyond that moment is rubbed out."""
        self.cut(from_s)
        self._stretches.append(Stretch(from_s, to_s, rate_from, rate_to, self._count()))

    def cut(self, end_s: float) -> None:
        """No arrival after ``end_s``."""
        while self._stretches and self._stretches[-1].from_s >= end_s:
            self._stretches.pop()
        if self._stretches and self._stretches[-1].to_s > end_s:
            last = self._stretches[-1]
            rate_to = last.rate_to
            if not math.isinf(last.to_s):
                share = (end_s - last.from_s) / (last.to_s - last.from_s)
                rate_to = last.rate_from + (last.rate_to - last.rate_from) * share
            self._stretches[-1] = last._replace(to_s=end_s, rate_to=rate_to)

    def due_s(self, count: float) -> float | None:
        """Seconds since the start at which ``count`` arrivals have become due; None if the curve ends before."""
        for stretch in reversed(self._stretches):
            if stretch.count_before < count or stretch is self._stretches[0]:
                inside = count - stretch.count_before
                # the tolerance keeps the last arrival of a stretch whose integral is a whole number
                return stretch.due_s(min(inside, stretch.arrivals)) if inside <= stretch.arrivals + 1e-6 else None
        return None

    def count_at(self, elapsed_s: float) -> float:
        """How many arrivals have become due by then: the integral of the rate."""
        for stretch in reversed(self._stretches):
            if stretch.from_s < elapsed_s:
                return stretch.count_before + stretch.until(elapsed_s)
        return 0.0

    def _count(self) -> float:
        return self._stretches[-1].count_before + self._stretches[-1].arrivals if self._stretches else 0.0

"""Between which two rates the capacity lies: geometric steps until it is bracketed, then halving."""

from __future__ import annotations

from math import floor, log10

from acgs_load.plan import Search

RATE_MIN = 1.0
"""A target that does not hold one request per second has no capacity worth the name."""


def three_digits(rate: float) -> float:
    """The rate with three significant digits, as it is offered and named."""
    return round(rate, 2 - floor(log10(rate)))


class Bracket:
    """The highest rate that held and the lowest that broke, and which to try next."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self.held: float | None = None
        self.broke: float | None = None

    def next_rate(self) -> float | None:
        """The rate to try; None when the answer is precise enough or there is none."""
        if self.held is None and self.broke is None:
            return three_digits(max(self._search.rate_from, RATE_MIN))
        if self.broke is None:
            assert self.held is not None, "one of them is known"
            return three_digits(self.held * self._search.growth)
        if self.held is None:
            rate = three_digits(self.broke / self._search.growth)
            return rate if rate >= RATE_MIN else None
        if (self.broke - self.held) / self.held <= self._search.precision:
            return None
        middle = three_digits((self.held + self.broke) / 2)
        return middle if self.held < middle < self.broke else None

    def learn(self, rate: float, held: bool) -> None:
        """Take note of how a rate went."""
        if held:
            self.held = rate if self.held is None else max(self.held, rate)
        else:
            self.broke = rate if self.broke is None else min(self.broke, rate)

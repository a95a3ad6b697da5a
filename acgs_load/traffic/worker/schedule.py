"""Which arrivals of an open load are one worker's: dealt like cards, so that all workers together play each once.

Arrivals are numbered from 1 over all workers. A worker plays its places of every round of the deal; when workers come
or go, the master deals anew from a moment of the run on, and what is due before that moment stays with who had it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from random import Random
from typing import NamedTuple

from acgs_load.traffic.worker.deck import Deck
from acgs_load.traffic.worker.rate_curve import RateCurve


class Deal(NamedTuple):
    """One worker's part: its places, counted from 0, in a round of so many arrivals."""

    places: tuple[int, ...]
    round: int

    @property
    def share(self) -> float:
        """Of all arrivals."""
        return len(self.places) / self.round


NOTHING = Deal((), 1)


def deal(shares: Mapping[str, float]) -> dict[str, Deal]:
    """The arrivals in proportion to ``shares`` by worker, evenly spread; each arrival is one worker's."""
    if not shares:
        return {}
    cards = Deck(shares).cards
    places: dict[str, list[int]] = {worker: [] for worker in shares}
    for place, worker in enumerate(cards):
        places[worker].append(place)
    return {worker: Deal(tuple(mine), len(cards)) for worker, mine in places.items()}


class Schedule:
    """The part of the whole schedule that one worker plays, as due times in seconds since the start."""

    def __init__(self, curve: RateCurve, mine: Deal, poisson: Random | None = None) -> None:
        self.curve = curve
        self._poisson = poisson
        self._ahead: list[tuple[float, Deal]] = []
        """Deals that begin later, and when."""
        self._count = 0.0
        """The number of the next arrival over all workers; Poisson's are not whole."""
        self._turn = 0
        """The number of the next arrival among this worker's."""
        self._begin(mine, 0.0)

    def peek_s(self) -> float | None:
        """When the next arrival is due; None when there is none left as the curve and the deal now stand."""
        due_s = self._due_s()
        while self._ahead and (due_s is None or due_s >= self._ahead[0][0]):
            from_s, mine = self._ahead.pop(0)
            self._begin(mine, from_s)
            due_s = self._due_s()
        return due_s

    def advance(self) -> None:
        """The next arrival has been taken."""
        if self._poisson is not None:
            self._count += self._poisson.expovariate(1.0) / self._deal.share
            return
        self._turn += 1
        rounds, place = divmod(self._turn, len(self._deal.places))
        self._count = float(rounds * self._deal.round + self._deal.places[place] + 1)

    def skip_to(self, elapsed_s: float) -> None:
        """Leave out what was due before ``elapsed_s``: somebody else has played it, or nobody."""
        while (due_s := self.peek_s()) is not None and due_s < elapsed_s:
            self.advance()

    def deal_anew(self, from_s: float, mine: Deal) -> None:
        """What is due from ``from_s`` on is dealt otherwise."""
        self._ahead = [(at_s, before) for at_s, before in self._ahead if at_s < from_s]
        self._ahead.append((from_s, mine))

    def _due_s(self) -> float | None:
        return self.curve.due_s(self._count) if self._deal.places else None

    def _begin(self, mine: Deal, from_s: float) -> None:
        """Go to the first arrival of ``mine`` that is due at ``from_s`` or later."""
        self._deal = mine
        self._count, self._turn = 0.0, 0
        if not mine.places:
            return
        before = self.curve.count_at(from_s)
        if self._poisson is not None:
            # independent Poisson processes, each of a share of the rate, are together one of the whole
            self._count = before + self._poisson.expovariate(1.0) / mine.share
            return
        # one round early, because which arrival is the last before a moment is up to the last bit of its due time
        self._turn = max(0, floor(before) // mine.round - 1) * len(mine.places) - 1
        self.advance()
        while (due_s := self._due_s()) is not None and due_s < from_s:
            self.advance()

"""Which scenario comes next: dealt, not drawn, so that even a short run has the planned shares."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

_PARTS = 1000
"""Shares are kept to a thousandth."""


def whole_weights(mix: Mapping[str, float]) -> dict[str, int]:
    """The smallest whole numbers in the proportions of ``mix``; names without weight are left out."""
    total = sum(mix.values())
    parts = {name: max(1, round(weight / total * _PARTS)) for name, weight in mix.items() if weight > 0}
    common = gcd(*parts.values())
    return {name: part // common for name, part in parts.items()}


class Deck:
    """Scenarios in smooth weighted round-robin: each as often as its weight, as evenly spread as can be.

    One deck serves all users of a worker, so that their shares hold together, not only each user's in the long run.
    """

    def __init__(self, mix: Mapping[str, float], start: int = 0) -> None:
        weights = whole_weights(mix)
        total = sum(weights.values())
        credit = dict.fromkeys(weights, 0)
        cards: list[str] = []
        for _ in range(total):
            for name, weight in weights.items():
                credit[name] += weight
            chosen = max(credit, key=lambda name: credit[name])
            credit[chosen] -= total
            cards.append(chosen)
        self.cards = tuple(cards)
        self._dealt = start

    def deal(self) -> str:
        """The next scenario."""
        self._dealt += 1
        return self.cards[self._dealt % len(self.cards)]

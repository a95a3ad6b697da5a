"""Which scenario comes next: dealt, not drawn, so that even a short run has the planned shares."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

_PARTS = 1000
"""Shares are kept to a thousandth."""
_GOLDEN = 0.6180339887498949
"""Offsets a golden section apart stay spread however many users there are (Weyl sequence)."""


def whole_weights(mix: Mapping[str, float]) -> dict[str, int]:
    """The smallest whole numbers in the proportions of ``mix``; names without weight are left out."""
    total = sum(mix.values())
    parts = {name: max(1, round(weight / total * _PARTS)) for name, weight in mix.items() if weight > 0}
    common = gcd(*parts.values())
    return {name: part // common for name, part in parts.items()}


class Deck:
    """Scenarios in smooth weighted round-robin: each as often as its weight, as evenly spread as can be."""

    def __init__(self, mix: Mapping[str, float], seed: int) -> None:
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
        self._seed = seed

    def card(self, user: int, iteration: int) -> str:
        """What ``user`` does in its ``iteration``; users start at offsets spread over the deck."""
        offset = int(((user + self._seed % 1000) * _GOLDEN) % 1.0 * len(self.cards))
        return self.cards[(offset + iteration) % len(self.cards)]

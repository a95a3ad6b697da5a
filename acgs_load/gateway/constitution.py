"""The constitution in force: its hash, its principles, and how well this gateway has kept them so far.

Every score is a share of checks that the gateway made on its own work and that held; 1.0 while none was made.
"""

from __future__ import annotations

import time
from typing import Any

from acgs_load.gateway.answers import Answer, timestamp
from acgs_load.gateway.metrics import PRINCIPLES, Metrics
from acgs_load.gateway.request import Request
from acgs_load.gateway.store import Store

MINIMUM_SCORE = 0.95
SCORE_AGE_S = 0.5
"""How long the score in the header of other operations may be old."""


class Constitution:
    """Scores of the principles, from the counts of all gateway processes."""

    def __init__(self, constitutional_hash: str, store: Store, metrics: Metrics) -> None:
        self.hash = constitutional_hash
        self._store = store
        self._metrics = metrics
        self._score = 1.0
        self._scored_at = float("-inf")

    async def verify(self, request: Request) -> Answer:
        """``constitutional_verify``: whether every principle is kept."""
        scores = self.scores()
        body: dict[str, Any] = {
            "is_valid": all(score >= MINIMUM_SCORE for score in scores.values()),
            "principles": list(scores),
            "verified_at": timestamp(),
        }
        return Answer(200, body)

    async def score(self, request: Request) -> Answer:
        """``constitutional_score``: the mean of the principles; header and body say the same. Raises Refusal (422)."""
        request.text("operation")
        request.text("tenant_id")
        scores = self.scores()
        mean = mean_score(scores)
        body = {"compliance_score": mean, "principle_scores": scores, "is_compliant": mean >= MINIMUM_SCORE}
        return Answer(200, body, mean)

    def scores(self) -> dict[str, float]:
        """Each principle's score from 0 to 1."""
        kept = self._store.meta("constitutional_hash").decode() == self.hash
        self._metrics.observe_check("constitutional_identity", held=kept)
        shares = {name: self._metrics.share(name) for name in PRINCIPLES}
        return {name: share.held / share.made if share.made else 1.0 for name, share in shares.items()}

    def current_score(self) -> float:
        """The mean score, at most ``SCORE_AGE_S`` old."""
        now = time.monotonic()
        if now - self._scored_at > SCORE_AGE_S:
            self._score, self._scored_at = mean_score(self.scores()), now
        return self._score


def mean_score(scores: dict[str, float]) -> float:
    """The compliance score that follows from the principles'."""
    return sum(scores.values()) / len(scores)

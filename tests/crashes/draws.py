"""Which process dies, and when: drawn by seed, so that any trial can be repeated by its number."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass
from typing import Literal

Victim = Literal["runner", "master", "worker", "gateway", "analyzer"]
VICTIMS: tuple[Victim, ...] = ("runner", "master", "worker", "gateway", "analyzer")
DURATION_S = 8.0
RATE_RPS = 60.0
"""What the users of a trial send at most, in open load."""
_LATEST_S: dict[Victim, float] = {"runner": 15.0, "master": 11.0, "worker": 11.0, "gateway": 14.0, "analyzer": 2.5}
"""Seconds of life each victim usually has: the moment is drawn from all of it, so start and end are hit as well."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One trial: who is killed how long after it came up, and by which signal."""

    number: int
    victim: Victim
    after_s: float
    signal: signal.Signals


def draw(seed: int, number: int) -> Draw:
    """The trial of that number; every victim has its turn, one in four is asked to end (SIGTERM)."""
    chance = random.Random(f"{seed}/{number}")
    victim = VICTIMS[number % len(VICTIMS)]
    kind = signal.SIGTERM if chance.random() < 0.25 else signal.SIGKILL
    return Draw(number, victim, round(chance.uniform(0.0, _LATEST_S[victim]), 2), kind)

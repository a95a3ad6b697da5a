"""The runs of a campaign: every defect × type of test × {1, 4 workers} × {closed, open load}; rare defects; pairs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from acgs_load.contract import DEFAULT_MIX, OPERATIONS
from acgs_load.profile_types import PROFILES
from campaign.truths import BY_NAME, CLEAN, TRUTHS, Truth

Load = Literal["closed", "open"]
ONSET_S = 3.0
"""Defects begin so long after the first login: nothing may be found before, and soon after it must be."""
RARE_S, RARE_RPS = 60.0, 500
PAIRS = 24
_ANY_THROUGHPUT = ("throughput_rps >= 1",)
_SHORT_LATENCY = ("latency_p95_ms <= 900", "latency_p99_ms <= 1000", "latency_avg_ms <= 250")
"""For planted delays, which are a second and a half; everywhere else the usual limits hold."""
_SCALED: dict[str, dict[Load, str]] = {
    "spike": {"closed": "--users 120 --duration 16s", "open": "--rate 120 --duration 16s"},
    "stress": {"closed": "--users 100 --duration 20s", "open": "--rate 100 --duration 20s"},
    "capacity": {"open": "--rate 30 --duration 28s"},
}
_USUAL: dict[Load, str] = {
    "closed": "--users 60 --spawn-rate 60 --duration 11s",
    "open": "--rate 100 --duration 11s",
}
_POOL, _POOL_FOR_DELAYS = 15, 250
"""Users under open load: few, so that each does much and rare sequences come up; many where requests take long."""
_SAME_ANSWERS = (
    {"hash-wrong-header", "hash-absent-header"},
    {"hash-wrong-body", "hash-absent-body"},
    {"tenant-leak", "spoof-leak", "canary-in-403"},
    {"proof-wrong", "counterexample-bogus"},
    {"lost-audit", "chain-tampered"},
)
"""Defects that take each other's place: planted together one hides the other, so they make no pair."""
_HIDING = {"deny-all", "capacity", "stall", "throttle", "health-late", "slow-tail"}
_PAIR_RUNS: tuple[tuple[str, int, Load], ...] = (
    ("enterprise", 1, "closed"),
    ("distributed", 4, "open"),
    ("smoke", 1, "open"),
    ("endurance", 4, "closed"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of the campaign."""

    truths: tuple[Truth, ...]
    test_type: str
    workers: int
    load: Load
    rare: bool = False

    @property
    def name(self) -> str:
        """What tells it from every other."""
        faults = "+".join(truth.name for truth in self.truths) or "none"
        return f"{faults}/{self.test_type}/{self.workers}w/{self.load}{'/rare' if self.rare else ''}"

    @property
    def faults(self) -> tuple[str, ...]:
        """As ``--fault`` takes them."""
        return tuple(truth.rare if self.rare else truth.fault for truth in self.truths if truth.fault)

    @property
    def onset_s(self) -> float:
        """Seconds of truthful answers at the beginning."""
        return 0.0 if self.rare else ONSET_S

    @property
    def flags(self) -> list[str]:
        """Of ``run_load_test.py``, without target and output."""
        load = f"--rate {RARE_RPS} --users 120 --duration {RARE_S:g}s"
        if not self.rare:
            load = _SCALED.get(self.test_type, _USUAL)[self.load]
            if self.load == "open":
                load += f" --users {_POOL_FOR_DELAYS if self.is_slow else _POOL}"
        texts = _ANY_THROUGHPUT + (_SHORT_LATENCY if self.is_slow else ())
        limits = [part for text in texts for part in ("--threshold", text)]
        return ["--test-type", self.test_type, "--workers", str(self.workers), *load.split(), *limits]

    @property
    def is_slow(self) -> bool:
        """Whether a defect shows as latency."""
        return any(truth.shows == "latency" for truth in self.truths)

    def sends(self, operations: frozenset[str]) -> bool:
        """Whether the type's mix holds one of these operations."""
        mix = PROFILES[self.test_type].mix or DEFAULT_MIX
        return any(mix.get(str(OPERATIONS[name].scenario)) for name in operations)


def matrix() -> Iterator[Cell]:
    """Every defect and none, in every type of test, with every load that the type knows."""
    for truth in (CLEAN, *TRUTHS):
        for test_type in PROFILES:
            for load in _SCALED.get(test_type, _USUAL):
                for workers in (4,) if test_type == "distributed" else (1, 4):
                    yield Cell((truth,) if truth is not CLEAN else (), test_type, workers, load)


def rare() -> Iterator[Cell]:
    """Each defect that has a ratio, in about one of a thousand requests: a minute at 500 requests a second."""
    for truth in TRUTHS:
        if truth.rare:
            yield Cell((truth,), "enterprise", 1, "open", rare=True)


def pairs(seed: int, count: int = PAIRS) -> list[Cell]:
    """Two defects at once, drawn by seed among those that do not hide each other."""
    names = [truth.name for truth in TRUTHS if truth.name not in _HIDING]
    apart = [pair for pair in combinations(names, 2) if not any(set(pair) <= same for same in _SAME_ANSWERS)]
    drawn = random.Random(seed).sample(apart, count)
    return [
        Cell(tuple(BY_NAME[name] for name in pair), *_PAIR_RUNS[number % len(_PAIR_RUNS)])
        for number, pair in enumerate(drawn)
    ]

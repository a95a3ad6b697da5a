"""The eight types of test as data: what each runs when nobody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from acgs_load.contract import DEFAULT_MIX
from acgs_load.plan import Node
from acgs_load.profile_nodes import DISTRIBUTED
from acgs_load.profile_stages import RAMP_HOLD, SPIKE, STAIRS, Shape

SPAWN_RATE = 10.0
"""Users a second, unless that is too slow for the run."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One type of test."""

    users: int
    duration_s: float
    shape: Shape = RAMP_HOLD
    spawn_rate: float = SPAWN_RATE
    mix: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MIX))
    nodes: tuple[Node, ...] = ()
    """Empty: this machine."""
    seeks_break: bool = False
    """Latency, throughput and error thresholds say where the target breaks, not whether the run passes."""
    search: bool = False
    """Open load whose rate depends on how the target bears it; ``users`` is the pool."""


PROFILES: Mapping[str, Profile] = {
    "smoke": Profile(20, 25.0, spawn_rate=4.0),
    "enterprise": Profile(1_000, 1_800.0),
    "distributed": Profile(4_000, 1_800.0, nodes=DISTRIBUTED),
    "spike": Profile(2_000, 300.0, SPIKE),
    "stress": Profile(3_000, 900.0, STAIRS, seeks_break=True),
    "constitutional": Profile(500, 600.0, mix={"constitutional": 40, "policy": 25, "formal": 35}),
    "endurance": Profile(800, 7_200.0),
    "capacity": Profile(1_000, 900.0, seeks_break=True, search=True),
}
"""By test type, after measures.md, "Test types"."""

"""Snapshots of runs that somebody made up, for tests of what shows them."""

from __future__ import annotations

import dataclasses
from typing import Any

from acgs_load.snapshot import Figures, Judged, Part, Process, Series, Snapshot, Standing, Target, Violations, Warned

FIGURES = Figures(1234, 54.3, 1.5, 5.2, 10.1, 0, 0.0, 0, 0, 1.0)
SCENARIOS = ("constitutional", "formal", "integrity", "policy", "tenant")


def standing(measure: str = "latency_p95_ms", state: str = "pass", margin: float | None = 0.99) -> Standing:
    """A threshold on ``measure`` of at most 2,000 ms."""
    value = None if state == "not_measured" else 2000 * (1 - (margin or 0.0))
    return Standing(f"{measure} <= 2000", measure, state, value, 2000.0, "<=", "ms", margin, True, False)


def snapshot(thresholds: tuple[Standing, ...] | None = None, regions: int = 1, **changes: Any) -> Snapshot:
    """Fourteen seconds into a smoke test in which all is well, unless ``changes`` say otherwise."""
    names = [f"region-{number}" for number in range(1, regions + 1)]
    series = Series(1, (1, 5, 20), (0.0, 30.0, 54.3), (None, 5.0, 5.2), (0, 0, 0), (0, 0, 0), (None, 1.0, 1.0))
    made = Snapshot(
        name="demo",
        test_type="smoke",
        target_url="http://127.0.0.1:8080",
        load="closed",
        elapsed_s=14.0,
        duration_s=25.0,
        phase="hold",
        state="running",
        users=20,
        users_wanted=20,
        users_max=20,
        rate_wanted=None,
        recent_s=10.0,
        recent=FIGURES,
        total=FIGURES,
        scenarios=tuple(Part(name, FIGURES, FIGURES) for name in SCENARIOS),
        regions=tuple(Part(name, FIGURES, FIGURES) for name in names),
        thresholds=tuple(standing(f"measure_{n}_ms") for n in range(19)) if thresholds is None else thresholds,
        violations=(),
        integrity=(Judged("hash_consistency", 1234, 0, 1.0),),
        isolation=tuple(Judged(name, 94, 0, 1.0) for name in names),
        chain=(Judged("chain_verify", 14, 0, 1.0),),
        processes=tuple(Process(f"worker-{n}", name, 20, 0.25, 3.2, 1 << 26, False) for n, name in enumerate(names)),
        target=Target("process tree", 0.021, 0.007, 0.02, 0.007),
        series=series,
        region_series=dict.fromkeys(names, series),
        warnings=(),
    )
    return dataclasses.replace(made, **changes)


BROKEN = {
    "total": dataclasses.replace(FIGURES, violations=57, errors=12, error_ratio=0.01, compliance=0.9475),
    "violations": (Violations("chain_broken", "audit_create", 57, 3.0),),
    "warnings": (Warned(3.0, "chain_broken in audit_create, first at 3 s"),),
}
"""A run in which something is wrong."""

"""After a spike: how long until the target behaves as before.

The clock starts when the load begins to fall. The target has recovered at the beginning of the first three 5-second
windows in a row in which the latency p95 is at most 1.2 × its value before the spike + 5 ms (so that a target of a few
milliseconds is not held to noise), and errors with throttled answers are at most 1 %, or their ratio before the spike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from acgs_load.analysis.reading.load import Run
from acgs_load.measures import Slice, measure
from acgs_load.plan import Plan, Stage
from acgs_load.timeline import Phase, Timeline

WINDOW_S = 5
WINDOWS = 3
FACTOR = 1.2
ALLOWANCE_MS = 5.0
ERRORS_ALLOWED = 0.01


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a target came back from a spike."""

    seconds: float | None
    """Since the load began to fall; None: it had not recovered when the run ended."""
    fall_s: float
    """When the load began to fall, in seconds since the start."""
    observed_s: float
    """How long the run went on from there."""
    latency_before_p95_ms: float
    latency_spike_p95_ms: float | None
    latency_limit_ms: float
    errors_before: float
    errors_spike: float | None
    errors_limit: float


def recovery(run: Run) -> Recovery | None:
    """How the run recovered; None unless it is a spike test that reached the fall and measured the time before."""
    names = _stages_of(run.plan)
    if names is None:
        return None
    reached = {phase.name: phase for phase in run.record.phases}
    before, fall = reached.get(names[0]), reached.get(names[2])
    if before is None or fall is None:
        return None
    calm, spike = _part(run.timeline, names[0]), _part(run.timeline, names[1])
    latency_before_ms = measure("latency_p95_ms", calm).value
    if latency_before_ms is None:
        return None
    errors_before = _refused(calm) or 0.0
    latency_limit_ms = FACTOR * latency_before_ms + ALLOWANCE_MS
    errors_limit = max(ERRORS_ALLOWED, errors_before)
    return Recovery(
        _recovered_after_s(run, fall, latency_limit_ms, errors_limit),
        fall.from_s,
        run.record.duration_s - fall.from_s,
        latency_before_ms,
        measure("latency_p95_ms", spike).value,
        latency_limit_ms,
        errors_before,
        _refused(spike),
        errors_limit,
    )


def _stages_of(plan: Plan) -> tuple[str, str, str] | None:
    """Names of the stages before the spike, at its top, and of the fall after it, read off the shape."""
    if plan.test_type != "spike":
        return None
    level = _rate_level if plan.load == "open" else _user_level
    falling = next((place for place, stage in enumerate(plan.stages) if level(stage)[1] < level(stage)[0]), 0)
    calm = next((stage for stage in plan.stages[:falling] if level(stage)[0] == level(stage)[1] > 0), None)
    if calm is None:
        return None
    return calm.name, plan.stages[falling - 1].name, plan.stages[falling].name


def _user_level(stage: Stage) -> tuple[float, float]:
    return stage.users_from, stage.users_to


def _rate_level(stage: Stage) -> tuple[float, float]:
    return stage.rate_from or 0.0, stage.rate_to or 0.0


def _part(timeline: Timeline, phase: str) -> Slice:
    return timeline.slice(phases=frozenset({phase}))


def _refused(part: Slice) -> float | None:
    errors, throttled = measure("error_ratio", part).value, measure("throttled_ratio", part).value
    return None if errors is None or throttled is None else errors + throttled


def _recovered_after_s(run: Run, fall: Phase, latency_limit_ms: float, errors_limit: float) -> float | None:
    begin = math.floor(run.record.started_s + fall.from_s)
    good = 0
    for place in range(math.floor((run.record.ended_s - begin) / WINDOW_S)):
        at = begin + place * WINDOW_S
        part = run.timeline.slice(from_second=at, to_second=at + WINDOW_S)
        latency_ms, refused = measure("latency_p95_ms", part).value, _refused(part)
        calm = latency_ms is not None and latency_ms <= latency_limit_ms and refused is not None
        good = good + 1 if calm and refused is not None and refused <= errors_limit else 0
        if good == WINDOWS:
            return float((place - WINDOWS + 1) * WINDOW_S)
    return None

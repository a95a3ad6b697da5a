"""Timelines whose truth is known: second by second, so many answers of such a kind."""

from __future__ import annotations

from collections.abc import Iterable

from acgs_load.contract import OPERATIONS, Outcome, Violation
from acgs_load.samples import Sample, Window, WindowKey
from acgs_load.timeline import Phase, Timeline

START_S = 1_700_000_000.0
HOLD = (Phase("ramp", 0.0, 10.0, False), Phase("hold", 10.0, 60.0, True))


def window(
    count: int = 1,
    *,
    operation: str = "policy_get",
    latency_ms: float = 10.0,
    waited_ms: float = 0.0,
    outcome: Outcome = Outcome.OK,
    violations: tuple[Violation, ...] = (),
    status: int | None = None,
    score: float | None = 1.0,
    done_s: Iterable[float] = (START_S + 0.5,),
    **more: object,
) -> Window:
    """A window of ``count`` equal samples, done at ``done_s`` in turn."""
    if violations:
        outcome = Outcome.FAILED_CHECK
    if status is None:
        silent = {Outcome.TIMEOUT, Outcome.CONNECTION_ERROR, Outcome.BAD_RESPONSE}
        status = {Outcome.THROTTLED: 429, Outcome.HTTP_ERROR: 500}.get(outcome, 0 if outcome in silent else 200)
    more.setdefault("signature_checked", operation == "audit_create" and 200 <= status < 300)
    result, moments = Window(), list(done_s)
    for number in range(count):
        sample = Sample(
            operation,
            str(OPERATIONS[operation].scenario or ""),
            due_s=100.0 - waited_ms / 1e3,
            sent_s=100.0,
            done_s=100.0 + latency_ms / 1e3,
            outcome=outcome,
            violations=violations,
            status=status,
            score=score if 200 <= status < 300 else None,
            **more,  # type: ignore[arg-type]
        )
        result.add(sample, moments[number % len(moments)])
    return result


def put(
    timeline: Timeline, second: int, count: int = 1, *, phase: str = "hold", region: str = "local", **more: object
) -> None:
    """Add ``count`` samples that were done within ``second`` (since the start)."""
    operation = str(more.get("operation", "policy_get"))
    key = WindowKey(
        int(timeline.started_epoch_s) + second, region, str(OPERATIONS[operation].scenario or ""), operation, phase
    )
    more.setdefault("done_s", (key.second + 0.5,))
    timeline.add(key, window(count, **more))  # type: ignore[arg-type]


def steady(seconds: Iterable[int], count: int = 10, started_s: float = START_S, **more: object) -> Timeline:
    """A ramp of 10 s and a hold of 50 s, with ``count`` equal answers in each of ``seconds``."""
    timeline = Timeline(started_s, HOLD)
    for second in seconds:
        put(timeline, second, count, phase="ramp" if second < 10 else "hold", **more)
    return timeline

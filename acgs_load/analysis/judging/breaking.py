"""Where the target broke: the last step that held and the first that did not, with what each of them measured.

``stress`` climbs stairs of users; each step is judged by the run's own thresholds on latency, throughput, errors and
throttling. A throughput threshold speaks of all users of the plan, so a step owes its share of it. ``capacity`` steers
the rate itself and has judged its steps live; here its record is put beside what the windows say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from acgs_load.analysis.judging.judged import Judged, holds
from acgs_load.analysis.judging.knee import Knee, knee_of
from acgs_load.analysis.reading.load import Run
from acgs_load.analysis.reading.record import SearchStep
from acgs_load.analysis.wording import labels_text, value_text
from acgs_load.measures import EXACT_ONE, MEASURES, Slice, measure
from acgs_load.plan import Plan
from acgs_load.timeline import Phase

BREAKING_TYPES = frozenset({"stress", "capacity"})
INTEGRITY = frozenset({*EXACT_ONE, "compliance_score"})
"""What fails a run that looks for its breaking point; everything else says where it broke."""


@dataclass(frozen=True, slots=True)
class Step:
    """One level of load and what the target made of it."""

    name: str
    users: int | None
    """None in a search, which steers the rate."""
    rate: float | None
    from_s: float
    to_s: float
    throughput_rps: float | None
    latency_p95_ms: float | None
    error_ratio: float | None
    broke: tuple[str, ...]
    """The thresholds that did not hold, each with its value; empty: the step held."""


@dataclass(frozen=True, slots=True)
class BreakingPoint:
    """The highest load that held, and the lowest that did not."""

    good: Step | None
    broke: Step | None
    """None: it never broke, so the breaking point lies above what was offered."""
    capacity_rps: float | None
    """Requests a second that held."""
    steps: tuple[Step, ...]
    limit: str | None = None
    """What it means that a step held, in a few words: ``p95 ≤ 2,000 ms``."""
    knee: Knee | None = None
    """Where throughput stops following the load; None where it still did, or the steps are too few."""


def breaking_point(run: Run, judged: Sequence[Judged]) -> BreakingPoint | None:
    """Where the run broke; None for tests that do not look for it."""
    if run.plan.test_type == "capacity" or run.plan.load == "search":
        point = _searched(run)
    else:
        point = _stairs(run, judged) if run.plan.test_type == "stress" else None
    return None if point is None else replace(point, limit=_limit(judged), knee=knee_of(_points(point.steps)))


def _limit(judged: Sequence[Judged]) -> str | None:
    """The first limit on the latency of everything: what a person asks first when a target is said to hold."""
    for row in judged:
        if row.measure.startswith("latency_") and not row.labels and row.during is None and row.limit is not None:
            name = row.measure.removeprefix("latency_").removesuffix("_ms").replace("_", ".")
            return f"{name} {row.comparison.replace('<=', '≤')} {value_text(row.limit, row.unit)}"
    return None


def _points(steps: Sequence[Step]) -> list[tuple[float, float]]:
    """Load and throughput of each step."""
    known = ((step.rate if step.users is None else step.users, step.throughput_rps) for step in steps)
    return [(float(load), rps) for load, rps in known if load is not None and rps is not None]


def _stairs(run: Run, judged: Sequence[Judged]) -> BreakingPoint:
    held = [phase for phase in run.record.phases if phase.hold and phase.to_s > phase.from_s]
    return _between([_step(run, phase, judged) for phase in held])


def _step(run: Run, phase: Phase, judged: Sequence[Judged]) -> Step:
    names = frozenset({phase.name})
    broke = []
    for row in judged:
        limit = _owed(run.plan, row, phase.name)
        if limit is None:
            continue
        value = measure(row.measure, run.timeline.slice(row.labels, names)).value
        if value is None or not holds(value, row.comparison, limit):
            subject = f"{row.measure}{labels_text(row.labels)} {row.comparison} {limit:g}"
            broke.append(f"{subject}: {value_text(value, row.unit)}")
    stage = next((stage for stage in run.plan.stages if stage.name == phase.name), None)
    users, rate = (stage.users_to, stage.rate_to) if stage else (None, None)
    part = run.timeline.slice(phases=names)
    return _measured(phase.name, users, rate, phase.from_s, phase.to_s, part, tuple(broke))


def _owed(plan: Plan, row: Judged, step: str) -> float | None:
    """What a step owes of a threshold; None: nothing. Of a throughput, its share of the level that was meant."""
    if row.limit is None or row.measure in INTEGRITY or MEASURES[row.measure].read is None:
        return None
    if not row.measure.startswith("throughput"):
        return row.limit if row.during in (None, step) else None
    meant = _level(plan, row.during) if row.during else plan.rate or float(plan.users_max)
    level = _level(plan, step)
    return row.limit * level / meant if level and meant else row.limit


def _level(plan: Plan, name: str) -> float | None:
    """Rate or users at the end of a stage; None for a stage that the plan does not have."""
    stage = next((stage for stage in plan.stages if stage.name == name), None)
    if stage is None:
        return None
    return stage.rate_to if plan.load == "open" else float(stage.users_to)


def _searched(run: Run) -> BreakingPoint | None:
    search = run.record.search
    if search is None:
        return None
    steps = sorted((_search_step(run, step) for step in search.steps), key=lambda step: (step.rate or 0, step.from_s))
    point = _between(steps)
    capacity_rps = search.held_rps if search.held_rps is not None else point.capacity_rps
    return BreakingPoint(point.good, point.broke, capacity_rps, tuple(sorted(steps, key=lambda step: step.from_s)))


def _search_step(run: Run, step: SearchStep) -> Step:
    begin = round(run.record.started_s + step.from_s)
    part = run.timeline.slice(from_second=begin, to_second=max(begin + 1, round(run.record.started_s + step.to_s)))
    broke = step.broke or (() if step.held else ("thresholds did not hold",))
    return _measured(f"{step.rate:g} RPS", None, step.rate, step.from_s, step.to_s, part, broke)


def _measured(
    name: str,
    users: int | None,
    rate: float | None,
    from_s: float,
    to_s: float,
    part: Slice,
    broke: tuple[str, ...],
) -> Step:
    return Step(
        name,
        users,
        rate,
        from_s,
        to_s,
        measure("throughput_rps", part).value,
        measure("latency_p95_ms", part).value,
        measure("error_ratio", part).value,
        broke,
    )


def _between(ascending: Sequence[Step]) -> BreakingPoint:
    """The last good step below the first bad one: a step that holds after one that broke proves nothing."""
    first_bad = next((place for place, step in enumerate(ascending) if step.broke), len(ascending))
    good = ascending[first_bad - 1] if first_bad else None
    broke = ascending[first_bad] if first_bad < len(ascending) else None
    return BreakingPoint(good, broke, good.throughput_rps if good else None, tuple(ascending))

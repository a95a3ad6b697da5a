"""The run cut by operation, scenario, region and phase: counts, latencies and every measure of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from acgs_load.contract import OPERATIONS, Outcome, Violation
from acgs_load.histogram import Histogram
from acgs_load.measures import MEASURES, Slice
from acgs_load.timeline import Timeline

QUANTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution in milliseconds, each None where nothing was counted."""

    percentiles_ms: Mapping[str, float | None]
    avg_ms: float | None
    max_ms: float | None
    samples: int


@dataclass(frozen=True, slots=True)
class Group:
    """One part of a run. Counts are of the whole run (or phase), latencies of its hold phases, as the thresholds'."""

    name: str
    scenario: str
    """The scenario of an operation; empty for every other part, and for ``auth_*``."""
    requests: int
    resent: int
    skipped: int
    outcomes: Mapping[str, int]
    violations: Mapping[str, int]
    latency: Latency
    """From due in open load; from send in closed load."""
    service: Latency
    """From send."""
    measures: Mapping[str, float | None]
    from_s: float = 0.0
    """Of a phase: seconds since the start."""
    to_s: float = 0.0
    hold: bool = False

    @property
    def errors(self) -> int:
        """Requests that ended in an error (throttled ones stand apart)."""
        return sum(
            count
            for outcome, count in self.outcomes.items()
            if outcome not in (Outcome.OK, Outcome.FAILED_CHECK, Outcome.THROTTLED)
        )


@dataclass(frozen=True, slots=True)
class Share:
    """One scenario's part of the requests: planned by the mix, and actual (``auth_*`` left out)."""

    group: Group
    planned: float
    actual: float | None


def latency_of(histogram: Histogram) -> Latency:
    """The distribution that a histogram holds."""
    values_us = histogram.percentiles_us(list(QUANTILES.values()))
    mean_us = histogram.mean_us
    return Latency(
        {name: None if value is None else value / 1e3 for name, value in zip(QUANTILES, values_us, strict=True)},
        None if mean_us is None else mean_us / 1e3,
        histogram.max_us / 1e3 if histogram.total else None,
        histogram.total,
    )


def group_of(name: str, whole: Slice, held: Slice, scenario: str = "") -> Group:
    """A part of a run from its windows over the whole run and over the hold phases."""
    everything, timed = whole.everything, held.traffic
    return Group(
        name,
        scenario,
        everything.samples,
        everything.resent,
        everything.skipped,
        _in_order(everything.outcomes, Outcome),
        _in_order(everything.violations, Violation),
        latency_of(timed.latency),
        latency_of(timed.service),
        {
            measure: kind.read(held if kind.scope == "hold" else whole)[0]
            for measure, kind in MEASURES.items()
            if kind.read is not None and kind.labelled
        },
    )


def _in_order(counts: Mapping[str, int], words: type[Outcome] | type[Violation]) -> dict[str, int]:
    """Counts in the contract's order; words of a newer writer stay, at the end."""
    known = [str(word) for word in words]
    return {name: counts[name] for name in [*known, *sorted(set(counts) - set(known))] if counts.get(name)}


def _part(timeline: Timeline, labels: Mapping[str, str], name: str, scenario: str = "") -> Group:
    return group_of(name, timeline.slice(labels), timeline.slice(labels, timeline.hold_names), scenario)


def operations(timeline: Timeline) -> list[Group]:
    """A group an operation, in the contract's order."""
    order = {name: place for place, name in enumerate(OPERATIONS)}
    scenario_of = {key.operation: key.scenario for key in timeline.parts()}
    names = sorted(scenario_of, key=lambda name: (order.get(name, len(order)), name))
    return [_part(timeline, {"operation": name}, name, scenario_of[name]) for name in names]


def regions(timeline: Timeline) -> list[Group]:
    """A group a region, by name."""
    return [_part(timeline, {"region": name}, name) for name in timeline.values("region")]


def scenarios(timeline: Timeline, mix: Mapping[str, float]) -> list[Share]:
    """Each scenario of the mix or the run, with its planned and its actual share of the requests."""
    present = set(timeline.values("scenario")) - {""}
    names = [name for name in mix if mix[name] or name in present] + sorted(present - set(mix))
    parts = [_part(timeline, {"scenario": name}, name) for name in names]
    sent, weights = sum(part.requests for part in parts), sum(mix.values())
    return [
        Share(part, mix.get(part.name, 0) / weights if weights else 0.0, part.requests / sent if sent else None)
        for part in parts
    ]


def phases(timeline: Timeline) -> list[Group]:
    """A group a phase, in the order they were reached; its latencies are its own."""
    result = []
    for phase in timeline.phases:
        part = timeline.slice(phases=frozenset({phase.name}))
        group = group_of(phase.name, part, part)
        result.append(replace(group, from_s=phase.from_s, to_s=phase.to_s, hold=phase.hold))
    return result

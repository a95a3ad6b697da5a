"""Do two runs speak of the same thing? What differs between them is said before any of their figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acgs_load.analysis.judging.machines import added_by_generators, added_ms
from acgs_load.analysis.reading.load import Run
from acgs_load.analysis.wording import value_text

ALIKE = (
    "test_type",
    "load",
    "users_max",
    "rate",
    "arrivals",
    "mix",
    "think_time_min_s",
    "think_time_max_s",
    "timeout_s",
    "transport",
    "seed",
    "duration_s",
    "workers",
)
"""What two plans must share for their figures to speak of the same load."""
MEMORY_STEP_BYTES = 1 << 29
"""Machines of one size differ by less in the memory that they report."""

ADDED_AT = {"p50": 0.5, "p99": 0.99}
ADDED_FACTOR = 1.5


def differences(run: Run, before: Run) -> tuple[str, ...]:
    """Target, load, machine and version where they differ, each as ``what: … then, … now``."""
    return tuple(f"{name}: {then} then, {now} now" for name, then, now in _pairs(run, before) if then != now)


def _pairs(run: Run, before: Run) -> Iterator[tuple[str, str, str]]:
    yield "target", _target(before), _target(run)
    for name in ALIKE:
        yield name, _said(getattr(before.plan, name)), _said(getattr(run.plan, name))
    old, new = before.record, run.record
    yield "regions", _regions(before), _regions(run)
    yield "cpus", _said(old.machine.get("cpus")), _said(new.machine.get("cpus"))
    yield "memory", _memory(old.machine), _memory(new.machine)
    yield "suite", _said(old.versions.get("suite")), _said(new.versions.get("suite"))
    yield from _generators(before, run)


def _generators(before: Run, run: Run) -> Iterator[tuple[str, str, str]]:
    """What the generators themselves added to latencies, where it changed so much that ratios may be theirs."""
    histograms = added_by_generators(before), added_by_generators(run)
    for name, quantile in ADDED_AT.items():
        then, now = (added_ms(histogram, quantile) for histogram in histograms)
        if then and now and not 1 / ADDED_FACTOR <= now / then <= ADDED_FACTOR:
            yield f"latency that the generators added, {name}", value_text(then, "ms"), value_text(now, "ms")


def _target(run: Run) -> str:
    """The embedded gateway's port is any free one and says nothing."""
    return "the embedded gateway" if run.plan.embedded else run.plan.target


def _regions(run: Run) -> str:
    return ", ".join(sorted({node.region for node in run.plan.nodes}))


def _memory(machine: Mapping[str, Any]) -> str:
    size = machine.get("memory_bytes")
    if not isinstance(size, int | float):
        return _said(None)
    return value_text(round(size / MEMORY_STEP_BYTES) * MEMORY_STEP_BYTES, "bytes")


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item:g}" for name, item in value.items())
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

"""Do two runs speak of the same thing? What differs between them is said before any of their figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acgs_load.analysis.load import Run
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

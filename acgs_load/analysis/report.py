"""The report as one frozen value. Renderers turn it into bytes; nothing is computed after this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from acgs_load.analysis.comparing.baseline import Comparison
from acgs_load.analysis.drawing.closeups import CloseUp
from acgs_load.analysis.drawing.panels import Panel
from acgs_load.analysis.groups import Group, Latency, Share
from acgs_load.analysis.judging.breaking import BreakingPoint
from acgs_load.analysis.judging.drift import Drift
from acgs_load.analysis.judging.judged import Judged
from acgs_load.analysis.judging.machines import Load, Process
from acgs_load.analysis.judging.recovery import Recovery
from acgs_load.analysis.troubles import Trouble
from acgs_load.errors import ExitCode
from acgs_load.measures import Measure

SCHEMA_VERSION = "1.1"
Status = Literal["PASS", "FAIL", "INVALID"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run comes to."""

    status: Status
    exit_code: ExitCode
    interrupted: bool
    reasons: tuple[str, ...]
    """Why it is not a plain pass; each says what to do."""
    findings: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was run."""

    name: str
    test_type: str
    target: str
    started_s: float | None
    """Epoch seconds; None where the input does not tell."""
    duration_s: float | None
    seed: int | None
    load: str
    """``closed``, ``open``, ``search`` or ``unknown``."""
    users_max: int | None
    rate: float | None
    ended_by: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is said about a run."""

    facts: Facts
    verdict: Verdict
    measures: Mapping[str, Measure]
    service: Latency
    """From send, over the hold phases; beside ``measures``, which open load counts from due."""
    operations: tuple[Group, ...] = ()
    scenarios: tuple[Share, ...] = ()
    regions: tuple[Group, ...] = ()
    phases: tuple[Group, ...] = ()
    violations: tuple[Trouble, ...] = ()
    errors: tuple[Trouble, ...] = ()
    target: Load | None = None
    generators: tuple[Process, ...] = ()
    added_p50_ms: float | None = None
    """What the generators themselves add to a latency at the median; at p99 it is a measure."""
    breaking_point: BreakingPoint | None = None
    comparison: Comparison | None = None
    recovery: Recovery | None = None
    drift: tuple[Drift, ...] = ()
    panels: tuple[Panel, ...] = ()
    closeups: tuple[CloseUp, ...] = ()
    """All requests first; empty where the input has no windows."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """The resolved plan as JSON spells it; empty where the input has none."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Versions and machine."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """How to read the figures: closed load, what is missing, what was left out."""
    written: str | None = None
    """The file that a person opens next; None while none was written."""

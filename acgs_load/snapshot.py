"""How a run stands at one moment: what the terminal shows, what the web UI shows, and nothing that is counted twice.

The master makes one a second from settled windows and writes it to ``progress.json``; everybody else only reads.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

SNAPSHOT_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Figures:
    """The measures of some stretch of some part of a run; None where nothing tells."""

    requests: int
    rps: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    errors: int
    error_ratio: float | None
    throttled: int
    violations: int
    compliance: float | None


@dataclass(frozen=True, slots=True)
class Part:
    """A scenario or a region: the last seconds, and all of the run so far."""

    name: str
    recent: Figures
    total: Figures


@dataclass(frozen=True, slots=True)
class Standing:
    """A threshold and how it stands."""

    expression: str
    measure: str
    state: str
    """``pass``, ``fail`` or ``not_measured``."""
    value: float | None
    limit: float | None
    comparison: str
    unit: str
    margin: float | None
    required: bool
    breaking: bool


@dataclass(frozen=True, slots=True)
class Violations:
    """How often something was wrong, and where."""

    kind: str
    operation: str
    count: int
    first_s: float
    """Seconds since the start."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers that could have shown a fault, and those that did."""

    name: str
    judged: int
    wrong: int
    integrity: float | None


@dataclass(frozen=True, slots=True)
class Process:
    """A load generator process in its latest second."""

    name: str
    region: str
    users: int
    cpu: float
    """Of one core, 0–1."""
    loop_lag_ms: float
    memory_bytes: int
    gone: bool


@dataclass(frozen=True, slots=True)
class Target:
    """The target's machine: the latest second, and the mean over the phases that hold; 0–1."""

    source: str
    cpu: float | None
    memory: float | None
    cpu_mean: float | None
    memory_mean: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """The run so far in stretches of equal width; None where nothing was measured."""

    width_s: int
    users: tuple[int | None, ...]
    rps: tuple[float | None, ...]
    p95_ms: tuple[float | None, ...]
    errors: tuple[int | None, ...]
    violations: tuple[int | None, ...]
    compliance: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the person in front of it should know, said once."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it."""

    name: str
    test_type: str
    target_url: str
    load: str
    elapsed_s: float
    duration_s: float
    phase: str
    state: str
    """``running``, ``ending`` or ``ended``."""
    users: int
    users_wanted: int
    users_max: int
    rate_wanted: float | None
    """Requests a second; None in closed load."""
    recent_s: float
    """How many seconds ``recent`` speaks of."""
    recent: Figures
    total: Figures
    scenarios: tuple[Part, ...]
    regions: tuple[Part, ...]
    thresholds: tuple[Standing, ...]
    violations: tuple[Violations, ...]
    integrity: tuple[Judged, ...]
    """By measure: hash consistency, isolation, chain, proofs …"""
    isolation: tuple[Judged, ...]
    """By region: cross-tenant attempts."""
    chain: tuple[Judged, ...]
    """By operation of the audit chain."""
    processes: tuple[Process, ...]
    target: Target | None
    series: Series
    region_series: dict[str, Series]
    warnings: tuple[Warned, ...]
    schema: int = SNAPSHOT_SCHEMA

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Snapshot:
        """The snapshot that ``to_json`` spelled. Raises ValueError, KeyError or TypeError on anything else."""
        raw: dict[str, Any] = json.loads(text)
        if raw["schema"] != SNAPSHOT_SCHEMA:
            raise ValueError(f"snapshot: schema {raw['schema']!r} is not {SNAPSHOT_SCHEMA}")
        for name in ("recent", "total"):
            raw[name] = Figures(**raw[name])
        for name in ("scenarios", "regions"):
            raw[name] = tuple(_part(row) for row in raw[name])
        for name, kind in _ROWS.items():
            raw[name] = tuple(kind(**row) for row in raw[name])
        raw["target"] = Target(**raw["target"]) if raw["target"] else None
        raw["series"] = _series(raw["series"])
        raw["region_series"] = {region: _series(row) for region, row in raw["region_series"].items()}
        return cls(**raw)


_ROWS: dict[str, type[Any]] = {
    "thresholds": Standing,
    "violations": Violations,
    "integrity": Judged,
    "isolation": Judged,
    "chain": Judged,
    "processes": Process,
    "warnings": Warned,
}


def _part(raw: dict[str, Any]) -> Part:
    return Part(raw["name"], Figures(**raw["recent"]), Figures(**raw["total"]))


def _series(raw: dict[str, Any]) -> Series:
    width_s = raw.pop("width_s")
    return Series(width_s, **{name: tuple(values) for name, values in raw.items()})

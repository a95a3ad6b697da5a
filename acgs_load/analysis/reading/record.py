"""How a run went, as its master wrote it last (``run.json``): phases, workers, arrivals, users, search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from acgs_load.timeline import Phase

RUN_SCHEMA = 1


class Worker(NamedTuple):
    """One Locust worker process, by its index, and what became of its samples."""

    number: int
    region: str
    host: str
    samples_sent: int | None
    samples_received: int | None
    lost: bool
    gaps: tuple[tuple[float, float], ...] = ()
    """From when to when, in seconds since the start, nobody played its part."""
    salvaged: int | None = None
    """Samples that its spool added to what had arrived; None where no spool was merged."""
    samples_per_s_max: int = 0
    log: str = ""
    """Its file in ``logs/``; the processes connect in any order, so the numbers there are others."""

    @property
    def where(self) -> str:
        """How a sentence names it."""
        return f"{self.number} ({self.region}{f', {self.log}' if self.log else ''})"

    @property
    def missing(self) -> int | None:
        """Samples that it counted and that are nowhere."""
        if self.samples_sent is None or self.samples_received is None:
            return None
        return max(0, self.samples_sent - self.samples_received)

    @property
    def made_good(self) -> bool:
        """Whether its spool brought back all but, at most, what it recorded in a second."""
        return self.salvaged is not None and (self.missing or 0) <= max(1, self.samples_per_s_max)


class Arrivals(NamedTuple):
    """Open load: what was due and what became of it."""

    scheduled: int
    sent: int
    unsent: int
    waited: int
    late_max_ms: float | None
    missed: int = 0
    """Of those unsent: the parts of lost workers, until others had taken them over."""


class UsersReached(NamedTuple):
    """Users at the end of the ramp."""

    wanted: int
    reached: int
    without_token: int | None
    """None: the end of the ramp was never reached."""


class SearchStep(NamedTuple):
    """One rate that ``capacity`` tried."""

    rate: float
    from_s: float
    to_s: float
    held: bool
    broke: tuple[str, ...]
    throughput_rps: float | None


class SearchResult(NamedTuple):
    """What ``capacity`` found."""

    steps: tuple[SearchStep, ...]
    held_rps: float | None
    broke_rps: float | None


class LoadChange(NamedTuple):
    """A change of the load that somebody asked for while the run went on; a phase of its own from then on."""

    phase: str
    what: str
    """``users`` or ``rate``."""
    at_s: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """``run.json``, or what can be said in its place when the run was cut short."""

    started_s: float
    """Epoch seconds."""
    ended_s: float
    complete: bool
    """False: there was no ``run.json``; phases and end are taken from the windows."""
    interrupted: bool = False
    ended_by: str = "unknown"
    abort: tuple[str, float] | None = None
    """The threshold that ended the run, and when."""
    phases: tuple[Phase, ...] = ()
    workers: tuple[Worker, ...] = ()
    workers_lost: int | None = None
    workers_least: int = 0
    """With fewer the run would have ended."""
    samples_lost: int | None = None
    user_errors: int = 0
    errors: tuple[str, ...] = ()
    """What went wrong in the generators, in words."""
    clock_skew_ms: float | None = None
    arrivals: Arrivals | None = None
    users: UsersReached | None = None
    search: SearchResult | None = None
    changes: tuple[LoadChange, ...] = ()
    versions: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """From the first user to the end of the load."""
        return max(0.0, self.ended_s - self.started_s)


def record_from(raw: Mapping[str, Any]) -> RunRecord:
    """The record in a parsed ``run.json``. Raises KeyError, TypeError or ValueError for anything else."""
    if raw["schema"] != RUN_SCHEMA:
        raise ValueError(f"schema {raw['schema']!r} is not {RUN_SCHEMA}")
    abort, arrivals, users = raw.get("abort"), raw.get("arrivals"), raw.get("users")
    return RunRecord(
        started_s=float(raw["started_s"]),
        ended_s=float(raw["ended_s"]),
        complete=True,
        interrupted=bool(raw["interrupted"]),
        ended_by=str(raw["ended_by"]),
        abort=(str(abort["expression"]), float(abort["at_s"])) if abort else None,
        phases=tuple(_phase(row) for row in raw["phases"]),
        workers=tuple(_worker(row) for row in raw.get("workers", ())),
        workers_lost=int(raw["workers_lost"]),
        workers_least=int(raw.get("workers_least") or 0),
        samples_lost=int(raw["samples_lost"]),
        user_errors=int(raw.get("user_errors") or 0),
        errors=tuple(str(text) for text in raw.get("errors") or ()),
        clock_skew_ms=_number(raw.get("clock_skew_ms")),
        arrivals=_arrivals(arrivals) if arrivals else None,
        users=_users(users) if users else None,
        search=_search(raw["search"]) if raw.get("search") else None,
        changes=tuple(_change(row) for row in raw.get("changes") or ()),
        versions=dict(raw.get("versions") or {}),
        machine=_machine(raw.get("machine") or {}),
    )


def _machine(row: Mapping[str, Any]) -> dict[str, Any]:
    """Only shown, but for the memory, which is reckoned with."""
    memory_bytes = _number(row.get("memory_bytes"))
    if memory_bytes is None:
        return dict(row)
    if not math.isfinite(memory_bytes):
        raise ValueError(f"memory_bytes {memory_bytes} is no size")
    return dict(row) | {"memory_bytes": memory_bytes}


def _change(raw: Mapping[str, Any]) -> LoadChange:
    return LoadChange(str(raw["phase"]), str(raw["what"]), float(raw["at_s"]), float(raw["from"]), float(raw["to"]))


def _phase(row: Mapping[str, Any]) -> Phase:
    return Phase(str(row["name"]), float(row["from_s"]), float(row["to_s"]), bool(row["hold"]))


def _worker(row: Mapping[str, Any]) -> Worker:
    sent, received = _number(row.get("samples_sent")), _number(row.get("samples_received"))
    salvaged = _number(row.get("salvaged"))
    return Worker(
        int(row["index"]),
        str(row.get("region", "")),
        str(row.get("host", "")),
        None if sent is None else int(sent),
        None if received is None else int(received),
        bool(row.get("lost", False)),
        tuple((float(begin), float(end)) for begin, end in row.get("gaps") or ()),
        None if salvaged is None else int(salvaged),
        int(row.get("samples_per_s_max") or 0),
        str(row.get("log") or ""),
    )


def _arrivals(row: Mapping[str, Any]) -> Arrivals:
    return Arrivals(
        int(row["scheduled"]),
        int(row["sent"]),
        int(row["unsent"]),
        int(row.get("waited", 0)),
        _number(row.get("late_max_ms")),
        int(row.get("missed", 0)),
    )


def _users(row: Mapping[str, Any]) -> UsersReached:
    missing = _number(row.get("without_token"))
    return UsersReached(int(row["wanted"]), int(row["reached"]), None if missing is None else int(missing))


def _search(raw: Mapping[str, Any]) -> SearchResult:
    steps = tuple(
        SearchStep(
            float(row["rate"]),
            float(row["from_s"]),
            float(row["to_s"]),
            bool(row["held"]),
            tuple(str(text) for text in row.get("broke") or ()),
            _number(row.get("throughput_rps")),
        )
        for row in raw["steps"]
    )
    return SearchResult(steps, _number(raw.get("held_rps")), _number(raw.get("broke_rps")))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)

"""One run as the master sees it, from the first spawn to ``run.json``."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
from gevent.event import Event

from acgs_load.health import HealthRow
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder
from acgs_load.samples import Window, WindowKey
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.engine.locust_feed import LocustFeed
from acgs_load.traffic.master.crew import Crew, Member
from acgs_load.traffic.master.telemetry import SETTLING_S, Telemetry
from acgs_load.traffic.passport import versions
from acgs_load.traffic.phases import AFTER, PhaseBook, ramp_end_s
from acgs_load.traffic.worker.rate_curve import RateCurve

WITHOUT_TOKEN_AFTER_S = 2.0
"""Users spawned at the very end of the ramp get this long to log in before they count as without token."""
ERRORS_MAX = 100


@dataclass(slots=True)
class Course:
    """What is going on in one run."""

    plan: Plan
    folder: RunFolder
    clock: Clock
    crew: Crew
    telemetry: Telemetry
    started_s: float
    """Epoch second of the start."""
    phases: PhaseBook
    wake: Event = field(default_factory=Event)
    """Set when something happened that the conductor should look at."""
    under_way: bool = False
    """Everybody was told to start."""
    ended_by: str | None = None
    ended_s: float | None = None
    interrupted: bool = False
    hurry: bool = False
    abort: dict[str, Any] | None = None
    search: dict[str, Any] | None = None
    rates_told: list[dict[str, Any]] = field(default_factory=list)
    """What workers were told about rates and phases that the plan does not say; a late one has to catch up."""
    rate_now: float | None = None
    """The rate that somebody asked for while the run goes on; None as long as the plan's holds."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """Changes of the load that somebody asked for while the run went on."""
    workers_least: int = 0
    """With fewer workers than this the run ends."""
    users_wanted: int = 0
    """The most users that anybody asked for beside the plan."""
    health: dict[str, HealthRow] = field(default_factory=dict)
    """The latest row of each process that watches itself."""
    settled_second: int = 0
    """Epoch second before which everything was written, and shown to the listeners."""
    users_now: int = 0
    users_reached: int = 0
    without_token: int | None = None
    errors: list[str] = field(default_factory=list)
    closed: bool = False
    """Everything is written; what still comes is too late."""
    greenlets: list[Any] = field(default_factory=list)
    """What runs beside the conductor as long as the load lasts."""
    listeners: list[Callable[[WindowKey, Window], None]] = field(default_factory=list)
    """Who sees every window once it has settled."""
    arriving: list[Callable[[WindowKey, Window], None]] = field(default_factory=list)
    """Who sees every window as it arrives; it is merged with others afterwards, so nobody may keep it."""
    locust: LocustFeed | None = None
    """Locust's own statistics, which are told what has settled."""
    _labels: dict[tuple[str, str], int] = field(default_factory=dict)
    """How often (operation, label) went wrong since Locust was told last."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self.clock.now_s() - self.started_s

    def end(self, reason: str) -> None:
        """The load shall end; the first reason counts."""
        if self.ended_by is None:
            self.ended_by = reason
            self.interrupted = reason == "interrupt"
        self.wake.set()

    def take_report(self, member: Member, report: dict[str, Any]) -> None:
        """Merge what a worker reported."""
        if member.final or self.closed:
            return
        first, last = report.pop("slips", (1, 0))
        if not member.accept(first, last):
            return
        member.heard_s = max(member.heard_s, self.elapsed_s)
        member.received += self.telemetry.windows(report.pop("windows"), self.arriving)
        for operation, label, count in report.pop("labels", ()):
            self._labels[operation, label] = self._labels.get((operation, label), 0) + count
        self.telemetry.examples(report.pop("examples"))
        self.take_health(report.pop("health"))
        for error in report.pop("errors"):
            self.note(f"{error} [worker {member.index}]")
        member.told = report

    def take_health(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write what a process says of itself, and remember the latest."""
        known = [HealthRow(*row) for row in rows]
        self.telemetry.health(known)
        self.health |= {row.process: row for row in known}

    def note(self, error: str) -> None:
        """Keep the text of something that went wrong in the generators; the first hundred tell enough."""
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(error)

    def settle(self, everything: bool = False) -> None:
        """Write what is old enough, and show it to the listeners."""
        self.closed = everything
        now_s = self.clock.now_s()
        batch = self.telemetry.close() if everything else self.telemetry.settle(now_s)
        self.settled_second = int(now_s) + 1 if everything else int(now_s) - SETTLING_S
        if self.locust is not None:
            labels, self._labels = self._labels, {}
            self.locust.feed(batch, labels)
        for key, window in batch:
            for listener in self.listeners:
                listener(key, window)

    def count_users(self, users: int) -> None:
        """Note how many users there are, and, once the ramp is over, how many of them have no token.

        Who came last is given the time that a request may take: the least count until then is told.
        """
        self.users_now = users
        self.users_reached = max(self.users_reached, users)
        ramp_s = ramp_end_s(self.plan)
        due_s = min(ramp_s + WITHOUT_TOKEN_AFTER_S, (ramp_s + self.plan.duration_s) / 2)
        elapsed_s, missing = self.elapsed_s, self.crew.total("users") - self.crew.total("logged_in")
        if self.without_token is None and elapsed_s >= due_s:
            self.without_token = max(0, missing)
        elif self.without_token is not None and elapsed_s < min(due_s + self.plan.timeout_s, self.plan.duration_s):
            self.without_token = min(self.without_token, max(0, missing))

    def _arrivals(self) -> dict[str, float] | None:
        """What became of the arrivals; those that were due while nobody played a lost worker's part were not sent."""
        counts = self.crew.arrivals()
        if counts is None or not any(member.gaps for member in self.crew) or self.plan.arrivals == "poisson":
            return counts
        curve = RateCurve.of(self.plan) if self.plan.load == "open" else RateCurve()
        for told in self.rates_told:
            if told["rate"] is not None:
                curve.append(told["from_s"], told.get("until_s", math.inf), told["rate"], told["rate"])
        ended_s = self.ended_s if self.ended_s is not None else self.clock.now_s()
        missed = max(0, math.floor(curve.count_at(ended_s - self.started_s) + 1e-6) - int(counts["scheduled"]))
        told = {"scheduled": counts["scheduled"] + missed, "unsent": counts["unsent"] + missed, "missed": missed}
        return {**counts, **told}

    def record(self) -> dict[str, Any]:
        """``run.json``."""
        ended_s = self.ended_s if self.ended_s is not None else self.clock.now_s()
        phases = self.phases.until(max(0.0, ended_s - self.started_s))
        return {
            "schema": 1,
            "started_s": round(self.started_s, 6),
            "ended_s": round(ended_s, 6),
            "interrupted": self.interrupted,
            "ended_by": self.ended_by,
            "abort": self.abort,
            "phases": [phase._asdict() for phase in phases if phase.name != AFTER],
            "workers": [member.record() for member in self.crew],
            "workers_lost": len(self.crew.lost),
            "workers_least": self.workers_least,
            "samples_lost": sum(member.lost for member in self.crew),
            "clock_skew_ms": self.crew.skew_ms(),
            "arrivals": self._arrivals(),
            "users": {
                "wanted": max(self.plan.users_max, self.users_wanted),
                "reached": self.users_reached,
                "without_token": self.without_token,
            },
            "search": self.search,
            "changes": self.changes,
            "user_errors": self.crew.total("user_errors"),
            "errors": self.errors,
            "versions": versions(),
            "machine": machine(),
        }


def machine() -> dict[str, Any]:
    """What the master runs on."""
    return {
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "platform": platform.platform(),
    }

"""Plans, windows and courses for tests of what runs inside Locust."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import quiet_locust  # noqa: F401  # before anything that imports Locust

from acgs_load import profiles, settings
from acgs_load.contract import Outcome
from acgs_load.plan import Plan, ThresholdText
from acgs_load.run_folder import RunFolder
from acgs_load.samples import Sample, Window, WindowKey
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.crew import Crew
from acgs_load.traffic.master.telemetry import Telemetry, to_rows
from acgs_load.traffic.phases import PhaseBook


def plan_of(*thresholds: str, flags: dict[str, object] | None = None, **changes: Any) -> Plan:
    """A smoke plan of four seconds with these flags, thresholds and changes."""
    asked = {"test_type": "smoke", "users": 10, "duration": "4s", **(flags or {})}
    plan = profiles.plan_for(settings.resolve(asked, {}), "", 1)
    if thresholds:
        changes["thresholds"] = tuple(ThresholdText(text, "flag") for text in thresholds)
    return dataclasses.replace(plan, **changes)


def sample(
    operation: str = "policy_get",
    outcome: Outcome = Outcome.OK,
    sent_s: float = 0.0,
    latency_s: float = 0.05,
    **more: Any,
) -> Sample:
    """An answered request."""
    scenario = more.pop("scenario", "policy")
    due_s = more.pop("due_s", sent_s)
    return Sample(operation, scenario, due_s, sent_s, sent_s + latency_s, outcome, status=200, **more)


class FakeClock:
    """A clock that a test sets; its counter is its epoch minus 1,000,000."""

    anchor_s = 1_000_000.0

    def __init__(self, now_s: float = 1_000_000.0) -> None:
        self.epoch_s = now_s

    def now_s(self) -> float:
        return self.epoch_s

    def counter_at(self, epoch_s: float) -> float:
        return epoch_s - self.anchor_s


def lines(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text(encoding="utf-8").splitlines()


START_S = 1_000_000.0
"""When the courses of tests began; where ``FakeClock`` stands at first."""


def course_in(tmp_path, plan=None, clock=None, send=lambda *_: None) -> Course:
    """A course that has begun, with nobody in it."""
    plan, clock = plan or plan_of(), clock or FakeClock(START_S)
    folder = RunFolder(tmp_path)
    return Course(plan, folder, clock, Crew(send), Telemetry(folder), START_S, PhaseBook.of(plan))


def report_of(*windows, **totals) -> dict[str, Any]:
    """What a worker reports."""
    counts = {"samples": 0, "user_errors": 0, "arrivals": None, "users": 0, "logged_in": 0, "skew_ms": 0.1}
    return {"windows": to_rows(list(windows)), "examples": [], "health": [], "errors": [], **counts, **totals}


def window_at(
    second, count=1, operation="policy_get", latency_s=0.05, phase="hold", outcome=Outcome.OK
) -> tuple[WindowKey, Window]:
    """``count`` equal samples, done half way through a second of the run."""
    window = Window()
    for _ in range(count):
        window.add(sample(operation, outcome, latency_s=latency_s), START_S + second + 0.5)
    return WindowKey(int(START_S) + second, "eu", "policy", operation, phase), window


def arrival_counts() -> dict[str, float]:
    """Ten arrivals, all sent."""
    return {"scheduled": 10, "sent": 10, "unsent": 0, "waited": 0, "late_max_ms": 0.0}


def breaking(plan: Plan) -> Plan:
    """The same, with thresholds that say where the target broke."""
    return dataclasses.replace(plan, thresholds=tuple(dataclasses.replace(t, breaking=True) for t in plan.thresholds))

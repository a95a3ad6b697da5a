"""Plans, windows and courses for tests of what runs inside Locust."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from acgs_load import profiles, settings
from acgs_load.contract import Outcome
from acgs_load.plan import Plan, ThresholdText
from acgs_load.samples import Sample


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

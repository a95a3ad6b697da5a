"""Changes of the load while a run goes on, asked for in the web UI: more or fewer users, another arrival rate.

From then on the load is the user's: it stays where it was put until it is changed again or the planned time is up.
Each change is a phase of its own, so that no figure mixes what was before it with what came after.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from acgs_load.errors import UsageError
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.messages import RATE
from acgs_load.traffic.worker.descriptors import descriptor_complaint

AHEAD_S = 0.3
"""Workers are told this long before a change, so that all begin at once."""
RATE_MAX = 1_000_000.0


def change_users(course: Course, shape: PlanShape, wanted: int, spawn_rate: float) -> str:
    """Go to ``wanted`` users at ``spawn_rate``; gives a sentence that says so. Raises UsageError, changing nothing."""
    if wanted < 1:
        raise UsageError(f"{wanted} users: at least 1 is needed; to end the run, stop it")
    if not (isfinite(spawn_rate) and spawn_rate > 0):
        raise UsageError(f"spawn rate {spawn_rate:g}: more than 0 users a second are needed")
    limits = [int(limit) for member in course.crew if (limit := member.identity.get("descriptors")) and not member.gone]
    if limits and (complaint := descriptor_complaint(-(-wanted // len(limits)), min(limits))):
        raise UsageError(complaint)
    from_s = course.elapsed_s + AHEAD_S
    before = shape.users_at(from_s)
    ramp_s = shape.change(from_s, wanted, spawn_rate)
    name = _next_name(course, "users", before, wanted, from_s)
    if ramp_s > 0:
        _enter(course, from_s, f"{name}-ramp", hold=False)
    _enter(course, from_s + ramp_s, name, hold=True)
    course.users_wanted = max(course.users_wanted, wanted)
    course.wake.set()
    said = f"from {before:,} to {wanted:,} users, {ramp_s:.0f} s from now"
    return said if course.plan.load == "closed" else f"{said}; they play the same arrivals: the rate stays as it is"


def change_rate(course: Course, wanted: float) -> str:
    """Offer ``wanted`` requests a second; gives a sentence that says so. Raises UsageError, changing nothing."""
    if course.plan.load == "closed":
        raise UsageError("a closed load has no rate: its users send when they are ready; change their number instead")
    if course.plan.load == "search":
        raise UsageError("the search for capacity sets the rate itself")
    if not 0 <= wanted <= RATE_MAX:
        raise UsageError(f"rate {wanted:g}: it must be from 0 to {RATE_MAX:,.0f} requests a second")
    from_s = course.elapsed_s + AHEAD_S
    before = course.plan.rate_at(from_s) if course.rate_now is None else course.rate_now
    name = _next_name(course, "rate", before, wanted, from_s)
    _enter(course, from_s, name, hold=wanted > 0, rate=wanted)
    course.rate_now = wanted
    return f"from {before:,.4g} to {wanted:,.6g} requests a second"


def _next_name(course: Course, what: str, before: float, wanted: float, from_s: float) -> str:
    name = f"edit-{len(course.changes) + 1}"
    course.changes.append({"phase": name, "what": what, "at_s": round(from_s, 3), "from": before, "to": wanted})
    return name


def _enter(course: Course, from_s: float, phase: str, hold: bool, rate: float | None = None) -> None:
    course.phases.enter(from_s, phase, hold)
    told: dict[str, Any] = {"from_s": from_s, "rate": rate, "phase": phase, "until_s": course.plan.duration_s}
    course.rates_told.append(told)
    course.crew.tell(RATE, told)

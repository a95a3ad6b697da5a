"""The shapes of load: stretches of a run as shares of its top level, scaled to any number of users, rate and length.

A shape knows neither users nor rates: ``closed`` lays its levels over users, ``opened`` over arrival rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from acgs_load.plan import Stage

SPIKE_FOOT = 0.05
"""A spike starts from 100 of 2,000 users."""
STEPS = 10
"""Stairs of 300 up to 3,000 users."""


class Segment(NamedTuple):
    """A straight stretch; levels are shares of the top (0–1). ``{}`` in the name stands for the level reached."""

    name: str
    duration_s: float
    level_from: float
    level_to: float
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How a type of test goes up and down."""

    segments: Callable[[float, float | None, int | None], tuple[Segment, ...]]
    """From the length of the run, the time of a climb from nothing to the top (None: the shape's own pace), and the
    number of levels that there are (None: any)."""
    climb_share_max: float
    """A climb must be shorter than this share of the run, or the shape has no room for it."""
    own_pace: bool = False
    """The shape itself says how fast it climbs, unless a spawn rate is asked for."""


def _ramp_hold(duration_s: float, climb_s: float | None, _levels: int | None) -> tuple[Segment, ...]:
    climb_s = duration_s / 3 if climb_s is None else climb_s
    return Segment("ramp", climb_s, 0, 1), Segment("hold", duration_s - climb_s, 1, 1, hold=True)


def _spike(duration_s: float, climb_s: float | None, _levels: int | None) -> tuple[Segment, ...]:
    """Baseline 1/5, rise 1/5, peak 3/10, fall 1/10, recovery 1/5; what a slower rise takes, the peak gives."""
    fifth_s, foot = duration_s / 5, SPIKE_FOOT
    start: tuple[Segment, ...] = ()
    begin_s, rise_s = 0.0, fifth_s
    if climb_s is not None:
        begin_s, rise_s = foot * climb_s, (1 - foot) * climb_s
        start = (Segment("ramp", begin_s, 0, foot),)
    return (
        *start,
        Segment("baseline", fifth_s - begin_s, foot, foot),
        Segment("rise", rise_s, foot, 1),
        Segment("hold", 2.5 * fifth_s - rise_s, 1, 1, hold=True),
        Segment("fall", fifth_s / 2, 1, foot),
        Segment("recovery", fifth_s, foot, foot),
    )


def _stairs(duration_s: float, climb_s: float | None, levels: int | None) -> tuple[Segment, ...]:
    """Ten equal steps, fewer where there are fewer users than that; each climbs and holds."""
    count = min(STEPS, levels or STEPS)
    step_s = duration_s / count
    rise_s = step_s / 3 if climb_s is None else climb_s / count
    steps: list[Segment] = []
    for step in range(count):
        low, high = step / count, (step + 1) / count
        steps.append(Segment("climb-{}", rise_s, low, high))
        steps.append(Segment("step-{}", step_s - rise_s, high, high, hold=True))
    return tuple(steps)


RAMP_HOLD = Shape(_ramp_hold, 1.0)
SPIKE = Shape(_spike, 0.5 / (1 - SPIKE_FOOT), own_pace=True)


STAIRS = Shape(_stairs, 1.0)


def closed(segments: tuple[Segment, ...], users: int) -> tuple[Stage, ...]:
    """The segments with ``users`` at the top."""
    stages = []
    for segment in segments:
        begin, end = _users(segment.level_from, users), _users(segment.level_to, users)
        stages.append(Stage(segment.name.format(end), segment.duration_s, begin, end, hold=segment.hold))
    return tuple(stages)


def _users(level: float, users: int) -> int:
    # the tolerance undoes binary rounding: 0.3 * 3,000 is 899.9999999999999
    return max(1, int(level * users + 1e-6)) if level else 0


def opened(segments: tuple[Segment, ...], pool: int, pool_s: float, rate: float) -> tuple[Stage, ...]:
    """The segments with ``rate`` requests a second at the top, after the pool of users has come in and logged in."""
    stages = [Stage("users", pool_s, 0, pool, 0.0, 0.0)]
    for segment in segments:
        begin, end = segment.level_from * rate, segment.level_to * rate
        name = segment.name.format(f"{end:.6g}")
        stages.append(Stage(name, segment.duration_s, pool, pool, begin, end, segment.hold))
    return tuple(stages)


def rate_ramp(rate_from: float, rate_to: float, ramp_s: float, duration_s: float) -> tuple[Segment, ...]:
    """A ramp between two rates, which then holds the second; levels are shares of the higher."""
    top = max(rate_from, rate_to)
    low, high = rate_from / top, rate_to / top
    return Segment("ramp", ramp_s, low, high), Segment("hold", duration_s - ramp_s, high, high, hold=True)

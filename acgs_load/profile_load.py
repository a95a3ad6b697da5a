"""From settings and a type of test to users and stages.

``--users --duration --spawn-rate --rate`` are obeyed exactly: they scale the shape. What cannot be obeyed is refused
with the numbers. Defaults give way: the usual 10 users a second become as many as bring the users in within a third
of the run, and the users of a type become what the nodes can carry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from acgs_load.errors import UsageError
from acgs_load.plan import Load, Search, Stage
from acgs_load.profile_stages import RAMP_HOLD, Shape, closed, opened, rate_ramp
from acgs_load.profile_types import Profile
from acgs_load.settings import Settings
from acgs_load.units import format_duration

RAMP_SHARE_MAX = 1 / 3
POOL_PER_S = 100.0
"""Users of a pool that log in a second, usually: they send nothing else yet, and nobody wants to wait for them."""
POOL_SHARE_MAX = 1 / 6
"""A default pool of users has come in within this share of an open load."""
POOL_S, POOL_MIN, POOL_MAX = 2.0, 50, 4_000
"""Open load needs rate × latency users (Little's law); the pool is sized for the 2 s that p95 may take."""
RATE_RAMP_S, RATE_RAMP_SHARE_MAX = 10.0, 1 / 6
HOLD_MIN_S = 1.0
SEARCH_RATE_FROM, SEARCH_GROWTH, SEARCH_PRECISION = 50.0, 1.5, 0.05
SEARCH_STEP_MIN_S, SEARCH_STEP_MAX_S, SEARCH_STEPS = 4.0, 20.0, 20
"""From 50 to 4,000 RPS takes 11 geometric steps and 4 of bisection; a search has time for at least 20."""
SEARCH_SETTLE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class LoadDraft:
    """The part of a plan that says how much load there is, and when."""

    load: Load
    users: int
    users_origin: str
    duration_s: float
    spawn_rate: float
    stages: tuple[Stage, ...]
    search: Search | None


def draft_load(settings: Settings, profile: Profile, users_limit: int | None) -> LoadDraft:
    """The load that was asked for; ``users_limit`` is what the nodes carry, None without limit.

    Raises UsageError where the numbers leave no room for each other.
    """
    load: Load = "search" if profile.search else "open" if settings.rate else "closed"
    _refuse_misplaced(settings, profile, load)
    users, origin = _users(settings, profile, users_limit)
    duration_s = settings.duration or profile.duration_s
    search = None
    if load == "closed":
        stages = _closed(settings, profile, users, duration_s)
    elif load == "open":
        stages = _open(settings, profile, users, duration_s)
    else:
        search, stages = _search(settings, profile, users, duration_s)
    spawn_rate = settings.spawn_rate or max((s.users_to - s.users_from) / s.duration_s for s in stages)
    return LoadDraft(load, users, origin, duration_s, spawn_rate, stages, search)


def _refuse_misplaced(settings: Settings, profile: Profile, load: Load) -> None:
    if settings.rate and settings.rate.ramp_s is not None and (profile.search or profile.shape is not RAMP_HOLD):
        raise UsageError(
            f"{settings.said('RATE')}: {settings.test_type} has a shape of its own; write one rate, such as 2000"
        )
    by_flag = {key for key, origin in settings.origins.items() if origin.startswith("flag")}
    if "ARRIVALS" in by_flag and load == "closed":
        raise UsageError("--arrivals: closed load has no arrivals; add --rate")
    if "MIN_CAPACITY" in by_flag and not profile.seeks_break:
        raise UsageError(f"--min-capacity: {settings.test_type} finds no capacity; use --test-type capacity or stress")


def _users(settings: Settings, profile: Profile, limit: int | None) -> tuple[int, str]:
    if settings.users is not None:
        if limit is not None and settings.users > limit:
            raise UsageError(
                f"{settings.said('USERS')} {settings.users}: the nodes carry {limit:,} users in all (max_users); "
                "name more of them in LOAD_TEST_NODES, or fewer users"
            )
        return settings.users, settings.origins["USERS"]
    users, origin = profile.users, f"default of {settings.test_type}"
    if settings.rate and not profile.search:
        users = min(max(math.ceil(settings.rate.top * POOL_S), POOL_MIN), POOL_MAX)
        origin = f"default: {POOL_S:g} s of requests, from {POOL_MIN} to {POOL_MAX:,} users"
    if limit is not None and users > limit:
        return limit, "default: what the nodes carry (max_users)"
    return users, origin


def _closed(settings: Settings, profile: Profile, users: int, duration_s: float) -> tuple[Stage, ...]:
    climb_s = None if profile.shape.own_pace else min(users / profile.spawn_rate, duration_s * RAMP_SHARE_MAX)
    if settings.spawn_rate is not None:
        climb_s = users / settings.spawn_rate
        _demand_climb(settings, profile.shape, users, duration_s)
    return closed(profile.shape.segments(duration_s, climb_s, users), users)


def _demand_climb(settings: Settings, shape: Shape, users: int, duration_s: float) -> None:
    assert settings.spawn_rate is not None, "only a given spawn rate can be too slow"
    room_s = shape.climb_share_max * duration_s - HOLD_MIN_S
    needed_s = users / settings.spawn_rate
    if needed_s > room_s:
        least = (
            f"at least {math.ceil(users / room_s * 100) / 100:g}, or lengthen" if room_s > 0 else "more, and lengthen"
        )
        raise UsageError(
            f"{settings.said('SPAWN_RATE')} {settings.spawn_rate:g}: {users:,} users need {needed_s:.6g} s, and "
            f"{settings.test_type} of {format_duration(duration_s)} has {max(room_s, 0):.6g} s for that; "
            f"give {least} the duration"
        )


def _pool_s(settings: Settings, profile: Profile, users: int, duration_s: float, after_s: float) -> float:
    """Time in which the pool of users comes in; leaves at least ``after_s`` of the run."""
    if settings.spawn_rate is None:
        return min(users / POOL_PER_S, duration_s * POOL_SHARE_MAX)
    needed_s = users / settings.spawn_rate
    if needed_s + after_s > duration_s:
        raise UsageError(
            f"{settings.said('SPAWN_RATE')} {settings.spawn_rate:g}: the pool of {users:,} users needs {needed_s:.6g} s"
            f" of {format_duration(duration_s)}, which leaves too little for the load; lower --users or raise either"
        )
    return needed_s


def _open(settings: Settings, profile: Profile, users: int, duration_s: float) -> tuple[Stage, ...]:
    rate = settings.rate
    assert rate is not None, "open load has a rate"
    pool_s = _pool_s(settings, profile, users, duration_s, HOLD_MIN_S + (rate.ramp_s or 0))
    rest_s = duration_s - pool_s
    if rate.ramp_s is not None:
        if rate.ramp_s + HOLD_MIN_S > rest_s:
            raise UsageError(
                f"{settings.said('RATE')}: a ramp of {format_duration(rate.ramp_s)} after {pool_s:.6g} s for "
                f"{users:,} users does not fit into {format_duration(duration_s)}; lengthen the duration"
            )
        segments = rate_ramp(rate.rate_from, rate.rate_to, rate.ramp_s, rest_s)
    else:
        climb_s = min(RATE_RAMP_S, rest_s * RATE_RAMP_SHARE_MAX) if profile.shape is RAMP_HOLD else None
        segments = profile.shape.segments(rest_s, climb_s, None)
    return opened(segments, users, pool_s, rate.top)


def _search(settings: Settings, profile: Profile, users: int, duration_s: float) -> tuple[Search, tuple[Stage, ...]]:
    least_s = 3 * SEARCH_STEP_MIN_S
    pool_s = _pool_s(settings, profile, users, duration_s, least_s)
    rest_s = duration_s - pool_s
    if rest_s < least_s:
        raise UsageError(
            f"{settings.said('TEST_DURATION')} {format_duration(duration_s)}: capacity needs at least "
            f"{least_s + pool_s:.6g} s for {users:,} users"
        )
    step_s = min(SEARCH_STEP_MAX_S, max(SEARCH_STEP_MIN_S, rest_s // SEARCH_STEPS))
    rate_from = settings.rate.top if settings.rate else SEARCH_RATE_FROM
    search = Search(rate_from, step_s, step_s * SEARCH_SETTLE_SHARE, SEARCH_GROWTH, SEARCH_PRECISION)
    stages = (
        Stage("users", pool_s, 0, users, 0.0, 0.0),
        Stage("search", rest_s, users, users, rate_from, rate_from, hold=True),
    )
    return search, stages

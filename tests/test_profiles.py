"""Types of test as plans: the table of measures.md, scaled exactly to what was asked for."""

from __future__ import annotations

import itertools

import pytest

from acgs_load.plan import Plan
from acgs_load.profile_types import PROFILES
from acgs_load.profiles import plan_for
from acgs_load.settings import resolve
from acgs_load.settings_table import TEST_TYPES


def plan(
    config: dict[str, object] | None = None, environ: dict[str, str] | None = None, cpus: int = 4, **flags
) -> Plan:
    """The plan of flags, of file keys (written to a file by the caller) and of the environment."""
    flags = {name: value if isinstance(value, bool | list) else str(value) for name, value in flags.items()}
    return plan_for(resolve({**(config or {}), **flags}, environ or {}), "/runs/x/1", cpus)


def stages(of: Plan) -> list[tuple[str, float, int, int, bool]]:
    """Name, length, users from and to, hold."""
    return [(s.name, round(s.duration_s, 6), s.users_from, s.users_to, s.hold) for s in of.stages]


def expressions(of: Plan) -> list[str]:
    """The thresholds' texts."""
    return [text.expression for text in of.thresholds]


DEFAULTS = {
    "smoke": [("ramp", 5, 0, 20, False), ("hold", 20, 20, 20, True)],
    "enterprise": [("ramp", 100, 0, 1000, False), ("hold", 1700, 1000, 1000, True)],
    "distributed": [("ramp", 400, 0, 4000, False), ("hold", 1400, 4000, 4000, True)],
    "spike": [
        ("baseline", 60, 100, 100, False),
        ("rise", 60, 100, 2000, False),
        ("hold", 90, 2000, 2000, True),
        ("fall", 30, 2000, 100, False),
        ("recovery", 60, 100, 100, False),
    ],
    "stress": [
        row
        for n in range(1, 11)
        for row in (
            (f"climb-{300 * n}", 30, 300 * (n - 1), 300 * n, False),
            (f"step-{300 * n}", 60, 300 * n, 300 * n, True),
        )
    ],
    "constitutional": [("ramp", 50, 0, 500, False), ("hold", 550, 500, 500, True)],
    "endurance": [("ramp", 80, 0, 800, False), ("hold", 7120, 800, 800, True)],
}
"""The table of measures.md, to the second and the user."""


@pytest.mark.parametrize("test_type", DEFAULTS)
def test_the_types_are_those_of_the_table(test_type):
    """Each closed type has the promised users, length and shape."""
    made = plan(test_type=test_type)
    assert stages(made) == DEFAULTS[test_type]
    assert made.load == "closed"
    assert made.rate is None
    assert made.users_max == max(stage.users_to for stage in made.stages)


def test_every_type_has_a_profile():
    """The settings' list of types and the profiles are the same."""
    assert tuple(PROFILES) == TEST_TYPES
    assert set(DEFAULTS) | {"capacity"} == set(TEST_TYPES)


def test_the_constitutional_mix():
    """It runs only constitutional, formal and governance, in the promised shares."""
    assert dict(plan(test_type="constitutional").mix) == {"constitutional": 40, "formal": 35, "policy": 25}
    assert dict(plan().mix) == {"constitutional": 25, "tenant": 30, "policy": 20, "formal": 15, "integrity": 10}


ASKED = [
    *({"test_type": t, "users": u} for t in TEST_TYPES for u in (1, 7, 50, 333, 4000)),
    *({"test_type": t, "duration": d} for t in TEST_TYPES for d in ("30s", "61s", "1h")),
    *({"test_type": t, "users": 200, "duration": "60s"} for t in TEST_TYPES),
    *({"test_type": t, "users": 60, "duration": "90s", "spawn_rate": 2} for t in TEST_TYPES if t != "capacity"),
    *({"test_type": t, "users": 60, "duration": "10m", "spawn_rate": 0.5} for t in TEST_TYPES),
    *({"test_type": t, "rate": 100, "duration": "2m"} for t in TEST_TYPES),
    *({"test_type": t, "rate": 33.3, "duration": "45s", "users": 77} for t in TEST_TYPES),
    *({"test_type": t, "rate": "0:200@1m", "duration": "5m"} for t in ("smoke", "enterprise", "endurance")),
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_users_duration_spawn_rate_and_rate_are_obeyed_exactly(asked):
    """In every type the shape is scaled to what was asked, none of it is ignored, and the stages fit together."""
    made = plan(**asked)
    if "users" in asked:
        assert made.users_max == asked["users"] == max(stage.users_to for stage in made.stages)
    if "spawn_rate" in asked:
        assert made.spawn_rate == asked["spawn_rate"]
        for stage in made.stages:
            if stage.users_to > stage.users_from:
                wanted_s = (stage.users_to - stage.users_from) / asked["spawn_rate"]
                # users are whole, so that a share of them may be off by one
                assert stage.duration_s == pytest.approx(wanted_s, abs=1.0 / asked["spawn_rate"])
    if "rate" in asked and asked["test_type"] != "capacity":
        rate = float(str(asked["rate"]).rpartition(":")[2].partition("@")[0])
        assert made.load == "open"
        assert made.rate == rate == max(stage.rate_to for stage in made.stages)
        assert all(stage.rate_to == rate for stage in made.stages if stage.hold and asked["test_type"] != "stress")
        assert made.stages[0].rate_to == 0
        assert made.stages[0].users_to == made.users_max
    assert len({stage.name for stage in made.stages}) == len(made.stages)
    assert all(stage.duration_s > 0 for stage in made.stages)
    assert made.hold_phases
    for one, next_one in itertools.pairwise(made.stages):
        assert one.users_to == next_one.users_from
        # the pool of users sends nothing; a search and a spike begin at once
        assert one.rate_to == next_one.rate_from or one.name == "users"


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_length_is_the_asked_or_the_types_own(asked):
    """The stages add up to the duration, to the millisecond."""
    lengths = {"30s": 30, "61s": 61, "1h": 3600, "60s": 60, "90s": 90, "10m": 600, "2m": 120, "45s": 45, "5m": 300}
    wanted = lengths[asked["duration"]] if "duration" in asked else PROFILES[asked["test_type"]].duration_s
    assert plan(**asked).duration_s == pytest.approx(wanted, abs=1e-3)


def test_a_plan_survives_json():
    """Every type's plan is equal after JSON."""
    for test_type in TEST_TYPES:
        made = plan(test_type=test_type)
        assert Plan.from_json(made.to_json()) == made


def test_the_default_ramp_takes_at_most_a_third():
    """200 users in 60 s come in at 10/s; 1,000 in 60 s come in within 20 s."""
    assert stages(plan(users=200, duration="60s")) == [("ramp", 20, 0, 200, False), ("hold", 40, 200, 200, True)]
    made = plan(users=1000, duration="60s")
    assert stages(made)[0] == ("ramp", 20, 0, 1000, False)
    assert made.spawn_rate == pytest.approx(50)


def test_a_scaled_spike_keeps_its_proportions():
    """Half the users in a tenth of the time: 5 % to 100 % within a fifth of the run."""
    assert stages(plan(test_type="spike", users=1000, duration="30s")) == [
        ("baseline", 6, 50, 50, False),
        ("rise", 6, 50, 1000, False),
        ("hold", 9, 1000, 1000, True),
        ("fall", 3, 1000, 50, False),
        ("recovery", 6, 50, 50, False),
    ]


def test_a_spike_with_a_spawn_rate_gives_the_time_of_its_peak():
    """Every rise happens at the asked rate, first to the baseline and then to the peak; the length stays."""
    made = plan(test_type="spike", users=100, duration="100s", spawn_rate=2.5)
    assert stages(made) == [
        ("ramp", 2, 0, 5, False),
        ("baseline", 18, 5, 5, False),
        ("rise", 38, 5, 100, False),
        ("hold", 12, 100, 100, True),
        ("fall", 10, 100, 5, False),
        ("recovery", 20, 5, 5, False),
    ]


def test_stairs_with_few_users_have_fewer_steps():
    """Three users make three steps, never two of the same name."""
    assert [stage.name for stage in plan(test_type="stress", users=3).stages] == [
        *("climb-1", "step-1", "climb-2", "step-2", "climb-3", "step-3"),
    ]


def test_nobody_waits_long_for_the_pool():
    """2,000 users log in within 20 s of half an hour, not at a closed test's 10 a second."""
    first = plan(rate=1000, duration="30m").stages[0]
    assert (first.name, first.duration_s, first.rate_to or 0) == ("users", 20.0, 0)


@pytest.mark.parametrize(("rate", "pool"), [(1, 50), (25, 50), (30, 60), (1000, 2000), (5000, 4000)])
def test_the_pool_of_an_open_load(rate, pool):
    """Two seconds of requests, from 50 to 4,000 users (Little's law with the p95 limit)."""
    made = plan(rate=rate)
    assert made.users_max == pool
    assert "s of requests" in made.origins["USERS"]


def test_an_open_load_brings_its_users_in_before_the_first_request():
    """Users first, then the rate rises, then it holds; together as long as asked."""
    made = plan(rate=60, duration="60s")
    assert [(s.name, s.users_from, s.users_to, s.rate_from, s.rate_to, s.hold) for s in made.stages] == [
        ("users", 0, 120, 0, 0, False),
        ("ramp", 120, 120, 0, 60, False),
        ("hold", 120, 120, 60, 60, True),
    ]
    assert made.stages[0].duration_s == pytest.approx(1.2)
    assert made.stages[1].duration_s == pytest.approx(58.8 / 6)


def test_where_the_number_of_workers_comes_from():
    """This machine's CPUs, the nodes that a type brings along, or the user."""
    origins = [plan(**asked).origins["WORKERS"] for asked in ({}, {"test_type": "distributed"}, {"workers": 2})]
    assert origins == ["default: one less than there are CPUs", "default: as the nodes say", "flag --workers"]


def test_a_falling_ramp_of_rates():
    """The highest rate is the plan's, the last one holds and is what throughput owes."""
    made = plan(rate="200:50@1m", duration="5m")
    assert made.rate == 200
    assert (made.stages[1].rate_from, made.stages[1].rate_to, made.stages[2].rate_to) == (200, 50, 50)
    assert "throughput_rps >= 49" in expressions(made)


def test_capacity_searches():
    """Open load without a fixed rate: users first, then the search from the asked rate on."""
    made = plan(test_type="capacity")
    assert (made.load, made.rate, made.users_max) == ("search", None, 1000)
    assert [(stage.name, stage.hold) for stage in made.stages] == [("users", False), ("search", True)]
    assert made.search is not None
    assert (made.search.rate_from, made.search.step_s, made.search.settle_s) == (50, 20, 5)
    short = plan(test_type="capacity", rate=300, duration="60s", users=100, min_capacity=500)
    assert short.search is not None
    assert short.search.rate_from == 300
    assert short.stages[1].duration_s / short.search.step_s >= 10
    assert short.min_capacity == 500

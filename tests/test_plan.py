"""The plan says what happens when, and survives the trip through JSON."""

from __future__ import annotations

import json

import pytest

from acgs_load.errors import UsageError
from acgs_load.plan import Account, Node, Plan, Search, Stage, ThresholdText


def plan(**changes):
    fields = {
        "name": "first",
        "test_type": "spike",
        "target": "http://127.0.0.1:8080",
        "embedded": False,
        "load": "closed",
        "stages": (
            Stage("baseline", 4.0, 5, 5),
            Stage("rise", 4.0, 5, 100, rate_from=0.0, rate_to=40.0),
            Stage("hold", 6.0, 100, 100, hold=True),
        ),
        "users_max": 100,
        "spawn_rate": 25.0,
        "seed": 7,
        "nodes": (Node("localhost", 2, 500, "local"), Node("load-1", 3, 500, "eu-west-1")),
        "thresholds": (ThresholdText("latency_p95_ms <= 2000", "default"),),
        "target_rps": None,
        "folder": "/nowhere",
        **changes,
    }
    return Plan(**fields)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"search": Search(50, 10, 3, 1.5, 0.05), "load": "search"},
        {"accounts": (Account("ann", "tenant-1"),), "tenants": ("tenant-1",), "headers": {"X-Data-Purpose": "tést"}},
        {"routes": {"policy_get": "GET /v2/policy/{policy_id}"}, "origins": {"USERS": "flag --users"}},
    ],
)
def test_to_json_and_back_is_equal(changes):
    """Nothing is lost or changed between the process that decides and those that obey."""
    assert Plan.from_json(plan(**changes).to_json()) == plan(**changes)


@pytest.mark.parametrize(
    ("elapsed_s", "phase", "users", "rate"),
    [
        (-1.0, "baseline", 5, 0.0),
        (0.0, "baseline", 5, 0.0),
        (3.999, "baseline", 5, 0.0),
        (4.0, "rise", 5, 0.0),
        (6.0, "rise", 52, 20.0),  # 5 + 95 / 2 = 52.5, to even
        (8.0, "hold", 100, 0.0),
        (14.0, "hold", 100, 0.0),
        (99.0, "hold", 100, 0.0),
    ],
)
def test_phase_users_and_rate_are_functions_of_time(elapsed_s, phase, users, rate):
    """Before the start the first stage counts, after the end the last."""
    assert plan().phase_at(elapsed_s) == phase
    assert plan().users_at(elapsed_s) == users
    assert plan().rate_at(elapsed_s) == rate


def test_sums():
    """Duration, workers and hold phases follow from the parts."""
    assert (plan().duration_s, plan().workers, plan().hold_phases) == (14.0, 5, frozenset({"hold"}))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"schema": 99}), '{"schema": 1, "name": "x"}'])
def test_an_unreadable_plan_is_a_usage_error(text):
    """A torn or foreign plan.json is refused in one line."""
    with pytest.raises(UsageError, match="plan"):
        Plan.from_json(text)

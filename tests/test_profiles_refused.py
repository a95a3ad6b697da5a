"""Settings that no plan can be made of: too slow for the run's length, or of no use to its type."""

from __future__ import annotations

import json

import pytest
from test_profiles import plan

from acgs_load.errors import UsageError


@pytest.fixture
def file(tmp_path):
    """Writes a configuration file and gives the flag that names it."""

    def write(**content: object) -> dict[str, object]:
        path = tmp_path / "custom.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return {"config_file": str(path)}

    return write


def refused(**arguments) -> str:
    """The one-line message with which the plan is refused."""
    with pytest.raises(UsageError) as caught:
        plan(**arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


TOO_SLOW = [
    ({"users": 1000, "duration": "60s", "spawn_rate": 2}, "1,000 users need 500 s, and enterprise of 1m has 59 s"),
    ({"users": 1000, "duration": "60s", "spawn_rate": 2}, "give at least 16.95, or lengthen the duration"),
    ({"users": 1000, "duration": "500s", "spawn_rate": 2}, "need 500 s, and enterprise of 8m20s has 499 s"),
    (
        {"test_type": "spike", "duration": "60s", "spawn_rate": 10},
        "2,000 users need 200 s, and spike of 1m has 30.5789 s",
    ),
    ({"test_type": "stress", "duration": "60s", "spawn_rate": 10}, "3,000 users need 300 s"),
    ({"duration": "1s", "spawn_rate": 10}, "give more, and lengthen the duration"),
    ({"rate": 200, "duration": "60s", "spawn_rate": 5}, "the pool of 400 users needs 80 s of 1m"),
    ({"rate": "0:200@1m", "duration": "60s"}, "a ramp of 1m after 4 s for 400 users does not fit into 1m"),
    ({"rate": "0:200@2m", "test_type": "smoke"}, "does not fit into 25s; lengthen the duration"),
    ({"test_type": "capacity", "duration": "10s"}, "--duration 10s: capacity needs at least"),
    ({"test_type": "capacity", "duration": "60s", "spawn_rate": 2}, "the pool of 1,000 users needs 500 s"),
]


@pytest.mark.parametrize(("asked", "told"), TOO_SLOW)
def test_what_cannot_be_obeyed_is_refused_with_the_numbers(asked, told):
    """A spawn rate or a ramp that the run has no room for is a usage error that says what would do."""
    message = refused(**asked)
    assert told in message
    assert message.startswith("--")


def test_the_least_spawn_rate_that_a_refusal_names_is_accepted():
    """What the message proposes works."""
    least = refused(users=1000, duration="60s", spawn_rate=2).partition("at least ")[2].partition(",")[0]
    assert plan(users=1000, duration="60s", spawn_rate=least).spawn_rate == float(least)


MISPLACED = [
    ({"test_type": "spike", "rate": "0:20@1m"}, "--rate: spike has a shape of its own"),
    ({"test_type": "stress", "rate": "0:20@1m"}, "--rate: stress has a shape of its own"),
    ({"test_type": "capacity", "rate": "0:20@1m"}, "--rate: capacity has a shape of its own"),
    ({"arrivals": "poisson"}, "--arrivals: closed load has no arrivals"),
    ({"min_capacity": 5}, "--min-capacity: enterprise finds no capacity"),
]


@pytest.mark.parametrize(("asked", "told"), MISPLACED)
def test_a_flag_that_would_be_ignored_is_refused(asked, told):
    """Nothing asked for on the command line is silently without effect."""
    assert told in refused(**asked)


def test_a_shared_file_may_hold_what_one_type_does_not_need(file):
    """MIN_CAPACITY and ARRIVALS in a file serve several types of test."""
    assert plan(file(MIN_CAPACITY=100, ARRIVALS="poisson")).min_capacity == 100

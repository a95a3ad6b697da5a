"""What users do next, how long they think, and what happens when they fail."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from types import SimpleNamespace

import pytest
from quiet_locust import locust

from acgs_load.contract import DEFAULT_MIX
from acgs_load.traffic.engine.users import TASKS, AcgsUser, follow_mix
from acgs_load.traffic.worker.deck import Deck, whole_weights


@pytest.mark.parametrize(
    ("mix", "expected"),
    [
        (DEFAULT_MIX, {"constitutional": 5, "tenant": 6, "policy": 4, "formal": 3, "integrity": 2}),
        ({"constitutional": 40, "formal": 35, "policy": 25}, {"constitutional": 8, "formal": 7, "policy": 5}),
        ({"tenant": 1.0}, {"tenant": 1}),
        ({"tenant": 2.5, "policy": 7.5, "formal": 0}, {"tenant": 1, "policy": 3}),
        ({"tenant": 0.0001, "policy": 1}, {"tenant": 1, "policy": 1000}),
    ],
)
def test_weights_become_the_smallest_whole_numbers(mix, expected):
    """Proportions stay; what has no weight is left out, and what has some is never rounded away."""
    assert whole_weights(mix) == expected


def test_one_round_of_the_deck_has_exactly_the_shares():
    """Twenty cards hold 5, 6, 4, 3 and 2 of the scenarios, and no scenario waits for long."""
    deck = Deck(DEFAULT_MIX)
    assert len(deck.cards) == 20
    assert Counter(deck.cards) == {"constitutional": 5, "tenant": 6, "policy": 4, "formal": 3, "integrity": 2}
    places = [place for place, card in enumerate(deck.cards * 2) if card == "tenant"]
    assert max(b - a for a, b in pairwise(places)) <= 5


@pytest.mark.parametrize("iterations", [40, 60, 133, 1000])
@pytest.mark.parametrize("start", [0, 1, 20_261_123])
def test_shares_hold_even_in_short_runs(iterations, start):
    """Wherever the deck begins: half a scenario's card from the exact share, and never further."""
    deck = Deck(DEFAULT_MIX, start)
    dealt = Counter(deck.deal() for _ in range(iterations))
    for scenario, share in DEFAULT_MIX.items():
        assert abs(dealt[scenario] - share / 100 * iterations) <= 1, dealt


class _Visit:
    def __init__(self):
        self.calls = []

    def prepare(self):
        self.calls.append("prepare")

    def run(self, scenario):
        self.calls.append(scenario)
        if scenario == "tenant":
            raise RuntimeError("a bug")

    def close(self):
        self.calls.append("close")


def _user(think_time_s=(0.1, 2.0), mix=DEFAULT_MIX):
    visit = _Visit()
    AcgsUser.station = SimpleNamespace(
        think_time_s=think_time_s, chance=Random(1), deck=Deck(mix), nap=None, new_visit=lambda pause: visit
    )
    return AcgsUser(SimpleNamespace(events=locust.events)), visit


def test_the_first_pause_may_be_short_and_later_ones_keep_the_bounds():
    """Users spawned together fall out of step at once; afterwards they think 0.1 to 2 s."""
    user, _ = _user()
    first = [user.wait_time() for _ in range(2000)]
    user._iteration = 1
    later = [user.wait_time() for _ in range(2000)]
    assert min(first) < 0.05
    assert max(first) <= 2.0
    assert 0.1 <= min(later) < 0.12
    assert sum(later) / 2000 == pytest.approx(1.05, abs=0.05)


def test_open_load_has_no_think_time():
    """The arrivals decide when a request is due."""
    user, _ = _user(think_time_s=None)
    assert user.wait_time() == 0.0


def test_a_failing_iteration_has_scheduled_its_successor_before():
    """A bug in one scenario does not end the user, and the next card is another one."""
    user, visit = _user()
    scheduled = []
    user._taskset_instance = SimpleNamespace(schedule_task=scheduled.append)
    with pytest.raises(RuntimeError):
        user.iterate("tenant")
    assert visit.calls == ["prepare", "tenant"]
    user.station.deck = SimpleNamespace(deal=lambda: "policy")
    scheduled.pop()(user)
    assert visit.calls == ["prepare", "tenant", "prepare", "policy"]
    assert len(scheduled) == 1


def test_tasks_are_named_like_scenarios_and_show_the_mix():
    """Locust's ratio tab reads the names and how often each is listed."""
    follow_mix({"constitutional": 40, "formal": 35, "policy": 25})
    assert Counter(task.__name__ for task in AcgsUser.tasks) == {"constitutional": 8, "formal": 7, "policy": 5}
    follow_mix(DEFAULT_MIX)
    assert set(TASKS) == set(DEFAULT_MIX)

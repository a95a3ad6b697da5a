"""Users stand in proportion to the nodes' max_users, whichever workers come and go."""

from __future__ import annotations

from collections import Counter

import pytest
from locust import User
from locust.runners import WorkerNode
from test_plan import plan

from acgs_load.plan import Node
from acgs_load.traffic.engine.dispatch import ShareDispatcher, worker_shares


class Somebody(User):
    """A user class."""


def users_of(dispatcher, users):
    """Users by worker after a ramp at once."""
    dispatcher.new_dispatch(users, 10_000.0)
    state = {}
    for state in dispatcher:  # noqa: B007  # the last state counts
        pass
    return {worker: sum(classes.values()) for worker, classes in state.items()}


@pytest.fixture
def dispatcher(monkeypatch):
    """Two workers in one region with 100 users, one in another with 300."""
    nodes = (Node("a", 2, 100, "eu"), Node("b", 1, 300, "us"))
    shares = worker_shares(plan(nodes=nodes), {"w0": "eu", "w1": "eu", "w2": "us"})
    monkeypatch.setattr(ShareDispatcher, "shares", shares)
    return ShareDispatcher([WorkerNode(worker) for worker in ("w0", "w1", "w2")], [Somebody])


@pytest.mark.parametrize("users", [8, 40, 400])
def test_users_stand_in_proportion(dispatcher, users):
    """100 to 300, and evenly within a region."""
    assert users_of(dispatcher, users) == {"w0": users / 8, "w1": users / 8, "w2": users * 6 / 8}


def test_the_proportion_holds_on_the_way(dispatcher):
    """Users are dealt smoothly: after every few users the regions stand about right."""
    dispatcher.new_dispatch(16, 1_000.0)
    names = [node.id for node in dispatcher._worker_nodes]
    for count in range(4, len(names) + 1):
        assert Counter(names[:count])["w2"] == pytest.approx(count * 6 / 8, abs=1)


def test_it_holds_after_a_worker_is_lost_and_another_comes(dispatcher):
    """The others take over in their proportion; a late worker carries the average."""
    assert users_of(dispatcher, 80) == {"w0": 10, "w1": 10, "w2": 60}
    dispatcher.remove_worker(WorkerNode("w1"))
    assert users_of(dispatcher, 70) == pytest.approx({"w0": 10, "w2": 60}, abs=1)
    dispatcher.add_worker(WorkerNode("late"))
    late = users_of(dispatcher, 100)
    assert late["late"] / 100 == pytest.approx((400 / 3) / (50 + 300 + 400 / 3), abs=0.03)


def test_equal_nodes_are_dealt_to_in_turn(monkeypatch):
    """As Locust does it."""
    monkeypatch.setattr(ShareDispatcher, "shares", {})
    even = ShareDispatcher([WorkerNode(f"w{number}") for number in range(7)], [Somebody])
    assert set(users_of(even, 70).values()) == {10}


def test_regions():
    """Nodes of one region are one; a region that the plan does not name gets the average."""
    nodes = (Node("a", 1, 100, "eu"), Node("b", 3, 300, "eu"), Node("c", 1, 600, "us"))
    shares = worker_shares(plan(nodes=nodes), {"w0": "eu", "w1": "us", "w2": "mars"})
    assert shares == {"w0": 100, "w1": 600, "w2": 200}

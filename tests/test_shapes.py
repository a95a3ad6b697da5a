"""How many users there should be, and which phase it is, at any moment."""

from __future__ import annotations

import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust
from course_fixture import plan_of

from acgs_load.traffic.engine.shapes import TICK_S, PlanShape
from acgs_load.traffic.phases import AFTER, PhaseBook


def test_a_spike_scaled_to_twenty_seconds_rises_within_its_fifth():
    """5 % to 100 % takes four seconds, in steps of a fifth of a second."""
    plan = plan_of(flags={"test_type": "spike", "users": 200, "duration": "20s"})
    now = 0.0
    shape = PlanShape()
    shape.follow(plan, lambda: now)
    users = {}
    for tick in range(int(20 / TICK_S) + 1):
        now = tick * TICK_S
        users[round(now, 1)] = shape.tick()[0]
    begin = plan.stages[0].duration_s
    assert users[0.0] == 10
    assert users[round(begin, 1)] == 10
    assert users[round(begin + plan.stages[1].duration_s, 1)] == 200
    assert max(abs(b - a) for a, b in zip(list(users.values()), list(users.values())[1:], strict=False)) <= 20
    assert users[20.0] == 10


def test_a_step_is_made_at_once():
    """The spawn rate is never what holds users back, and never zero."""
    shape = PlanShape()
    assert shape.tick() == (0, 1.0)
    shape.follow(plan_of(flags={"users": 500}), lambda: 3.9)
    users, rate = shape.tick()
    assert rate >= users == 500


@pytest.mark.parametrize(
    ("elapsed_s", "phase"), [(-1.0, "ramp"), (0.0, "ramp"), (3.99, "hold"), (4.0, AFTER), (1e6, AFTER)]
)
def test_the_phase_of_a_moment(elapsed_s, phase):
    """What is due after the end belongs to no phase that holds."""
    assert PhaseBook.of(plan_of()).phase_at(elapsed_s) == phase


def test_phases_are_told_as_they_went():
    """A run cut short has no phase that it never reached, and the last one ends with it."""
    book = PhaseBook.of(plan_of(flags={"test_type": "spike", "duration": "20s", "users": 20}))
    book.enter(9.0, AFTER)
    went = book.until(9.0)
    assert [phase.name for phase in went] == ["baseline", "rise", "hold"]
    assert went[-1].to_s == 9.0
    assert went[-1].hold


def test_a_phase_may_be_entered_in_place_of_what_was_planned():
    """Capacity search: the rates offered replace the planned stage from where they begin."""
    book = PhaseBook([(0.0, "users", False), (5.0, "search", True), (90.0, AFTER, False)])
    book.enter(5.0, "rate-50", True)
    book.enter(12.5, "pause-1")
    assert [book.phase_at(at) for at in (4.9, 5.0, 12.4, 12.5, 95.0)] == [
        "users",
        "rate-50",
        "rate-50",
        "pause-1",
        "pause-1",
    ]
    assert [phase.hold for phase in book.until(20.0)] == [False, True, False]

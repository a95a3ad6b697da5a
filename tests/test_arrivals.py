"""Open load: when arrivals are due, who gets them, and what is given up."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from random import Random

import gevent
import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust
from course_fixture import plan_of

from acgs_load.plan import Stage
from acgs_load.traffic.worker.arrivals import ArrivalsOverError, ClosedArrivals, OpenArrivals
from acgs_load.traffic.worker.rate_curve import RateCurve
from acgs_load.traffic.worker.schedule import NOTHING, Deal, Schedule, deal


def _curve(*stretches):
    curve = RateCurve()
    for stretch in stretches:
        curve.append(*stretch)
    return curve


def _every(index, workers):
    """Every n-th arrival."""
    return Deal((index,), workers)


def _dues(schedule, most=100_000):
    dues = []
    while (due := schedule.peek_s()) is not None and len(dues) < most:
        dues.append(due)
        schedule.advance()
    return dues


@pytest.mark.parametrize(
    ("stretches", "count", "first_s", "last_s"),
    [
        ([(0, 10, 100, 100)], 1000, 0.01, 10.0),
        # 0 to 100/s within 10 s: the n-th is due when 5·t² = n, so the first at √0.2 s, and 500 in all
        ([(0, 10, 0, 100)], 500, math.sqrt(0.2), 10.0),
        ([(0, 10, 100, 0)], 500, 10 - math.sqrt(99.8), 10.0),
        ([(0, 5, 0, 0), (5, 10, 10, 10)], 50, 5.1, 10.0),
        ([(0, 1, 0.5, 0.5), (1, 2, 0.5, 0.5)], 1, 2.0, 2.0),
        ([(0, 1, 0.4, 0.4)], 0, None, None),
        ([(0, 1, 0, 0)], 0, None, None),
        ([], 0, None, None),
    ],
)
def test_arrivals_are_due_when_the_integral_of_the_rate_says(stretches, count, first_s, last_s):
    """Constant, rising, falling, beginning late, slower than once a stretch, and none."""
    dues = _dues(Schedule(_curve(*stretches), _every(0, 1)))
    assert len(dues) == count
    if count:
        assert dues[0] == pytest.approx(first_s)
        assert dues[-1] == pytest.approx(last_s)
        assert dues == sorted(dues)


def test_workers_together_play_exactly_the_schedule():
    """Three workers of a ramp and a plateau: no arrival twice, none left out."""
    stretches = [(0, 4, 0, 90), (4, 9, 90, 90)]
    whole = _dues(Schedule(_curve(*stretches), _every(0, 1)))
    parts = [_dues(Schedule(_curve(*stretches), _every(index, 3))) for index in range(3)]
    assert sorted(due for part in parts for due in part) == pytest.approx(whole)
    assert max(len(part) for part in parts) - min(len(part) for part in parts) <= 1


def test_arrivals_are_dealt_in_proportion():
    """Workers of nodes that carry 300, 100 and 100 users play three, one and one of five; each is played once."""
    dealt = deal({"a": 300.0, "b": 100.0, "c": 100.0})
    stretches = [(0, 4, 0, 90), (4, 9, 90, 90)]
    whole = _dues(Schedule(_curve(*stretches), _every(0, 1)))
    parts = {worker: _dues(Schedule(_curve(*stretches), mine)) for worker, mine in dealt.items()}
    assert sorted(due for part in parts.values() for due in part) == whole
    assert [len(parts[worker]) for worker in "abc"] == [378, 126, 126]
    assert deal({}) == {}


@pytest.mark.parametrize("from_s", [0.0, 2.5, 3.0000001, 5.0, 8.99, 20.0])
def test_a_new_deal_leaves_no_arrival_out_and_plays_none_twice(from_s):
    """One of three goes, and one joins, at a moment of the ramp, of the plateau, on an arrival, or never."""
    stretches = [(0, 4, 0, 90), (4, 9, 100, 100)]
    whole = _dues(Schedule(_curve(*stretches), _every(0, 1)))
    before, after = deal({"a": 1.0, "b": 2.0, "c": 1.0}), deal({"a": 3.0, "b": 1.0, "d": 1.0})
    played = []
    for worker in "abcd":
        schedule = Schedule(_curve(*stretches), before.get(worker, NOTHING))
        schedule.deal_anew(from_s, after.get(worker, NOTHING))
        played += _dues(schedule)
    assert sorted(played) == whole


def test_a_new_deal_holds_after_the_rate_was_changed():
    """Counts go on over the change, so the parts still fit together."""

    def curve():
        drawn = _curve((0, math.inf, 40, 40))
        drawn.append(2.013, 8.0, 77, 77)
        return drawn

    whole = _dues(Schedule(curve(), _every(0, 1)))
    played = []
    for worker, mine in deal({"a": 1.0, "b": 1.0}).items():
        schedule = Schedule(curve(), mine)
        schedule.deal_anew(4.0, Deal((0,), 1) if worker == "a" else NOTHING)
        played += _dues(schedule)
    assert sorted(played) == whole


def test_poisson_arrivals_keep_their_rate_over_a_new_deal():
    """Half the workers go; the others take twice as many."""
    curve = _curve((0, 100, 200, 200))
    schedule = Schedule(curve, _every(0, 2), Random(1))
    schedule.deal_anew(50.0, _every(0, 1))
    dues = _dues(schedule)
    assert len([due for due in dues if due < 50]) == pytest.approx(5_000, rel=0.05)
    assert len([due for due in dues if due >= 50]) == pytest.approx(10_000, rel=0.05)


def test_a_constant_schedule_does_not_drift():
    """After a million arrivals the next is where it should be."""
    schedule = Schedule(_curve((0, 1e6, 333, 333)), _every(0, 1))
    schedule._count = 1_000_000.0
    assert schedule.peek_s() == pytest.approx(1_000_000 / 333, abs=1e-9)


def test_poisson_arrivals_have_the_rate_and_the_spread():
    """Gaps of a Poisson process of 200/s: mean 5 ms, and as much standard deviation; the seed repeats them."""
    dues = [_dues(Schedule(_curve((0, 100, 200, 200)), _every(index, 2), Random(index))) for index in (0, 1)]
    together = sorted(dues[0] + dues[1])
    gaps = [later - earlier for earlier, later in pairwise(together)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert len(together) == pytest.approx(20_000, rel=0.03)
    assert deviation == pytest.approx(mean, rel=0.05)
    assert dues[0] == _dues(Schedule(_curve((0, 100, 200, 200)), _every(0, 2), Random(0)))


def test_the_rate_may_change_while_it_is_played():
    """What was drawn beyond the change is rubbed out; the count goes on."""
    curve = _curve((0, math.inf, 10, 10))
    schedule = Schedule(curve, _every(0, 1))
    assert [schedule.peek_s(), schedule.advance()] == [pytest.approx(0.1), None]
    curve.append(0.45, math.inf, 100, 100)
    # 4.5 arrivals by then: the fifth comes 0.5 / 100 s later
    assert _dues(schedule, 5)[3:] == pytest.approx([0.455, 0.465])
    curve.cut(0.46)
    assert schedule.peek_s() is None


def test_a_late_worker_leaves_out_what_is_past():
    """It begins with the first arrival that is still to come."""
    schedule = Schedule(_curve((0, 10, 10, 10)), _every(1, 2))
    schedule.skip_to(5.05)
    assert schedule.peek_s() == pytest.approx(5.2)


def _arrivals(rate, duration_s=60.0, **changes):
    stages = (Stage("hold", duration_s, 1, 1, rate, rate, hold=True),)
    plan = plan_of(load="open", stages=stages, rate=rate, **changes)
    return OpenArrivals(plan, Schedule(RateCurve.of(plan), _every(0, 1)), time.perf_counter())


def test_users_get_arrivals_in_the_order_they_are_due():
    """Each user's come oldest first, all together are the schedule's, however late they are taken."""
    arrivals = _arrivals(100, 0.2)
    taken = [[], [], []]

    def user(mine):
        while True:
            mine.append(arrivals.next_due_s())

    users = [gevent.spawn(user, mine) for mine in taken]
    gevent.spawn(arrivals.play)
    gevent.sleep(0.3)
    arrivals.close()
    gevent.joinall(users, timeout=30)
    # one user's list, not everybody's: after a stall one may run before another who was handed an older arrival
    assert all(mine == sorted(mine) for mine in taken)
    everything = sorted(due for mine in taken for due in mine)
    assert len(everything) == 20
    assert [later - earlier for earlier, later in pairwise(everything)] == pytest.approx([0.01] * 19)
    assert arrivals.counts()["scheduled"] == arrivals.counts()["sent"] == 20
    assert all(user.dead for user in users)


def test_whoever_is_free_longest_gets_the_oldest():
    """Handed out first come, first served, when several arrivals are due at once."""
    arrivals = _arrivals(100, 0.2)
    arrivals._started_s -= 1.0
    taken = []
    users = [gevent.spawn(lambda number=number: taken.append((number, arrivals.next_due_s()))) for number in range(3)]
    gevent.sleep(0)
    arrivals._release(time.perf_counter())
    gevent.joinall(users, timeout=30)
    assert [number for number, _ in taken] == [0, 1, 2]
    assert [due_s - arrivals._started_s for _, due_s in taken] == pytest.approx([0.01, 0.02, 0.03])
    assert arrivals.waiting == 17


def test_without_free_users_arrivals_wait_then_are_given_up():
    """What is overdue longer than the time-out is unsent; memory stays bounded while the target stands still."""
    arrivals = _arrivals(1000, 60.0, timeout_s=0.1)
    gevent.spawn(arrivals.play)
    gevent.sleep(0.6)
    counts = arrivals.counts()
    assert counts["unsent"] > 200
    assert arrivals.waiting <= 500
    assert counts["scheduled"] == counts["unsent"] + arrivals.waiting
    due_s = arrivals.next_due_s()
    assert arrivals.counts()["waited"] == 1
    assert arrivals.counts()["late_max_ms"] == pytest.approx((time.perf_counter() - due_s) * 1e3, abs=50)
    arrivals.close()
    assert arrivals.counts()["scheduled"] == arrivals.counts()["unsent"] + 1
    assert arrivals.waiting == 0


def test_an_arrival_handed_to_a_user_that_is_stopped_goes_to_the_next():
    """Nobody's arrival is lost when users are taken away."""
    arrivals = _arrivals(5, 10.0)
    stopped = gevent.spawn(arrivals.next_due_s)
    gevent.sleep(0)
    arrivals._free[0].set(42.0)
    arrivals._free.popleft()
    stopped.kill(block=False)
    gevent.sleep(0.01)
    assert stopped.dead
    assert list(arrivals._overdue) in ([42.0], [])
    waiting = gevent.spawn(arrivals.next_due_s)
    gevent.sleep(0)
    waiting.kill()
    assert not arrivals._free


def test_after_the_end_users_leave_quietly():
    """The exception is one that ends a greenlet without an error."""
    arrivals = _arrivals(1, 10.0)
    arrivals.close()
    with pytest.raises(ArrivalsOverError):
        arrivals.next_due_s()
    assert issubclass(ArrivalsOverError, gevent.GreenletExit)


def test_closed_load_never_waits():
    """No due time, and nothing to count."""
    assert ClosedArrivals().next_due_s() is None
    assert ClosedArrivals().counts() is None

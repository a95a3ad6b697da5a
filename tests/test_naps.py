"""Pauses of users: never too short, hardly too long, in company; whoever is stopped while pausing is woken no more."""

from __future__ import annotations

import time

import gevent
import pytest

from acgs_load.traffic.worker.naps import TICK_S, Naps


class _CountedLoop:
    """The loop, and how many timers it was asked for."""

    def __init__(self, loop):
        self._loop = loop
        self.timers = 0

    def timer(self, after_s):
        self.timers += 1
        return self._loop.timer(after_s)


@pytest.fixture
def naps():
    """Naps that count what they cost."""
    naps = Naps()
    hub = naps._hub
    naps._hub = type("_Hub", (), {"loop": _CountedLoop(hub.loop), "switch": hub.switch})()
    return naps


def _slept_s(naps, seconds):
    began_s = time.perf_counter()
    naps.nap(seconds)
    return time.perf_counter() - began_s


@pytest.mark.parametrize("seconds", [0.0005, 0.0031, 0.05])
def test_no_pause_is_too_short(naps, seconds):
    """And too long by a tick at most, but for what the machine is late."""
    slept_s = min(_slept_s(naps, seconds) for _ in range(20))
    assert seconds <= slept_s < seconds + 2 * TICK_S + 0.02


def test_everybody_wakes_in_the_order_of_their_time(naps):
    """Whoever lies down later but shorter wakes first, in spite of the timer that runs already."""
    woken = []

    def user(seconds):
        naps.nap(seconds)
        woken.append(seconds)

    gevent.joinall([gevent.spawn(user, seconds) for seconds in (0.09, 0.03, 0.06, 0.0)], timeout=30)
    assert woken == [0.0, 0.03, 0.06, 0.09]


def test_who_is_due_together_shares_one_timer(naps):
    """Thousands of pauses cost no more timers than there are ticks in which somebody wakes."""
    began_s = time.perf_counter()
    users = [gevent.spawn(naps.nap, 0.05 + number * 1e-5) for number in range(4000)]
    gevent.joinall(users, timeout=30)
    assert all(user.successful() for user in users)
    assert naps._hub.loop.timers <= (time.perf_counter() - began_s) / TICK_S + 5
    assert naps._hub.loop.timers < 2000


def test_whoever_wakes_can_lie_down_again_at_once(naps):
    """The next pause begins while others of the same tick are still to be woken."""
    turns = []

    def user(number):
        for turn in range(3):
            naps.nap(0.01)
            turns.append((turn, number))

    gevent.joinall([gevent.spawn(user, number) for number in range(10)], timeout=30)
    assert len(turns) == 30
    assert [turn for turn, _ in turns] == sorted(turn for turn, _ in turns)


def test_a_user_who_is_stopped_while_pausing_is_gone_at_once(naps):
    """The others of its tick wake as they should, and nobody switches to the dead or to what it does next."""
    after = []

    def stopped():
        try:
            naps.nap(0.05)
        finally:
            gevent.sleep(0.1)  # its tick passes meanwhile: waking it now would cut this short
            after.append(time.perf_counter())

    victim, other = gevent.spawn(stopped), gevent.spawn(naps.nap, 0.05)
    gevent.sleep(0.01)
    began_s = time.perf_counter()
    victim.kill(timeout=5)
    other.join(timeout=5)
    assert other.successful()
    assert after[0] - began_s >= 0.1

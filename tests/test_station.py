"""A worker during a run: clocks, readiness, last words."""

from __future__ import annotations

import time
from types import SimpleNamespace

import gevent
import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust
from course_fixture import plan_of, sample
from locust.stats import RequestStats

from acgs_load.contract import Outcome
from acgs_load.errors import UsageError
from acgs_load.traffic.messages import DEAL, END, FINAL, PLAN, PONG, RATE, READY, START
from acgs_load.traffic.worker.arrivals import OpenArrivals
from acgs_load.traffic.worker.equipment import Equipment
from acgs_load.traffic.worker.station import Station


class _Seat:
    """A runner without users that keeps what the station says."""

    worker_index = 3
    user_count = 0

    def __init__(self):
        self.environment = SimpleNamespace(stats=RequestStats())
        self.said, self.reports, self.acts = [], [], []

    def post(self, kind, data):
        self.said.append((kind, data))

    def send_report(self):
        self.reports.append(self.station.report())

    def end_users(self):
        self.acts.append("end")

    def kill_users(self):
        self.acts.append("kill")


def _station(world=lambda plan, index, workers: SimpleNamespace(users=2, logged_in=1)):
    seat = _Seat()
    seat.station = Station(seat, Equipment(world, lambda plan: lambda: None))
    return seat, seat.station


def _begin(station, plan=None, ahead_s=0.0, places=(0,)):
    plan, now_s = plan or plan_of(), time.time() + ahead_s
    order = {"plan": plan.to_json(), "index": 0, "workers": 1, "stamped_s": now_s}
    station.hear(PLAN, order)
    station.hear(START, {"started_s": now_s, "places": list(places), "round": 1})


def test_a_worker_says_who_it_is_before_it_starts(monkeypatch):
    """Region from its own environment, else from the plan."""
    monkeypatch.setenv("ACGS_REGION", "eu-west-1")
    seat, station = _station()
    _begin(station)
    kind, identity = seat.said[0]
    assert kind == READY
    assert identity["error"] is None
    assert identity["region"] == "eu-west-1"
    assert station.busy


def test_a_worker_that_cannot_take_part_says_why():
    """One line, in place of a traceback in its log."""

    def world(plan, index, workers):
        raise UsageError("ACGS_PASSWORD is not set")

    seat, station = _station(world)
    station.take_plan(plan_of(), 0, 1, time.time())
    assert seat.said[0][1]["error"] == "ACGS_PASSWORD is not set"


@pytest.mark.parametrize("skew_s", [3600.0, -2.5])
def test_windows_carry_the_masters_time(skew_s):
    """A worker whose clock is wrong files its samples under the master's seconds, and says what it corrected."""
    seat, station = _station()
    own_s = station.clock.now_s()
    station.hear(PONG, {"sent_s": own_s, "stamped_s": own_s + skew_s})
    _begin(station, ahead_s=skew_s)
    sent_s = time.perf_counter()
    station.recorder.record(sample(sent_s=sent_s, latency_s=0.0))
    (key, _), *_ = station.recorder.take(everything=True)
    assert abs(key.second - (time.time() + skew_s)) <= 2
    assert key.phase == "ramp"
    assert seat.said[0][1]["corrected_ms"] == pytest.approx(skew_s * 1e3, abs=20)


def test_last_words_come_after_the_last_report():
    """Users end first, then everything is reported, then the total that must have arrived."""
    seat, station = _station()
    _begin(station)
    station.recorder.record(sample(sent_s=time.perf_counter(), outcome=Outcome.TIMEOUT))
    station.user_error(RuntimeError("planted"), "here.py:1")
    station.hear(END, {"elapsed_s": 1.0, "hurry": False})
    gevent.sleep(0.05)
    assert seat.acts == ["end"]
    report = seat.reports[-1]
    assert sum(row[5]["samples"] for row in report["windows"]) == 1
    assert report["errors"] == ["RuntimeError: planted (here.py:1)"]
    kind, totals = seat.said[-1]
    assert kind == FINAL
    assert (totals["samples"], totals["user_errors"], totals["users"], totals["logged_in"]) == (1, 1, 2, 1)
    assert report["labels"] == [["policy_get", "timeout", 1]]
    assert not station.busy
    station.finish()
    assert len(seat.reports) == 1, "once is enough"


def test_hurry_kills_what_does_not_end():
    """The second signal does not wait for iterations."""
    seat, station = _station()
    _begin(station)
    station.hear(END, {"elapsed_s": 1.0, "hurry": True})
    gevent.sleep(0.05)
    assert seat.acts == ["kill", "end"]


def test_a_worker_plays_the_arrivals_that_are_dealt_to_it():
    """One that joins late has none until it is dealt in."""
    _, station = _station()
    _begin(station, plan_of(flags={"rate": "100"}), places=())
    assert isinstance(station.arrivals, OpenArrivals)
    schedule = station.arrivals._schedule
    assert schedule.peek_s() is None
    station.hear(DEAL, {"from_s": 3.0, "places": [1], "round": 2})
    first_s = schedule.peek_s()
    schedule.advance()
    assert 3.0 <= first_s < schedule.peek_s()
    station.hear(END, {"elapsed_s": 0.1, "hurry": False})


def test_a_rate_is_played_from_when_it_was_told_for():
    """Capacity search: the phase and the arrivals change at the same moment."""
    _, station = _station()
    _begin(station, plan_of(flags={"test_type": "capacity", "duration": "60s", "users": 10}))
    assert station.arrivals._schedule.peek_s() is None
    station.hear(RATE, {"from_s": 20.0, "rate": 10.0, "phase": "rate-10"})
    assert station.arrivals._schedule.peek_s() == pytest.approx(20.1)
    assert station.phases.phase_at(20.0) == "rate-10"
    station.hear(END, {"elapsed_s": 0.1, "hurry": False})

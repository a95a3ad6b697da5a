"""What the master knows of a run and its workers, and what is watched around it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust
from course_fixture import START_S, FakeClock, arrival_counts, course_in, plan_of, report_of, window_at
from locust.stats import RequestStats

from acgs_load.contract import Outcome
from acgs_load.traffic.engine.locust_feed import LocustFeed
from acgs_load.traffic.engine.parent import Parent
from acgs_load.traffic.phases import ramp_end_s
from acgs_load.traffic.worker.descriptors import SPARE, descriptor_complaint


def test_lost_samples_and_lost_workers_are_told(tmp_path):
    """What a worker recorded and what arrived are compared; a dead worker keeps its region."""
    course = course_in(tmp_path)
    good, bad = course.crew.join("a"), course.crew.join("b")
    bad.identity = {"region": "us-west-2", "host": "h", "pid": 7, "cores": 2, "suite": "1.0", "corrected_ms": 250.0}
    course.take_report(good, report_of(window_at(1, 4), samples=4))
    course.take_report(bad, report_of(window_at(1, 2), samples=9, skew_ms=-12.5, slips=[1, 2]))
    bad.gone = True
    record = course.record()
    assert (record["samples_lost"], record["workers_lost"], record["clock_skew_ms"]) == (7, 1, 12.5)
    assert record["workers"][1] == {
        "index": 1,
        "region": "us-west-2",
        "host": "h",
        "pid": 7,
        "log": "",
        "cores": 2,
        "versions": {"suite": "1.0", "locust": None, "python": None, "gevent": None},
        "samples_sent": 9,
        "samples_received": 2,
        "lost": True,
        "gaps": [],
        "spooled": False,
        "slips": [[1, 2]],
        "arrivals": None,
        "clock_skew_ms": 250.0,
        "clock_certain_ms": None,
    }


def test_a_report_that_came_before_is_not_counted_again(tmp_path):
    """Its slips are known; a gap between slips is kept as one."""
    course = course_in(tmp_path)
    member = course.crew.join("a")
    for first, last, received in ((1, 2, 4), (1, 2, 4), (2, 2, 4), (3, 3, 8), (6, 7, 12), (7, 7, 12)):
        course.take_report(member, report_of(window_at(1, 4), samples=12, slips=[first, last]))
        assert member.received == received
    assert member.slips == [[1, 3], [6, 7]]


def test_locust_is_told_what_has_settled(tmp_path):
    """Requests and failures of all workers, each once; a report that came twice counts once here, too."""
    course, stats = course_in(tmp_path), RequestStats()
    course.locust = LocustFeed(stats, {})
    for client in ("a", "b"):
        told = report_of(window_at(1, 4, outcome=Outcome.TIMEOUT), samples=4, slips=[1, 1])
        for _ in range(2):
            again = {**told, "labels": [["policy_get", "timeout", 4]]}
            course.take_report(course.crew.get(client) or course.crew.join(client), again)
    assert stats.num_requests == 0
    course.settle(everything=True)
    assert (stats.num_requests, stats.num_failures) == (8, 8)
    assert [(error.error, error.occurrences) for error in stats.errors.values()] == [("timeout", 8)]


def test_a_report_after_the_last_changes_nothing(tmp_path):
    """Neither the files, which are closed, nor the counts."""
    course = course_in(tmp_path)
    member = course.crew.join("a")
    course.take_report(member, report_of(window_at(1, 4), samples=4))
    course.settle(everything=True)
    course.take_report(member, report_of(window_at(1, 4), samples=8))
    assert member.received == 4


def test_arrivals_of_all_workers_add_up(tmp_path):
    """Counts are sums, lateness the worst."""
    course = course_in(tmp_path)
    for client, late_ms in (("a", 3.0), ("b", 9.0)):
        course.crew.join(client).told = {"arrivals": {**arrival_counts(), "late_max_ms": late_ms}}
    assert course.crew.arrivals() == {"scheduled": 20, "sent": 20, "unsent": 0, "waited": 0, "late_max_ms": 9.0}


def test_users_without_token_are_counted_after_the_ramp(tmp_path):
    """A login may take as long as any request; who then has no token is told, whatever happens later."""
    clock = FakeClock(START_S)
    course = course_in(tmp_path, plan_of(flags={"duration": "30s"}, timeout_s=6.0), clock)
    member = course.crew.join("a")
    for after_ramp_s, logged_in, expected in ((-1, 0, None), (2.1, 5, 5), (4, 8, 2), (6, 7, 2), (8.1, 10, 2)):
        clock.epoch_s = START_S + ramp_end_s(course.plan) + after_ramp_s
        member.told = {"users": 10, "logged_in": logged_in}
        course.count_users(10)
        assert course.without_token == expected


@pytest.mark.parametrize(
    ("flags", "expected_s"),
    [({"test_type": "spike", "duration": "300s", "users": 100}, 120.0), ({"duration": "30s", "users": 20}, 5.0)],
)
def test_the_end_of_the_ramp_is_when_all_users_are_there(flags, expected_s):
    """Not the end of the first stage: a spike begins with a baseline."""
    assert ramp_end_s(plan_of(flags=flags)) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("users", "limit", "complains"), [(100, 1024, False), (1024 - SPARE, 1024, False), (900, 1024, True)]
)
def test_too_few_file_descriptors_are_said_in_one_line(users, limit, complains):
    """With the numbers, and what to do."""
    text = descriptor_complaint(users, limit)
    assert bool(text) == complains
    assert not text or ("ulimit -n" in text and "\n" not in text)


def test_a_parent_that_is_gone_is_noticed(monkeypatch):
    """Named by the environment; without a name there is nothing to notice."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    monkeypatch.setenv("ACGS_PARENT_PID", str(child.pid))
    assert not Parent.from_environment().alive
    called = []
    Parent.from_environment().watch(lambda: called.append(True))
    assert called == [True]
    monkeypatch.setenv("ACGS_PARENT_PID", str(os.getppid()))
    assert Parent.from_environment().alive
    monkeypatch.delenv("ACGS_PARENT_PID")
    assert Parent.from_environment().alive

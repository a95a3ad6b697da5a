"""How a run is begun, played and ended, on a podium without Locust."""

from __future__ import annotations

import json
from types import SimpleNamespace

import gevent
import pytest
from course_fixture import course_in, plan_of

from acgs_load.errors import GeneratorError
from acgs_load.run_folder import RunFolder
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.crew import Crew
from acgs_load.traffic.master.performance import Performance
from acgs_load.traffic.master.telemetry import Telemetry
from acgs_load.traffic.messages import DEAL, END, PLAN, RATE, START
from acgs_load.traffic.phases import PhaseBook


class _Podium:
    """Two workers that do what they are told at once."""

    def __init__(self, answers=True, complaint=None):
        self.environment = SimpleNamespace(shape_class=PlanShape())
        self.said, self.users, self.here = [], [], ["a", "b"]
        self.user_count = 0
        self.course = None
        self._answers, self._complaint = answers, complaint

    def start(self, user_count, spawn_rate):
        self.users.append(user_count)
        self.user_count = user_count

    def clients_here(self):
        return self.here

    def post(self, kind, data, client):
        self.said.append((kind, client))
        member = self.course.crew.get(client)
        if kind == PLAN:
            member.identity, member.complaint = {"region": "eu"}, self._complaint
        elif kind == END and self._answers:
            member.final = True

    def dismiss(self, client):
        self.said.append(("dismiss", client))

    def cease(self):
        self.said.append(("cease", None))

    def rest(self):
        self.said.append(("rest", None))


def _perform(tmp_path, podium, meanwhile=lambda course: None, **changes):
    plan = plan_of(flags={"duration": "1s", "users": 10}, **changes)
    folder, clock = RunFolder(tmp_path), Clock()
    course = Course(plan, folder, clock, Crew(podium.post), Telemetry(folder), clock.now_s(), PhaseBook.of(plan))
    podium.course = course
    performance = Performance(podium, course)
    performance.assemble()
    gevent.spawn(meanwhile, course)
    performance.play()
    performance.finish()
    return course, json.loads(folder.run.read_text())


def test_a_run_goes_from_plan_to_record(tmp_path):
    """Plan before start before users before end; users follow the plan; the record is written last."""
    podium = _Podium()
    course, record = _perform(tmp_path, podium)
    assert [kind for kind, _ in podium.said] == [PLAN, PLAN, START, START, END, END, "cease", "rest"]
    assert podium.users == sorted(podium.users)
    assert podium.users[-1] == 10
    assert record["ended_by"] == "plan"
    assert record["ended_s"] - record["started_s"] == pytest.approx(1.0, abs=0.3)
    assert record["users"] == {"wanted": 10, "reached": 10, "without_token": 0}
    assert course.closed


@pytest.mark.parametrize(("reason", "interrupted"), [("interrupt", True), ("web", False), ("abort", False)])
def test_whoever_ends_a_run_is_named(tmp_path, reason, interrupted):
    """The first reason counts, and only a signal interrupts."""

    def meanwhile(course):
        gevent.sleep(0.2)
        course.end(reason)
        course.end("plan")

    _, record = _perform(tmp_path, _Podium(), meanwhile)
    assert (record["ended_by"], record["interrupted"]) == (reason, interrupted)
    assert record["phases"][-1]["to_s"] < 0.9


def test_a_run_whose_workers_are_all_lost_ends(tmp_path):
    """It does not wait for those that are gone."""
    podium = _Podium(answers=False)

    def meanwhile(course):
        gevent.sleep(0.2)
        podium.here = []

    _, record = _perform(tmp_path, podium, meanwhile)
    assert record["ended_by"] == "workers_lost"
    assert record["workers_lost"] == 2


def test_a_worker_that_never_reports_in_full_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    """After the stop time-out it counts as lost, and the record says so."""
    monkeypatch.setattr("acgs_load.traffic.master.performance.FINAL_SPARE_S", 0.2)
    _, record = _perform(tmp_path, _Podium(answers=False), stop_timeout_s=0.1)
    assert record["workers_lost"] == 2
    assert "did not report in full" in record["errors"][0]


def test_a_worker_that_cannot_take_part_stops_the_run(tmp_path):
    """One clear line, before any user is spawned."""
    podium = _Podium(complaint="5000 users need more")
    with pytest.raises(GeneratorError, match="worker 0: 5000 users need more"):
        _perform(tmp_path, podium)
    assert podium.users == []


def _open_course(tmp_path, podium, workers, **changes):
    """An open load that is under way, its workers ready."""
    changes = {"min_workers": 0.5, **changes}
    told = []
    podium.post = lambda kind, data, client: told.append((kind, client, data))
    course = course_in(tmp_path, plan_of(flags={"rate": "100", "users": 10}, **changes), send=podium.post)
    course.crew.tell_one = lambda member, kind, data: podium.post(kind, data, member.client)
    performance = Performance(podium, course)
    podium.here = list(workers)
    for client in workers:
        course.crew.join(client).identity = {"region": "local"}
    performance._attendance.begin()
    course.under_way = True
    return course, performance, told


def test_arrivals_of_a_lost_worker_are_dealt_to_the_others_and_to_who_joins(tmp_path):
    """The plan, the start and the rates first; a part of the arrivals once it is ready."""
    podium = _Podium()
    course, performance, told = _open_course(tmp_path, podium, "abc")
    podium.here = ["a", "c"]
    performance._attendance.look()
    assert ("dismiss", "b") in podium.said
    assert [(kind, client, data["places"], data["round"]) for kind, client, data in told] == [
        (DEAL, "a", (0,), 2),
        (DEAL, "c", (1,), 2),
    ]
    told.clear()
    course.rates_told = [{"from_s": 1.0, "rate": 5.0, "phase": "rate-5"}]
    performance.join_late("d")
    podium.here = ["a", "c", "d"]
    performance._attendance.look()
    assert [(kind, client) for kind, client, _ in told] == [(PLAN, "d"), (START, "d"), (RATE, "d")], "not ready yet"
    course.crew.get("d").identity = {"region": "local"}
    performance._attendance.look()
    dealt = {client: data["places"] for kind, client, data in told if kind == DEAL}
    assert sorted(place for places in dealt.values() for place in places) == [0, 1, 2]
    assert set(dealt) == {"a", "c", "d"}
    assert course.crew.get("b").record()["lost"]


@pytest.mark.parametrize(
    ("min_workers", "left", "ended_by"), [(0.9, 9, None), (0.9, 8, "quorum"), (0.0, 1, None), (1.0, 9, "quorum")]
)
def test_below_the_quorum_the_run_ends(tmp_path, min_workers, left, ended_by):
    """Ten workers: 90 % are nine of them."""
    podium = _Podium()
    course, performance, _ = _open_course(tmp_path, podium, "abcdefghij", min_workers=min_workers)
    performance._attendance.look()
    assert course.ended_by is None
    podium.here = list("abcdefghij")[:left]
    performance._attendance.look()
    assert course.ended_by == ended_by


def test_a_share_of_workers_is_not_rounded_up_by_the_arithmetic(tmp_path):
    """0.28 × 25 is 7, and 7.000000000000001 as computers multiply."""
    course, performance, _ = _open_course(tmp_path, _Podium(), "abcdefghijklmnopqrstuvwxy", min_workers=0.28)
    assert (performance._attendance.least, course.workers_least) == (7, 7)


def test_the_runner_has_time_to_start_lost_workers_anew(tmp_path):
    """Too few are borne for a while, and no longer."""
    podium, now = _Podium(), [0.0]
    course, performance, _ = _open_course(tmp_path, podium, "ab", min_workers=1.0, restart_workers=True)
    performance._attendance._clock_s = lambda: now[0]
    podium.here = ["a"]
    for now[0], ended_by in ((1.0, None), (25.0, None), (32.0, "quorum")):
        performance._attendance.look()
        assert course.ended_by == ended_by, now


def test_a_worker_that_was_silent_and_comes_back_has_a_gap(tmp_path):
    """It is not lost; when it was away stands in the record."""
    podium = _Podium()
    course, performance, _ = _open_course(tmp_path, podium, "abc")
    course.crew.get("b").heard_s = 2.0
    course.clock.epoch_s += 7.0
    podium.here = ["a", "c"]
    performance._attendance.look()
    podium.here = ["a", "b", "c"]
    performance._attendance.look()
    record = course.crew.get("b").record()
    assert (record["lost"], record["gaps"]) == (False, [[2.0, 7.0]])

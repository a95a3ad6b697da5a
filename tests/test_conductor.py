"""How a run is begun, watched, searched and ended."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import gevent
import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust
from course_fixture import FakeClock, plan_of, sample

from acgs_load.contract import Outcome
from acgs_load.errors import GeneratorError
from acgs_load.plan import Search
from acgs_load.run_folder import RunFolder
from acgs_load.samples import Window, WindowKey
from acgs_load.traffic.bracket import Bracket
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.course import Course, ramp_end_s
from acgs_load.traffic.crew import Crew
from acgs_load.traffic.descriptors import SPARE, descriptor_complaint
from acgs_load.traffic.exporter import RunTotals
from acgs_load.traffic.messages import END, PLAN, RATE, START
from acgs_load.traffic.parent import Parent
from acgs_load.traffic.performance import Performance
from acgs_load.traffic.phases import PhaseBook
from acgs_load.traffic.shapes import PlanShape
from acgs_load.traffic.telemetry import Telemetry, to_rows
from acgs_load.traffic.watchers import RateSearch, ThresholdWatch, watchers_of

START_S = 1_000_000.0


def _course(tmp_path, plan=None, clock=None, send=lambda *_: None):
    plan, clock = plan or plan_of(), clock or FakeClock(START_S)
    folder = RunFolder(tmp_path)
    return Course(plan, folder, clock, Crew(send), Telemetry(folder), START_S, PhaseBook.of(plan))


def _report(*windows, **totals):
    counts = {"samples": 0, "user_errors": 0, "arrivals": None, "users": 0, "logged_in": 0, "skew_ms": 0.1}
    return {"windows": to_rows(list(windows)), "examples": [], "health": [], "errors": [], **counts, **totals}


def _window(second, count=1, operation="policy_get", latency_s=0.05, phase="hold", outcome=Outcome.OK):
    window = Window()
    for _ in range(count):
        window.add(sample(operation, outcome, latency_s=latency_s), START_S + second + 0.5)
    return WindowKey(int(START_S) + second, "eu", "policy", operation, phase), window


# the search for capacity


@pytest.mark.parametrize(
    ("capacity", "rate_from", "held_from", "held_to"),
    [(1000, 50, 950, 1000), (49, 50, 46, 49), (3.2, 50, 3.0, 3.2), (50, 50, 47.5, 50), (51, 50, 50, 51)],
)
def test_the_bracket_closes_on_the_capacity(capacity, rate_from, held_from, held_to):
    """Up by geometric steps or down by them, then halving, to within 5 %."""
    bracket, tried = Bracket(Search(rate_from, 20.0, 5.0, 1.5, 0.05)), []
    while (rate := bracket.next_rate()) is not None:
        tried.append(rate)
        bracket.learn(rate, rate <= capacity)
    assert held_from <= bracket.held <= held_to
    assert (bracket.broke - bracket.held) / bracket.held <= 0.05
    assert len(set(tried)) == len(tried) <= 15


def test_a_target_that_holds_nothing_has_no_capacity():
    """The search goes down to one request per second and gives up."""
    bracket = Bracket(Search(50, 20.0, 5.0, 1.5, 0.05))
    while (rate := bracket.next_rate()) is not None:
        bracket.learn(rate, False)
    assert bracket.held is None
    assert bracket.broke < 1.5


def _play_search(tmp_path, capacity, duration_s=400.0):
    """A search against a target that answers in time up to ``capacity``."""
    flags = {"test_type": "capacity", "duration": f"{duration_s:g}s", "users": 10}
    plan = plan_of("latency_p95_ms <= 200", flags=flags)
    plan = _breaking(plan)
    clock, told = FakeClock(START_S), []
    course = _course(tmp_path, plan, clock, lambda kind, data, client: told.append((kind, data)))
    course.crew.join("a")
    search = next(watcher for watcher in watchers_of(course) if isinstance(watcher, RateSearch))
    for tick in range(int(duration_s * 2)):
        clock.epoch_s = START_S + tick / 2
        if tick % 2 == 0:
            rate = _rate_at(told, tick / 2 - 1)
            slow = rate > capacity
            if rate:
                window = _window(tick // 2 - 1, int(min(rate, capacity)), latency_s=1.0 if slow else 0.05)
                course.take_report(course.crew.get("a"), _report(window, arrivals=_counts()))
        search.look(course)
        if course.ended_by:
            break
    return course


def _counts():
    return {"scheduled": 10, "sent": 10, "unsent": 0, "waited": 0, "late_max_ms": 0.0}


def _rate_at(told, elapsed_s):
    rates = [data["rate"] for kind, data in told if kind == RATE and data["from_s"] <= elapsed_s]
    return rates[-1] if rates else 0.0


def _breaking(plan):
    return dataclasses.replace(plan, thresholds=tuple(dataclasses.replace(t, breaking=True) for t in plan.thresholds))


def test_a_search_offers_judges_and_tells(tmp_path):
    """The rate that holds is found from the reports; each step has its phase, and says what broke it."""
    course = _play_search(tmp_path, 100)
    assert course.ended_by == "search"
    assert 95 <= course.search["held_rps"] <= 100
    assert course.search["broke_rps"] / course.search["held_rps"] <= 1.05
    broken = [step for step in course.search["steps"] if not step["held"]]
    assert any("latency_p95_ms <= 200" in text for text in broken[0]["broke"])
    names = [phase.name for phase in course.phases.until(course.elapsed_s)]
    assert "rate-50" in names
    assert "pause-3" in names
    assert all(step["to_s"] > step["from_s"] for step in course.search["steps"])


def test_a_search_that_runs_out_of_time_says_what_it_knows(tmp_path):
    """No step is begun that could not be judged."""
    course = _play_search(tmp_path, 1e9, duration_s=60.0)
    assert course.ended_by == "search"
    assert course.search["held_rps"] is not None
    assert course.search["broke_rps"] is None
    assert course.elapsed_s <= 60


# thresholds that end the run


def _play_thresholds(tmp_path, plan, latency_s, seconds=60):
    clock = FakeClock(START_S)
    course = _course(tmp_path, plan, clock)
    watchers = watchers_of(course)
    member = course.crew.join("a")
    for second in range(seconds):
        clock.epoch_s = START_S + second + 1
        window = _window(second, 5, latency_s=latency_s, phase=plan.phase_at(second))
        course.take_report(member, _report(window))
        course.settle()
        for watcher in watchers:
            watcher.look(course)
        if course.ended_by:
            return course, second
    return course, None


def test_an_abort_threshold_ends_the_run_after_its_delay(tmp_path):
    """Not before the delay, soon after it; run.json says which expression and when."""
    text = "latency_p95_ms <= 100 over 5s for 2 abort after 20s"
    plan = plan_of(text, flags={"duration": "60s"})
    course, second = _play_thresholds(tmp_path, plan, 0.5)
    assert course.ended_by == "abort"
    assert 19 <= second <= 32
    assert course.abort == {"expression": text, "at_s": pytest.approx(second + 1)}


def test_a_threshold_that_holds_ends_nothing(tmp_path):
    """The same run, quick enough, goes on."""
    plan = plan_of("latency_p95_ms <= 100 over 5s for 2 abort", flags={"duration": "60s"})
    assert _play_thresholds(tmp_path, plan, 0.05)[0].ended_by is None


def test_thresholds_without_abort_are_not_watched(tmp_path):
    """They are judged afterwards."""
    assert not [
        w for w in watchers_of(_course(tmp_path, plan_of("latency_p95_ms <= 1"))) if isinstance(w, ThresholdWatch)
    ]


def test_a_stress_test_ends_once_it_has_shown_the_break(tmp_path):
    """Three windows running beyond what says where it broke."""
    plan = _breaking(plan_of("latency_p95_ms <= 100", flags={"test_type": "stress", "users": 50, "duration": "120s"}))
    course, second = _play_thresholds(tmp_path, plan, 0.5, 120)
    assert course.ended_by == "broken"
    assert course.abort is None
    assert second < 60


# crew and course


def test_lost_samples_and_lost_workers_are_told(tmp_path):
    """What a worker recorded and what arrived are compared; a dead worker keeps its region."""
    course = _course(tmp_path)
    good, bad = course.crew.join("a"), course.crew.join("b")
    bad.identity = {"region": "us-west-2", "host": "h", "pid": 7, "corrected_ms": 250.0}
    course.take_report(good, _report(_window(1, 4), samples=4))
    course.take_report(bad, _report(_window(1, 2), samples=9, skew_ms=-12.5))
    bad.gone = True
    record = course.record()
    assert (record["samples_lost"], record["workers_lost"], record["clock_skew_ms"]) == (7, 1, 12.5)
    assert record["workers"][1] == {
        "index": 1,
        "region": "us-west-2",
        "host": "h",
        "pid": 7,
        "samples_sent": 9,
        "samples_received": 2,
        "lost": True,
        "clock_skew_ms": 250.0,
    }


def test_a_report_after_the_last_changes_nothing(tmp_path):
    """Neither the files, which are closed, nor the counts."""
    course = _course(tmp_path)
    member = course.crew.join("a")
    course.take_report(member, _report(_window(1, 4), samples=4))
    course.settle(everything=True)
    course.take_report(member, _report(_window(1, 4), samples=8))
    assert member.received == 4


def test_arrivals_of_all_workers_add_up(tmp_path):
    """Counts are sums, lateness the worst."""
    course = _course(tmp_path)
    for client, late_ms in (("a", 3.0), ("b", 9.0)):
        course.crew.join(client).told = {"arrivals": {**_counts(), "late_max_ms": late_ms}}
    assert course.crew.arrivals() == {"scheduled": 20, "sent": 20, "unsent": 0, "waited": 0, "late_max_ms": 9.0}


def test_users_without_token_are_counted_once_after_the_ramp(tmp_path):
    """Two seconds after the last users came; what happens later does not count."""
    clock = FakeClock(START_S)
    course = _course(tmp_path, plan_of(flags={"duration": "30s"}), clock)
    member = course.crew.join("a")
    for elapsed_s, logged_in, expected in ((1, 0, None), (ramp_end_s(course.plan) + 2.1, 7, 3), (20, 10, 3)):
        clock.epoch_s = START_S + elapsed_s
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


# a performance on a podium without Locust


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
    monkeypatch.setattr("acgs_load.traffic.performance.FINAL_SPARE_S", 0.2)
    _, record = _perform(tmp_path, _Podium(answers=False), stop_timeout_s=0.1)
    assert record["workers_lost"] == 2
    assert "did not report in full" in record["errors"][0]


def test_a_worker_that_cannot_take_part_stops_the_run(tmp_path):
    """One clear line, before any user is spawned."""
    podium = _Podium(complaint="5000 users need more")
    with pytest.raises(GeneratorError, match="worker 0: 5000 users need more"):
        _perform(tmp_path, podium)
    assert podium.users == []


def test_a_late_worker_takes_over_the_arrivals_of_a_lost_one(tmp_path):
    """It is told plan, start and rate, in that order; a second one gets no arrivals."""
    told = []
    podium = _Podium()
    podium.post = lambda kind, data, client: told.append((kind, client, data))
    course = _course(tmp_path)
    performance = Performance(podium, course)
    for client in ("a", "b"):
        course.crew.join(client)
    course.crew.get("b").gone = True
    course.rate_told = {"from_s": 1.0, "rate": 5.0, "phase": "rate-5"}
    performance.join_late("c")
    performance.join_late("d")
    assert [(kind, client) for kind, client, _ in told] == [(k, c) for c in "cd" for k in (PLAN, START, RATE)]
    assert [data["slot"] for kind, _, data in told if kind == PLAN] == [1, None]


# around the run


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


def test_the_exporter_says_what_the_windows_say(tmp_path):
    """Requests by outcome, violations, and a cumulative histogram whose last bucket is everything."""
    totals, course = RunTotals(), _course(tmp_path)
    assert list(totals.collect()) == []
    totals.follow(course)
    for key, window in (_window(1, 3), _window(2, 2, latency_s=3.0), _window(2, 1, outcome=Outcome.TIMEOUT)):
        totals._see(key, window)
    samples = {
        (one.name, one.labels.get("outcome") or one.labels.get("le")): one.value
        for family in totals.collect()
        for one in family.samples
    }
    assert samples["acgs_load_requests_total", "ok"] == 5
    assert samples["acgs_load_requests_total", "timeout"] == 1
    assert samples["acgs_load_latency_seconds_bucket", "0.1"] == 4
    assert samples["acgs_load_latency_seconds_bucket", "5"] == 6
    assert samples["acgs_load_latency_seconds_bucket", "+Inf"] == samples["acgs_load_latency_seconds_count", None] == 6

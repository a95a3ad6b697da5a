"""The load is changed while a run goes on: obeyed as asked or refused in a line, and a phase of its own either way."""

from __future__ import annotations

import json
import time

import pytest
import requests
from course_fixture import START_S, FakeClock, course_in, plan_of, report_of, window_at
from locust_processes import Locust, free_port
from run_fixture import RunFixture

from acgs_load.analysis import judge
from acgs_load.analysis.reading.load import load_run
from acgs_load.errors import UsageError
from acgs_load.sample_pages import rows_of
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.master.edits import AHEAD_S, change_rate, change_users
from acgs_load.traffic.master.watchers import planned_timeline, watchers_of
from acgs_load.traffic.messages import RATE
from acgs_load.traffic.worker.arrivals import OpenArrivals
from acgs_load.traffic.worker.rate_curve import RateCurve
from acgs_load.traffic.worker.schedule import Deal, Schedule

LONG = {"users": 10, "duration": "100s"}


class _Going:
    """A run of 100 s that has gone on for 50, with two workers that keep what they are told."""

    def __init__(self, tmp_path, descriptors=100_000, **flags):
        self.told = []
        self.clock = FakeClock(START_S + 50)
        send = lambda kind, data, client: self.told.append((client, kind, data))  # noqa: E731
        self.course = course_in(tmp_path, plan_of(flags={**LONG, **flags}), self.clock, send)
        for client in ("a", "b"):
            self.course.crew.join(client).identity = {"descriptors": descriptors}
        self.shape = PlanShape()
        self.shape.follow(self.course.plan, lambda: self.course.elapsed_s)

    def users_after(self, seconds):
        self.clock.epoch_s = START_S + 50 + seconds
        return self.shape.tick()[0]

    def phases(self):
        return [(one.name, round(one.from_s, 1), round(one.to_s, 1), one.hold) for one in self.course.phases.until(100)]


@pytest.fixture
def going(tmp_path):
    return _Going(tmp_path)


def test_users_go_to_the_new_number_and_stay(going):
    """At the spawn rate that was asked for, up and down again; the plan's own levels are forgotten."""
    assert "from 10 to 30 users" in change_users(going.course, going.shape, 30, 4.0)
    assert [going.users_after(AHEAD_S + s) for s in (-0.1, 0, 1, 2.5, 5, 30)] == [10, 10, 14, 20, 30, 30]
    going.users_after(20)
    change_users(going.course, going.shape, 5, 5.0)
    assert [going.users_after(20 + AHEAD_S + s) for s in (0, 1, 5, 20)] == [30, 25, 5, 5]
    assert going.shape.tick()[1] >= 10


def test_a_change_is_a_phase_that_holds_after_its_ramp(going):
    """What was measured before it, on the way, and after it never mix; workers are told the same phases."""
    change_users(going.course, going.shape, 30, 4.0)
    assert going.phases()[-2:] == [("edit-1-ramp", 50.3, 55.3, False), ("edit-1", 55.3, 100.0, True)]
    assert [(client, kind, data["phase"], data["rate"]) for client, kind, data in going.told] == [
        (client, RATE, phase, None) for phase in ("edit-1-ramp", "edit-1") for client in ("a", "b")
    ]
    record = going.course.record()
    assert record["users"]["wanted"] == 30
    assert record["changes"] == [{"phase": "edit-1", "what": "users", "at_s": 50.3, "from": 10, "to": 30}]
    assert [one.name for one in planned_timeline(going.course).phases][-1] == "edit-1"


def test_a_rate_is_offered_from_one_moment_on_all_workers(tmp_path):
    """Told ahead, until the planned end and not beyond it."""
    going = _Going(tmp_path, rate="100")
    assert change_rate(going.course, 250.0) == "from 100 to 250 requests a second"
    assert change_rate(going.course, 0.0) == "from 250 to 0 requests a second"
    data = going.told[0][2]
    assert (data["from_s"], data["rate"], data["until_s"]) == (pytest.approx(50.3), 250.0, 100.0)
    assert [(name, hold) for name, _, _, hold in going.phases()][-1] == ("edit-2", False)
    assert [told["phase"] for told in going.course.rates_told] == ["edit-1", "edit-2"]


def test_the_schedule_follows_the_new_rate_to_the_planned_end():
    """100/s for five seconds, then 20/s up to the tenth: 600 arrivals, none after the end."""
    plan = plan_of(flags={"users": 10, "duration": "10s", "rate": "100"})
    schedule = Schedule(RateCurve.of(plan), Deal((0,), 1))
    before = sum(1 for _ in _due(schedule, 5.0))
    arrivals = OpenArrivals(plan, schedule, time.perf_counter() - 5.0)
    arrivals.change(5.0, 20.0, 10.0)
    after = list(_due(schedule, 100.0))
    assert len(after) == pytest.approx(100, abs=1)
    assert max(after) <= 10.0
    assert before + len(after) == pytest.approx(_planned(plan, 5.0) + 100, abs=1)


def _due(schedule, until_s):
    while (due_s := schedule.peek_s()) is not None and due_s <= until_s:
        yield due_s
        schedule.advance()


def _planned(plan, until_s):
    return sum(1 for _ in _due(Schedule(RateCurve.of(plan), Deal((0,), 1)), until_s))


REFUSED = [
    ({}, lambda g: change_rate(g.course, 50.0), "closed load has no rate"),
    ({"test_type": "capacity"}, lambda g: change_rate(g.course, 50.0), "sets the rate itself"),
    ({"rate": "100"}, lambda g: change_rate(g.course, -1.0), "rate -1"),
    ({"rate": "100"}, lambda g: change_rate(g.course, float("nan")), "rate nan"),
    ({}, lambda g: change_users(g.course, g.shape, 0, 1.0), "at least 1"),
    ({}, lambda g: change_users(g.course, g.shape, 5, 0.0), "spawn rate 0"),
    ({}, lambda g: change_users(g.course, g.shape, 300_000, 100.0), "150000 users in one worker need"),
]


@pytest.mark.parametrize(("flags", "change", "said"), REFUSED)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, flags, change, said):
    """And nothing of the run has changed."""
    going = _Going(tmp_path, **flags)
    before = going.phases()
    with pytest.raises(UsageError, match=said) as refused:
        change(going)
    assert "\n" not in str(refused.value)
    assert (going.phases(), going.told, going.course.changes) == (before, [], [])


def test_thresholds_with_abort_watch_the_changed_load_too(tmp_path):
    """A target that only breaks under the users who were added is seen to break."""
    plan = plan_of("latency_p95_ms <= 100 over 5s for 2 abort", flags={"users": 10, "duration": "60s"})
    clock = FakeClock(START_S)
    course, shape = course_in(tmp_path, plan, clock), PlanShape()
    shape.follow(plan, lambda: course.elapsed_s)
    member, watchers = course.crew.join("a"), watchers_of(course)
    for second in range(60):
        clock.epoch_s = START_S + second + 1
        if second == 20:
            change_users(course, shape, 500, 1_000.0)
        phase = course.phases.phase_at(second)
        latency_s = 0.5 if phase == "edit-1" else 0.05
        course.take_report(member, report_of(window_at(second, 5, latency_s=latency_s, phase=phase)))
        course.settle()
        for watcher in watchers:
            watcher.look(course)
        if course.ended_by:
            break
    assert course.ended_by == "abort"
    assert 30 <= second <= 42


def test_the_report_says_that_the_load_was_changed(tmp_path):
    """When, from what to what, and which phase it is; a run that nobody changed is not warned about."""
    fixture = RunFixture(tmp_path / "run").steady().sampled()
    assert not any("changed" in text for text in judge.report_of(load_run(fixture.write())).warnings)
    fixture.run["changes"] = [{"phase": "edit-1", "what": "rate", "at_s": 8.3, "from": 40.0, "to": 1200.0}]
    warned = " ".join(judge.report_of(load_run(fixture.write())).warnings)
    assert "rate 40 → 1,200 at 8 s (phase edit-1)" in warned


def _web(home, **environ):
    port = free_port()
    environ = {"ACGS_TEST_TYPE": "smoke", "ACGS_TARGET_HOST": "http://127.0.0.1:9", "ACGS_ANALYSIS": "false", **environ}
    run = Locust(home, None, **environ).start("--web-host", "127.0.0.1", "--web-port", str(port))
    run.when("Starting web interface")
    time.sleep(1)
    return run, f"http://127.0.0.1:{port}"


def _post(url, **form):
    return requests.post(url, data=form, timeout=30, headers={"Accept": "application/json"}).json()


@pytest.mark.slow
def test_the_web_ui_changes_a_run_that_goes_on(tmp_path):
    """Two real runs beside each other: Edit in a closed load, another rate in an open one; both in run.json."""
    closed, at_closed = _web(tmp_path / "closed")
    opened, at_open = _web(tmp_path / "open", ACGS_RATE="40", ACGS_USERS="20")
    try:
        assert "no run is going on" in _post(f"{at_open}/rate", rate="50")["message"]
        for url in (at_closed, at_open):
            form = {"user_count": "8", "spawn_rate": "8", "host": "http://127.0.0.1:9", "run_time": "14s"}
            assert _post(f"{url}/swarm", **form)["success"]
        for run in (closed, opened):
            run.when("windows.jsonl")
        time.sleep(5)  # the ramp is over
        assert "Change the rate" in requests.get(at_open, timeout=30).text
        assert not _post(f"{at_closed}/rate", rate="50")["success"]
        assert not _post(f"{at_closed}/swarm", user_count="many", spawn_rate="1")["success"]
        assert not _post(f"{at_closed}/swarm", user_count="9", spawn_rate="1", run_time="9s")["success"]
        assert "from 8 to 24 users" in _post(f"{at_closed}/swarm", user_count="24", spawn_rate="16")["message"]
        assert _post(f"{at_open}/rate", rate="120") == {
            "success": True,
            "message": "from 40 to 120 requests a second",
        }
        records = [_finished(run) for run in (closed, opened)]
    finally:
        closed.stop()
        opened.stop()
    assert [record["ended_by"] for record in records] == ["plan", "plan"]
    assert records[0]["users"] == {"wanted": 24, "reached": 24, "without_token": 0}
    assert [phase["name"] for phase in records[0]["phases"]] == ["ramp", "hold", "edit-1-ramp", "edit-1"]
    assert records[1]["changes"][0] | {"at_s": 0} == {
        "phase": "edit-1",
        "what": "rate",
        "at_s": 0,
        "from": 40.0,
        "to": 120.0,
    }
    edit = next(phase for phase in records[1]["phases"] if phase["name"] == "edit-1")
    lines = [line for place in (tmp_path / "open").rglob("windows.jsonl") for line in place.open()]
    rows = [row for line in lines for row in rows_of(json.loads(line))]
    sent = sum(row["samples"] for row in rows if row["phase"] == "edit-1")
    assert sent == pytest.approx(120 * (edit["to_s"] - edit["from_s"]), abs=3)
    assert records[1]["arrivals"]["unsent"] == 0


def _finished(run):
    deadline_s = time.monotonic() + 60
    while not (found := list(run.folder.path.rglob("run.json"))) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    assert found, run.log
    return json.loads(found[0].read_text())

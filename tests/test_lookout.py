"""How a run stands while it goes on: the same figures as the report's, in memory that does not grow with the run."""

from __future__ import annotations

import random

import pytest
from course_fixture import START_S, FakeClock, course_in, plan_of, report_of, sample

from acgs_load.contract import Outcome, Violation
from acgs_load.health import HealthRow
from acgs_load.histogram import Histogram
from acgs_load.measures import measure
from acgs_load.samples import Window, WindowKey
from acgs_load.snapshot import Snapshot
from acgs_load.thresholds import judge, read
from acgs_load.timeline import Timeline
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.master.ledger import ALL, STRETCHES_MAX, Ledger
from acgs_load.traffic.master.lookout import Lookout
from acgs_load.traffic.master.target_tail import TargetTail
from acgs_load.traffic.phases import AFTER

OPERATIONS = (("policy_get", "policy"), ("audit_create", "integrity"), ("auth_login", ""))


class Run:
    """A run of a minute that a test plays second by second, with two regions."""

    def __init__(self, tmp_path, duration="60s", **changes):
        self.clock, self.chance, self.truth = FakeClock(START_S), random.Random(7), {}
        plan = plan_of(flags={"users": 10, "duration": duration}, **changes)
        self.course = course_in(tmp_path, plan, self.clock)
        self.member = self.course.crew.join("a")
        self.member.identity = {"region": "eu"}
        shape = PlanShape()
        shape.follow(plan, lambda: self.course.elapsed_s)
        self.course.under_way = True
        self.lookout = Lookout(self.course, shape)

    def play(self, seconds, count=6, violations=(), latency_s=None):
        """So many seconds more, with ``count`` answers in each."""
        for _ in range(seconds):
            second = int(self.clock.epoch_s)
            windows = []
            for region in ("eu", "us"):
                for operation, scenario in OPERATIONS:
                    window = self._window(second, count, operation, scenario, violations, latency_s)
                    phase = self.course.phases.phase_at(second - START_S)
                    windows.append((WindowKey(second, region, scenario, operation, phase), window))
            self.truth |= {key: Window.from_wire(window.to_wire()) for key, window in windows}
            self.course.take_report(self.member, report_of(*windows))
            self.clock.epoch_s += 1
            self.course.count_users(10)
            self.course.settle()
        self.lookout.publish()
        return self.lookout.latest

    def _window(self, second, count, operation, scenario, violations, latency_s):
        window = Window()
        for _ in range(count):
            bad = operation == "audit_create" and violations
            window.add(
                sample(
                    operation,
                    Outcome.FAILED_CHECK if bad else self.chance.choice([Outcome.OK] * 9 + [Outcome.HTTP_ERROR]),
                    scenario=scenario,
                    latency_s=latency_s or self.chance.uniform(0.001, 0.2),
                    violations=violations if bad else (),
                    score=1.0,
                ),
                second + 0.5,
            )
        return window

    def finish(self, after_s=0):
        """The end; what is under way takes ``after_s`` more."""
        self.course.ended_s = self.clock.epoch_s
        self.course.end("plan")
        self.course.phases.enter(self.course.elapsed_s, AFTER)
        self.clock.epoch_s += after_s
        self.course.settle(everything=True)
        self.lookout.close()
        return self.lookout.latest

    def timeline(self):
        """The same windows as the analysis reads them."""
        end_s = self.course.ended_s - self.course.started_s
        phases = [phase for phase in self.course.phases.until(end_s) if phase.name != AFTER]
        timeline = Timeline(START_S, phases)
        for key, window in self.truth.items():
            timeline.add(key, window)
        return timeline


def test_at_the_end_it_says_what_the_report_says(tmp_path):
    """Percentiles, ratios, counts and every threshold; the file holds the same as who asks is told."""
    run = Run(tmp_path)
    run.play(60, violations=(Violation.CHAIN_BROKEN,))
    last, timeline = run.finish(), run.timeline()
    part = timeline.slice()
    assert last.state == "ended"
    for name, value in (
        ("latency_p50_ms", last.total.p50_ms),
        ("latency_p95_ms", last.total.p95_ms),
        ("latency_p99_ms", last.total.p99_ms),
        ("error_ratio", last.total.error_ratio),
        ("compliance_score", last.total.compliance),
    ):
        assert value == pytest.approx(measure(name, part).value), name
    assert last.total.requests == 60 * 6 * 3 * 2
    assert last.total.violations == sum(row.count for row in last.violations) == 60 * 6 * 2
    assert {row.first_s for row in last.violations} == {0.0}
    for told, text in zip(last.thresholds, run.course.plan.thresholds, strict=True):
        judged = judge(read(text), timeline, {})
        assert (told.state, told.value) == (judged.state, pytest.approx(judged.value)), text.expression
    assert Snapshot.from_json((tmp_path / "progress.json").read_text()) == last


def test_the_last_ten_seconds_are_those_that_settled(tmp_path):
    """What was slow before them does not count, what is not settled yet does not either."""
    run = Run(tmp_path)
    run.play(20, latency_s=0.9)
    snap = run.play(13, count=9, latency_s=0.01)
    assert snap.recent_s == 10.0
    assert snap.recent.requests == 10 * 9 * 3 * 2
    assert snap.recent.p99_ms == pytest.approx(10, rel=0.01)
    assert snap.total.p99_ms == pytest.approx(900, rel=0.01)
    assert (snap.users, snap.users_wanted, snap.phase) == (10, 10, "hold")
    assert {part.name: part.recent.requests for part in snap.regions} == {"eu": 270, "us": 270}
    assert {part.name for part in snap.scenarios} == {"policy", "integrity"}


def test_at_the_end_the_last_ten_seconds_are_those_of_the_load(tmp_path):
    """Not those in which the last answers were waited for."""
    run = Run(tmp_path)
    run.play(20)
    snap = run.finish(after_s=25)
    assert snap.recent.requests == pytest.approx(10 * 6 * 3 * 2, rel=0.11)
    assert snap.recent_s == 10.0


def test_at_the_beginning_nothing_is_measured(tmp_path):
    """Not measured is None, and no threshold holds or fails by itself."""
    snap = Run(tmp_path).lookout.latest
    assert (snap.recent.p95_ms, snap.recent.rps, snap.recent.compliance) == (None, None, None)
    assert {one.state for one in snap.thresholds} == {"not_measured"}
    assert snap.target is None


def test_the_course_of_a_long_run_stays_short_and_exact():
    """However long, at most so many stretches; each has the percentile of everything in it."""
    ledger, chance, everything = Ledger(START_S), random.Random(1), {}
    for second in range(3_000):
        latencies = [chance.uniform(0.001, 1.0) for _ in range(3)]
        window = Window()
        for latency_s in latencies:
            window.add(sample(latency_s=latency_s, score=1.0), START_S + second)
        ledger.see(WindowKey(int(START_S) + second, "eu", "policy", "policy_get", "hold"), window)
        ledger.count_users(int(START_S) + second, second)
        everything.setdefault(second // 16, []).extend(latencies)
        if second % 500 == 0:
            ledger.series(ALL, int(START_S) + second)  # what is told early is told again when more is known
    course = ledger.series(ALL, int(START_S) + 3_000)
    assert course.width_s == 16
    assert len(course.p95_ms) == 3_000 // 16 <= STRETCHES_MAX
    for place, value in enumerate(course.p95_ms):
        truth = Histogram.of(round(one * 1e6) for one in everything[place]).percentile_us(0.95)
        assert value == pytest.approx(truth / 1e3)
    assert course.users[:3] == (15, 31, 47)
    assert set(course.rps) == {3.0}
    assert len(ledger._recent) <= 3_000
    ledger.recent(ALL, int(START_S) + 3_000)
    assert len(ledger._recent) == 10


def test_a_late_window_changes_the_stretch_it_belongs_to():
    """A worker that was behind is not lost to the chart."""
    ledger, window = Ledger(START_S), Window()
    window.add(sample(latency_s=0.1), START_S)
    for second in range(20):
        ledger.see(WindowKey(int(START_S) + second, "eu", "policy", "policy_get", "hold"), window)
    assert ledger.series(ALL, int(START_S) + 20).rps[5] == 1.0
    ledger.see(WindowKey(int(START_S) + 5, "eu", "policy", "policy_get", "hold"), window)
    assert ledger.series(ALL, int(START_S) + 20).rps[5] == 2.0


def test_warnings_are_given_once(tmp_path):
    """A first violation, a threshold, a saturated process, a lost worker: in words, with when and where."""
    run = Run(tmp_path)
    for second in range(6):
        row = HealthRow(int(START_S) + second, "worker-0", "eu", 0.97, 1, 150.0, 10, 10, 0, 2)
        run.course.take_health([row])
        before = run.play(4, violations=(Violation.CHAIN_BROKEN,))
    run.member.gone = True
    after = run.play(1)
    assert [[one.gone for one in snap.processes] for snap in (before, after)] == [[False], [True]]
    said = [one.text for one in after.warnings]
    assert len(said) == len(set(said))
    for words in (
        "chain_broken in audit_create, first at 0 s",
        "chain_integrity = 1 does not hold",
        "worker-0 uses 97% of its core",
        "worker-0 is held up for 150 ms",
        "no user is free",
        "worker 0 (eu) is gone",
    ):
        assert sum(words in text for text in said) == 1, (words, said)
    assert not any("throughput" in text for text in said)


def test_a_calm_run_warns_of_nothing(tmp_path):
    """A healthy process, a threshold that holds: silence."""
    run = Run(tmp_path, thresholds=())
    run.course.take_health([HealthRow(int(START_S), "worker-0", "eu", 0.5, 1, 5.0, 10, 10, 0, 0)])
    assert run.play(20).warnings == ()


def test_isolation_and_chain_are_told_apart(tmp_path):
    """By region and by operation; a breach in one region leaves the other whole."""
    run = Run(tmp_path)
    key = WindowKey(int(START_S), "eu", "tenant", "cross_tenant_access_attempt", "hold")
    for region, breaches in (("eu", 1), ("us", 0)):
        window = Window()
        for number in range(4):
            breach = number < breaches
            window.add(
                sample(
                    key.operation,
                    scenario="tenant",
                    isolation_right=not breach,
                    violations=(Violation.ISOLATION_BREACH,) if breach else (),
                ),
                START_S + 0.5,
            )
        run.lookout._see(key._replace(region=region), window)
    snap = run.play(10, violations=(Violation.CHAIN_BROKEN,))
    assert {row.name: (row.judged, row.wrong, row.integrity) for row in snap.isolation} == {
        "eu": (4, 1, 0.75),
        "us": (4, 0, 1.0),
    }
    (chain,) = [row for row in snap.chain if row.name == "audit_create"]
    assert (chain.judged, chain.wrong, chain.integrity) == (84, 84, 0.0)  # seven of the ten seconds have settled


ROWS = (
    "second,source,cpu,memory,memory_bytes\n"
    "100,process tree,0.2,0.5,1\n"
    "101,process tree,0.4,0.5,1\n"
    "102,process tree,,0.6,1\n"
)


def test_the_target_s_rows_are_followed_as_they_come(tmp_path):
    """Half a line waits for its rest; means are of what holds; an old row says nothing of now."""
    path = tmp_path / "resources.csv"
    tail = TargetTail(path, lambda second: second >= 101)
    tail.read()
    assert tail.target(100.0) is None
    path.write_text(ROWS[:70])
    tail.read()
    path.write_text(ROWS)
    tail.read()
    target = tail.target(103.0)
    assert (target.source, target.cpu, target.memory) == ("process tree", None, 0.6)
    assert (target.cpu_mean, target.memory_mean) == (0.4, pytest.approx(0.55))
    assert tail.measures()["target_cpu"][:3] == (0.4, "ratio", 1)
    stale = tail.target(120.0)
    assert (stale.cpu, stale.memory, stale.cpu_mean) == (None, None, 0.4)

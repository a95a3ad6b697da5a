"""Runs whose truth is known by construction: breaking point, capacity, recovery, drift and comparison find it."""

from __future__ import annotations

import math
import random

import pytest
from model import Queue, Target, closed_load, constant, exponential, lognormal, open_load, recorded, searched
from run_fixture import plan_of, thresholds

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.judging.knee import knee_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.story import findings_text
from acgs_load.plan import Plan, Search, Stage, ThresholdText

LEVELS = tuple(range(25, 251, 25))
THINK_S = 0.5


def report(fixture, **options):
    """What the analyzer says of the folder."""
    return report_of(load_run(fixture.write()), **options)


def test_the_queue_waits_as_queueing_theory_says():
    """M/M/1 at 70 % load: mean time in the system is 1 ÷ (μ − λ) (Erlang); M/D/1 waits half as long."""
    for service, expected_s in ((exponential(0.01), 0.0333), (constant(0.01), 0.01 + 0.7 * 0.01 / 2 / 0.3)):
        chance = random.Random(5)
        queue, at_s, spent = Queue(Target(servers=1, service=service), seed=1), 0.0, []
        for _ in range(60_000):
            at_s += chance.expovariate(70)
            one = queue.serve(at_s)
            spent.append(one.done_s - one.due_s)
        assert sum(spent) / len(spent) == pytest.approx(expected_s, rel=0.08)


def stairs() -> Plan:
    """Stairs of 25 users every 12 s."""
    stages = []
    for users in LEVELS:
        stages.append(Stage(f"climb-{users}", 2, users - 25, users))
        stages.append(Stage(f"step-{users}", 10, users, users, hold=True))
    limits = (ThresholdText("latency_p95_ms <= 150", "default", breaking=True),)
    return plan_of(test_type="stress", stages=tuple(stages), users_max=250, thresholds=limits)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stress_finds_the_knee(tmp_path, seed):
    """Four servers of 20 ms serve 200 a second; with half a second of thinking, 104 users keep them busy."""
    target, plan = Target(4, lognormal(0.02)), stairs()
    fixture = recorded(tmp_path / "run", plan, target, closed_load(Queue(target, seed), plan, THINK_S, seed))
    point = report(fixture).breaking_point
    assert point.knee.highest_rps == pytest.approx(200, rel=0.05)
    assert point.knee.load == pytest.approx(104, rel=0.1)
    assert point.knee.load_low <= point.knee.load <= point.knee.load_high
    # the interactive response time law (Denning and Buzen): R = N ÷ X − Z, so 150 ms are passed at 130 users
    assert (point.good.users, point.broke.users) in {(100, 125), (125, 150)}


def test_a_target_that_never_breaks_has_no_knee(tmp_path):
    """Room for ten times as much: no step breaks, no knee is invented."""
    target, plan = Target(40, lognormal(0.02)), stairs()
    fixture = recorded(tmp_path / "run", plan, target, closed_load(Queue(target, 1), plan, THINK_S, 1))
    point = report(fixture).breaking_point
    assert (point.broke, point.knee) == (None, None)


def test_the_laws_are_told_apart():
    """Points of each law are recognised, and its parameters found."""
    line = [(load, min(0.9 * load, 1340.0)) for load in range(300, 3001, 300)]
    hard = knee_of(line)
    assert (hard.law, round(hard.load), round(hard.highest_rps)) == ("hard limit", 1489, 1340)
    bent = knee_of([(n, n / (1 + 3e-4 * (n - 1) + 1e-7 * n * (n - 1))) for n in range(300, 3001, 300)])
    assert bent.law == "universal scalability law"
    assert (bent.contention, bent.coherence) == (pytest.approx(3e-4, rel=1e-3), pytest.approx(1e-7, rel=1e-3))
    assert knee_of([(n, 0.9 * n) for n in range(300, 3001, 300)]) is None
    assert knee_of(line[:3]) is None


@pytest.mark.parametrize(("servers", "mean_s"), [(4, 0.02), (1, 0.02), (8, 0.01)])
def test_capacity_is_found_within_a_tenth(tmp_path, servers, mean_s):
    """The search's own bracket against queues of 200, 50 and 800 requests a second; said in a sentence."""
    target, truth = Target(servers, lognormal(mean_s)), servers / mean_s
    plan = plan_of(
        test_type="capacity",
        load="search",
        stages=(Stage("search", 240, 50, 50, hold=True),),
        search=Search(30, 6, 1.5, 1.5, 0.05),
        thresholds=thresholds("latency_p95_ms <= 500", source="default"),
    )
    found = report(searched(tmp_path / "run", plan, target, 3, 0.5))
    assert found.breaking_point.capacity_rps == pytest.approx(truth, rel=0.1)
    assert found.breaking_point.broke.rate <= 1.06 * found.breaking_point.capacity_rps
    assert findings_text(found)[0].startswith(f"capacity: holds {found.breaking_point.capacity_rps:g} RPS at p95 ≤ 500")
    assert f"breaks at {found.breaking_point.broke.rate:g}" in findings_text(found)[0]


@pytest.mark.parametrize(("top_rps", "seed"), [(300, 1), (400, 2), (150, 3)])
def test_recovery_is_when_the_line_is_gone(tmp_path, top_rps, seed):
    """200 a second are served; the line that a spike leaves is worked off at what the calm load leaves free."""
    levels = [("baseline", 20, 50, 50), ("rise", 5, 50, top_rps), ("hold", 15, top_rps, top_rps)]
    levels += [("fall", 5, top_rps, 50), ("recovery", 45, 50, 50)]
    stages = tuple(Stage(name, length, 9, 9, low, high, name == "hold") for name, length, low, high in levels)
    plan = plan_of(test_type="spike", load="open", rate=top_rps, users_max=9, stages=stages, thresholds=())
    target = Target(4, lognormal(0.02, 0.3))
    fixture = recorded(tmp_path / "run", plan, target, open_load(Queue(target, seed), plan.rate_at, 0, 90))
    back = report(fixture).recovery
    assert back.fall_s == 40
    assert back.seconds == pytest.approx(_line_gone_s(plan) - 40, abs=5.5)


def _line_gone_s(plan: Plan) -> float:
    """When the line of a server of 200 a second is empty again after 40 s: the integral of what comes too much."""
    line, at_s = 0.0, 0.0
    while at_s < 40 or line > 0:
        line, at_s = max(0.0, line + (plan.rate_at(at_s) - 200) * 0.01), at_s + 0.01
    return at_s


def hour(path, seed, target):
    """Twenty minutes at 12 requests a second, as an endurance test."""
    stages = (Stage("hold", 1200, 9, 9, 12.0, 12.0, True),)
    plan = plan_of(test_type="endurance", load="open", rate=12, users_max=9, stages=stages, thresholds=())
    return recorded(path, plan, target, open_load(Queue(target, seed), plan.rate_at, 0, 1200))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_drift_is_found_and_measured(tmp_path, seed):
    """Service times grow by half an hour, memory by 1 GB an hour, errors to 4 %; on a target whose speed wavers."""
    target = Target(
        8,
        lognormal(0.02, 0.3),
        slower=lambda at_s: 1 + 1.5 * at_s / 3600,
        noise=(0.05, 0.9),
        errors=lambda at_s: 0.12 * at_s / 3600,
        memory_bytes=lambda at_s: 2e9 + 1e9 * at_s / 3600 + 1e6 * math.sin(at_s),
    )
    trends = {trend.measure: trend for trend in report(hour(tmp_path / "run", seed, target)).drift}
    assert {name for name, trend in trends.items() if trend.drifting} == set(trends)
    assert trends["target_memory_bytes"].slope_per_hour == pytest.approx(1e9, rel=0.02)
    assert trends["latency_p95_ms"].slope_per_hour == pytest.approx(0.02 * 1.57 * 1.5 * 1e3, rel=0.35)
    assert trends["error_ratio"].slope_per_hour == pytest.approx(0.12, rel=0.4)


def test_a_target_that_wavers_does_not_drift(tmp_path):
    """Speeds that remember the last twenty seconds look like trends: the plain test calls the run of seed 3 one."""
    target = Target(8, lognormal(0.02, 0.3), noise=(0.1, 0.95))
    for seed in (0, 1, 2, 3, 8):
        found = report(hour(tmp_path / str(seed), seed, target))
        assert not [trend.measure for trend in found.drift if trend.drifting]


def test_two_runs_of_a_queue_compare(tmp_path):
    """The same target twice is not called slower; one whose service takes a fifth longer is, with the true ratio."""
    stages = (Stage("hold", 120, 9, 9, 60.0, 60.0, True),)
    plan = plan_of(load="open", rate=60, users_max=9, stages=stages, thresholds=())

    def run(name, seed, slower):
        target = Target(4, lognormal(0.02), slower=lambda _: slower, noise=(0.05, 0.8))
        served = open_load(Queue(target, seed), plan.rate_at, 0, 120)
        return recorded(tmp_path / name, plan, target, served)

    base = str(run("base", 1, 1.0).write().path)
    same = report(run("same", 2, 1.0), baseline=base, max_regression=0.05)
    assert not same.comparison.beyond
    slow = report(run("slow", 3, 1.2), baseline=base, max_regression=0.05)
    mean = next(row for row in slow.comparison.changes if (row.operation, row.measure) == ("", "latency_avg_ms"))
    assert mean.beyond
    assert mean.low < 0.2 < mean.high
    assert slow.verdict.status == "FAIL"

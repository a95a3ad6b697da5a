"""Breaking point, capacity, recovery, baseline: found where they were put, not where they were not."""

from dataclasses import replace

import pytest
from run_fixture import RunFixture, plan_of, thresholds

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.story import findings_text
from acgs_load.contract import Outcome
from acgs_load.errors import ExitCode, UsageError
from acgs_load.plan import Search, Stage, ThresholdText

STEPS = (10, 20, 30)


def report(fixture, **options):
    """The report of what was planted."""
    return report_of(load_run(fixture.write()), **options)


def stairs(path, broken_from=None, min_capacity=None, fault=None):
    """Three steps of 10 s at 1 request a second and user; p95 is 10 ms, or 3 s from a step on."""
    stages = []
    for users in STEPS:
        stages.append(Stage(f"climb-{users}", 2, users - 10, users))
        stages.append(Stage(f"step-{users}", 10, users, users, hold=True))
    texts = (
        ThresholdText("latency_p95_ms <= 2000", "default", breaking=True),
        ThresholdText("throughput_rps >= 27", "default", breaking=True),
        ThresholdText("error_ratio <= 0.01", "default", breaking=True),
        ThresholdText("read_consistency = 1", "default"),
    )
    plan = plan_of(test_type="stress", stages=tuple(stages), users_max=30, thresholds=texts, min_capacity=min_capacity)
    fixture = RunFixture(path / "run", plan).watched()
    for second in range(36):
        users = STEPS[second // 12]
        slow = broken_from is not None and users >= broken_from
        fixture.add(second, "policy_get", [3000 if slow else 10] * users)
    if fault:
        fixture.add(20, "policy_get", [10], Outcome.FAILED_CHECK, violations=(fault,))
    return fixture


def test_stress_finds_the_step_that_broke(tmp_path):
    """Last good step, first bad step, the threshold that broke; and the run passes, for that is what it looks for."""
    found = report(stairs(tmp_path, broken_from=30))
    point = found.breaking_point
    assert (point.good.name, point.good.users, point.good.throughput_rps) == ("step-20", 20, 20)
    assert (point.broke.name, point.broke.users) == ("step-30", 30)
    assert [text.split(":")[0] for text in point.broke.broke] == ["latency_p95_ms <= 2000"]
    assert point.capacity_rps == 20
    assert found.verdict.status == "PASS"
    assert next(row for row in found.verdict.findings if row.measure == "latency_p95_ms").state == "fail"
    assert "held 20 users" in findings_text(found)[0]
    assert "broke at 30 users" in findings_text(found)[0]


def test_stress_that_never_breaks(tmp_path):
    """All steps held: the breaking point lies above. A step owes its share of the throughput, not all of it."""
    point = report(stairs(tmp_path)).breaking_point
    assert point.broke is None
    assert point.good.name == "step-30"
    assert [step.broke for step in point.steps] == [(), (), ()]


def test_stress_that_breaks_at_once(tmp_path):
    """Not even the first step held: no good step, no capacity."""
    found = report(stairs(tmp_path, broken_from=10, min_capacity=5))
    assert found.breaking_point.good is None
    assert found.breaking_point.capacity_rps is None
    assert (found.verdict.status, found.verdict.exit_code) == ("FAIL", ExitCode.FAILED)
    assert "no load was found" in found.verdict.reasons[0]


def test_a_threshold_on_one_step_speaks_of_that_step(tmp_path):
    """Of a latency, that step alone; of a throughput, every step owes its share of what that one owes."""
    fixture = stairs(tmp_path, broken_from=20)
    texts = ("latency_p95_ms <= 2000 during step-30", "throughput_rps >= 40 during step-20")
    fixture.plan = replace(fixture.plan, thresholds=tuple(ThresholdText(text, "flag", breaking=True) for text in texts))
    steps = report(fixture).breaking_point.steps
    assert [step.broke for step in steps] == [
        ("throughput_rps >= 20: 10 RPS",),
        ("throughput_rps >= 40: 20 RPS",),
        ("latency_p95_ms <= 2000: 3,000 ms", "throughput_rps >= 60: 30 RPS"),
    ]


@pytest.mark.parametrize(("least", "status"), [(20, "PASS"), (20.1, "FAIL")])
def test_min_capacity_decides(tmp_path, least, status):
    """Below --min-capacity the run fails."""
    assert report(stairs(tmp_path, broken_from=30, min_capacity=least)).verdict.status == status


def test_stress_fails_on_integrity(tmp_path):
    """Breaking is allowed, lying is not."""
    found = report(stairs(tmp_path, broken_from=30, fault="stale_read"))
    assert found.verdict.status == "FAIL"
    assert [row.measure for row in found.verdict.findings if row.decides and row.state == "fail"] == [
        "read_consistency"
    ]


def test_capacity_tells_what_the_search_found(tmp_path):
    """Its steps with what the windows measured in each, and the rate that held."""
    plan = plan_of(
        test_type="capacity",
        load="search",
        stages=(Stage("search", 30, 50, 50, hold=True),),
        search=Search(10, 10, 2, 2.0, 0.1),
        thresholds=thresholds("read_consistency = 1", source="default"),
        min_capacity=25,
    )
    fixture = RunFixture(tmp_path / "run", plan).watched()
    for second, rate in enumerate([10] * 10 + [20] * 10 + [30] * 10):
        fixture.add(second, "policy_get", [10 if rate < 30 else 4000] * rate)
    rows = [(10, 0, True, []), (20, 10, True, []), (30, 20, False, ["latency_p95_ms <= 2000"])]
    fixture.run["search"] = {
        "steps": [
            {"rate": rate, "from_s": at, "to_s": at + 10, "held": held, "broke": broke, "throughput_rps": rate}
            for rate, at, held, broke in rows
        ],
        "held_rps": 20.0,
        "broke_rps": 30.0,
    }
    found = report(fixture)
    assert found.breaking_point.capacity_rps == 20
    assert [step.throughput_rps for step in found.breaking_point.steps] == [10, 20, 30]
    assert found.breaking_point.broke.broke == ("latency_p95_ms <= 2000",)
    assert found.breaking_point.broke.latency_p95_ms == pytest.approx(4000, rel=0.004)
    assert found.verdict.status == "FAIL"
    assert "only 20.0 RPS" in found.verdict.reasons[0]


def spike(path, slow_until, load="closed"):
    """20 s at 5 users, up to 50 within 10 s, 20 s there, back within 10 s, 40 s after; slow until some second."""
    levels = [("baseline", 20, 5, 5, False), ("rise", 10, 5, 50, False), ("hold", 20, 50, 50, True)]
    levels += [("fall", 10, 50, 5, False), ("recovery", 40, 5, 5, False)]
    rates = load == "open"
    stages = tuple(
        Stage(
            name,
            length,
            50 if rates else low,
            50 if rates else high,
            low if rates else None,
            high if rates else None,
            hold,
        )
        for name, length, low, high, hold in levels
    )
    if rates:
        stages = (Stage("users", 5, 0, 50, 0.0, 0.0), *stages)
    plan = plan_of(test_type="spike", stages=stages, load=load, rate=50 if rates else None, thresholds=())
    fixture = RunFixture(path / "run", plan).watched()
    shift = 5 if rates else 0
    for second in range(100):
        fixture.add(second + shift, "policy_get", [500 if 25 <= second < slow_until else 10] * 10)
    return fixture


@pytest.mark.parametrize(
    ("slow_until", "seconds"), [(50, 0), (55, 5), (61, 15), (70, 20), (86, None), (85, 35), (100, None)]
)
def test_recovery_counts_from_the_fall(tmp_path, slow_until, seconds):
    """The first of three calm windows of 5 s, counted from where the load begins to fall (50 s)."""
    back = report(spike(tmp_path, slow_until)).recovery
    assert back.seconds == seconds
    assert back.fall_s == 50
    assert back.latency_before_p95_ms == pytest.approx(10, rel=0.004)
    assert back.latency_spike_p95_ms == pytest.approx(500, rel=0.004)
    assert back.latency_limit_ms == pytest.approx(17, rel=0.01)


def test_recovery_in_open_load(tmp_path):
    """The shape is read off the rates where users stay the same."""
    back = report(spike(tmp_path, 55, load="open")).recovery
    assert (back.seconds, back.fall_s) == (5, 55)


def test_errors_delay_recovery(tmp_path):
    """Quick errors are no recovery."""
    fixture = spike(tmp_path, 50)
    for second in range(50, 60):
        fixture.add(second, "policy_get", [1] * 5, Outcome.HTTP_ERROR)
    assert report(fixture).recovery.seconds == 10


def test_silence_is_no_recovery(tmp_path):
    """A target that answers nothing has not come back."""
    fixture = spike(tmp_path, 50)
    fixture.windows = {key: window for key, window in fixture.windows.items() if key.phase not in ("fall", "recovery")}
    assert report(fixture).recovery.seconds is None


def test_no_recovery_where_the_spike_was_not_reached(tmp_path):
    """An interrupted spike, and every other type, has none."""
    fixture = spike(tmp_path, 50)
    fixture.run["phases"] = fixture.run["phases"][:3]
    assert report(fixture).recovery is None
    assert report(RunFixture(tmp_path / "other").steady()).recovery is None


def test_a_baseline_is_put_beside(tmp_path):
    """Ratios of every measure, and thresholds relative to the earlier run."""
    before = RunFixture(tmp_path / "before").steady(latency_ms=10).write()
    fixture = RunFixture(tmp_path / "run", plan_of(thresholds=thresholds("latency_p95_ms <= 1.10 * baseline")))
    found = report(fixture.steady(latency_ms=12), baseline=str(before.path))
    rows = {row.measure: row for row in found.comparison.rows}
    assert rows["latency_p95_ms"].ratio == pytest.approx(1.2, rel=0.01)
    assert rows["throughput_rps"].ratio == 1
    assert found.verdict.status == "FAIL"
    assert found.verdict.findings[0].limit == pytest.approx(11, rel=0.01)
    assert found.comparison.differences == ()


def test_unlike_loads_are_said(tmp_path):
    """A baseline of another load is compared, with the differences named."""
    before = RunFixture(tmp_path / "before", plan_of(users_max=40)).steady().write()
    found = report(RunFixture(tmp_path / "run").steady(), baseline=str(before.path))
    assert found.comparison.differences == ("users_max: 40 then, 20 now",)


def test_a_baseline_that_is_none(tmp_path):
    """One line that names it."""
    fixture = RunFixture(tmp_path / "run").steady()
    with pytest.raises(UsageError, match=r"--baseline .*no such folder"):
        report(fixture, baseline=str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"--baseline .*no plan\.json"):
        report(fixture, baseline=str(tmp_path / "empty"))


def test_recovery_is_told_with_what_it_means(tmp_path):
    """How long, or that nothing was seen of it; by which measure; and that it decides nothing."""
    (came,) = findings_text(report(spike(tmp_path / "came", 55)))
    assert came.startswith(
        "recovery: 5 s after the load began to fall (p95 at most 17 ms and errors at most 1 % for 15 s;"
    )
    (never,) = findings_text(report(spike(tmp_path / "never", 100)))
    assert never.startswith("recovery: none in the 50 s watched after the load began to fall")
    assert never.endswith("decides nothing)")

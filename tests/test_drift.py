"""Drift: found where it was put, not where chance explains it."""

import pytest
from run_fixture import RunFixture, plan_of
from test_analysis_special import report

from acgs_load.analysis.judging.trend import mann_kendall_p
from acgs_load.plan import Stage


def endurance(path, latency_ms, memory=lambda at: 1e9):
    """600 s of hold in which latency and memory follow a course."""
    stages = (Stage("ramp", 5, 0, 20), Stage("hold", 600, 20, 20, hold=True))
    fixture = RunFixture(path / "run", plan_of(test_type="endurance", stages=stages, thresholds=())).watched()
    for second in range(605):
        fixture.add(second, "policy_get", [latency_ms(second)] * 2)
        fixture.resources.append((fixture.run["started_s"] + second, "metrics", 0.1, 0.1, int(memory(second))))
    fixture.resources = [(int(second), *rest) for second, *rest in fixture.resources]
    return fixture


def test_drift_is_found_where_it_is(tmp_path):
    """A latency that doubles and a memory that grows are called; a noisy level is not."""
    found = report(endurance(tmp_path, lambda at: 10 + at / 60, lambda at: 1e9 + 1e6 * at))
    latency, errors, memory = found.drift
    assert (latency.measure, latency.drifting) == ("latency_p95_ms", True)
    assert latency.slope_per_hour == pytest.approx(60, rel=0.05)
    assert latency.change == pytest.approx(10, rel=0.05)
    assert (errors.drifting, errors.p_value) == (False, 1.0)
    assert memory.drifting
    assert memory.slope_per_hour == pytest.approx(3.6e9, rel=0.02)
    assert any("latency_p95_ms drifts" in text for text in found.warnings)


def test_noise_and_trifles_are_no_drift(tmp_path):
    """A level that jumps about has no trend; a rise of 2 % is certain, and too small to matter."""
    noise = report(endurance(tmp_path, lambda at: 10 + (at * 7919 % 13) / 10)).drift
    assert not any(trend.drifting for trend in noise)
    slight = report(endurance(tmp_path, lambda at: 10 + at / 3000)).drift[0]
    assert slight.p_value < 0.001
    assert not slight.drifting


def test_a_rise_that_chance_explains_is_no_drift(tmp_path):
    """Twelve windows that rise by a sixth between swings as large: not certain, so not called."""
    levels = [10, 14, 11, 15, 10, 14, 12, 16, 11, 15, 12, 16]
    stages = (Stage("hold", 120, 20, 20, hold=True),)
    fixture = RunFixture(tmp_path / "run", plan_of(test_type="endurance", stages=stages, thresholds=())).watched()
    for second in range(120):
        fixture.add(second, "policy_get", [levels[second // 10]] * 2)
    trend = report(fixture).drift[0]
    assert trend.change > 0.1 * trend.median
    assert trend.p_value > 0.01
    assert not trend.drifting


def test_a_short_run_tells_no_drift(tmp_path):
    """Fewer than ten windows: not measured."""
    stages = (Stage("hold", 60, 20, 20, hold=True),)
    fixture = RunFixture(tmp_path / "run", plan_of(test_type="endurance", stages=stages)).steady()
    assert {trend.slope_per_hour for trend in report(fixture).drift} == {None}


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0, 0.001),
        ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 0, 0.001),
        ([5] * 10, 1, 1),
        ([1, 3, 2, 4, 3, 5, 4, 1, 2, 5], 0.2, 1),
        ([1, 1, 1, 2, 2, 2, 3, 3, 3, 4], 0, 0.01),
    ],
)
def test_mann_kendall(values, low, high):
    """Certain for a steady rise or fall, 1 where nothing moves, ties corrected for."""
    assert low <= mann_kendall_p(values) <= high


def test_mann_kendall_by_hand():
    """n = 4 rising: S = 6, variance 26/3, z = 5/√(26/3) = 1.698, p = 0.0894."""
    assert mann_kendall_p([1, 2, 3, 4]) == pytest.approx(0.0894, abs=5e-4)


def test_mann_kendall_with_ties_by_hand():
    """Two pairs of equals: S = 4, variance (156 − 2·18)/18 = 20/3, z = 3/√(20/3) = 1.162, p = 0.2453."""
    assert mann_kendall_p([1, 1, 2, 2]) == pytest.approx(0.2453, abs=5e-4)

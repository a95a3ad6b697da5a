"""Thresholds in the words of k6 and Taurus: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_fixture import thresholds

from acgs_load.analysis.csv_report import report_of_csv
from acgs_load.analysis.reading.locust_csv import read_locust_csv
from acgs_load.errors import UsageError
from acgs_load.measures import MEASURES
from acgs_load.plan import ThresholdText
from acgs_load.threshold_dialects import translated
from acgs_load.thresholds import merged, parse

FULL = Path(__file__).parent / "recorded" / "full"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("p(95)<2000", "latency_p95_ms < 2000"),
        ("p(99.9) <= 5e3", "latency_p99_9_ms <= 5e3"),
        ("p(99.0)<1", "latency_p99_ms < 1"),
        ("med<200", "latency_p50_ms < 200"),
        ("avg < 200.5", "latency_avg_ms < 200.5"),
        ("max<9000  # k6", "latency_max_ms < 9000"),
        ("rate<0.01", "error_ratio < 0.01"),
        ("http_req_failed: rate<=0.01", "error_ratio <= 0.01"),
        ("http_reqs: rate>100", "throughput_rps > 100"),
        ("http_req_duration{name:policy_get}: p(95)<500", 'latency_p95_ms{operation="policy_get"} < 500'),
        ("http_req_failed{scenario:formal}:rate===0", 'error_ratio{scenario="formal"} = 0'),
        (
            "p95 of auth_login>150ms for 10s, stop as failed",
            'latency_p95_ms{operation="auth_login"} <= 150 over 1s for 10 abort',
        ),
        ("p99.9>10s, stop as failed", "latency_p99_9_ms <= 10000"),
        ("p90>1s within 10s", "latency_p90_ms <= 1000 over 10s abort"),
        ("avg-rt>2s500ms", "latency_avg_ms <= 2500"),
        ("avg-rt>=0.15, stop as failed", "latency_avg_ms < 150"),
        ("p95<100ms, stop as failed", "latency_p95_ms >= 100"),
        (
            "fail of policy_get>50% for 10s, continue as failed",
            'error_ratio{operation="policy_get"} <= 0.5 over 1s for 10',
        ),
        ("failures>=5%", "error_ratio < 0.05"),
        ("succ<90% for 1m", "error_ratio <= 0.1 over 1s for 60 abort"),
        ("hits<100 for 5s", "throughput_rps >= 100 over 1s for 5 abort"),
    ],
)
def test_what_theirs_become(theirs, ours):
    """Said in our words, in the plan and in what is judged; ours parses where its names are legal."""
    assert merged([], [ThresholdText(theirs.replace("auth_login", "policy_get"), "flag")])[
        0
    ].expression == ours.replace("auth_login", "policy_get")
    assert parse(theirs.replace("auth_login", "policy_get")).expression == ours.replace("auth_login", "policy_get")
    if "#" not in theirs:
        assert translated(theirs) == ours


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ("p(42)<1", "p42 is not measured; known: 50, 75"),
        ("count>5", "count of http_req_duration is not measured"),
        ("rate>0.9", "rate of http_req_duration is not measured"),
        ("min<5", "min of http_req_duration"),
        ("p(95)!=5", "write <="),
        ("checks: rate<0.1", "rate of checks"),
        ("http_req_duration{staticAsset:yes}: p(95)<5", "label staticAsset"),
        ("http_req_duration{name:login}: p(95)<5", "'login' is no operation"),
        ("rc500>20 for 5s, stop as failed", "rc500 is not measured"),
        ("stdev-rt>500ms", "stdev-rt is not measured"),
        ("fail>5 for 5s", "write a share"),
        ("p95>1s for 10s, stop as non-failed", "fails the run"),
        ("p95=1s", "write <"),
        ("p95<150ms", "Taurus says what fails, so this demands latency_p95_ms >= 150"),
        ("succ>99%", "Taurus says what fails"),
        ("p95 < 1", "p95 is no measure"),
        ("p95>1parsec", "no duration"),
        ("p95>1s for 1500ms", "whole seconds"),
    ],
)
def test_what_is_refused(theirs, said):
    """One line that says what would do."""
    with pytest.raises(UsageError) as caught:
        parse(theirs)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", MEASURES)
def test_ours_stay_ours(name):
    """No expression of ours reads as another tool's."""
    assert translated(f"{name} <= 0.5") is None
    assert translated(f"{name}>0.5 over 10s for 3 abort") is None


def test_theirs_judge_foreign_files():
    """Operations of a plain Locust run are known by their own names, and a wrong one is told."""
    files = read_locust_csv(FULL)
    report = report_of_csv(
        files, thresholds("http_req_failed{name:beta}: rate<0.1", "p95 of alpha>1ms, stop as failed")
    )
    assert [row.expression for row in report.verdict.findings if row.state == "fail" and row.origin == "flag"] == [
        'error_ratio{operation="beta"} < 0.1',
        'latency_p95_ms{operation="alpha"} <= 1',
    ]
    with pytest.raises(UsageError, match="'gamma' is no operation"):
        report_of_csv(files, thresholds("p95 of gamma>1ms"))

"""Every alert fires where its threshold is crossed, and stays quiet just inside; Prometheus itself evaluates them."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import yaml
from composing import PROJECT

from acgs_load.contract import Violation
from acgs_load.measures import MEASURES

RULES = PROJECT / "monitoring" / "rules"
EVALUATED_AT = "150s"
LATENCY = 'acgs_load_latency_seconds_{}{{operation="policy_get"{}}}'
COUNT, SUM = LATENCY.format("count", ""), LATENCY.format("sum", "")
WITHIN_2S, WITHIN_5S = (LATENCY.format("bucket", f', le="{bound}"') for bound in (2, 5))
REQUESTS = 'acgs_load_requests_total{{operation="policy_get", outcome="{}"}}'
VIOLATIONS = 'acgs_load_violations_total{{operation="policy_get", violation="{}"}}'
SCORES = 'acgs_load_compliance_score_{}{{operation="{}"}}'
TARGET = 'up{job="acgs-target", instance="gateway:8080"}'
CPU = 'acgs_load_generator_cpu_ratio{process="worker-0", region="eu-west-1"}'
LAG = 'acgs_load_generator_loop_lag_seconds{{process="{}", region="eu-west-1"}}'
NOT_EXACT = {Violation.NOT_COMPLIANT, Violation.SCORE_LOW}
"""These lower the compliance score, which has its own limit."""


def _rate(per_s: float) -> str:
    """A counter that rises steadily; a value every five seconds."""
    return f"0+{per_s * 5:g}x40"


def _steady(value: float) -> str:
    return f"{value:g}+0x40"


TABLE = [
    ("LatencyP95High", {WITHIN_2S: _rate(94), COUNT: _rate(100)}, True),
    ("LatencyP95High", {WITHIN_2S: _rate(96), COUNT: _rate(100)}, False),
    ("LatencyP99High", {WITHIN_5S: _rate(98), COUNT: _rate(100)}, True),
    ("LatencyP99High", {WITHIN_5S: _rate(99.5), COUNT: _rate(100)}, False),
    ("LatencyAverageHigh", {SUM: _rate(102), COUNT: _rate(100)}, True),
    ("LatencyAverageHigh", {SUM: _rate(98), COUNT: _rate(100)}, False),
    *(
        ("ErrorRatioHigh", {REQUESTS.format(outcome): _rate(2), REQUESTS.format("ok"): _rate(98)}, True)
        for outcome in ("http_error", "timeout", "connection_error", "bad_response")
    ),
    ("ErrorRatioHigh", {REQUESTS.format("timeout"): _rate(1), REQUESTS.format("ok"): _rate(199)}, False),
    ("ErrorRatioHigh", {REQUESTS.format("throttled"): _rate(2), REQUESTS.format("ok"): _rate(98)}, False),
    ("ThrottledRatioHigh", {REQUESTS.format("throttled"): _rate(2), REQUESTS.format("ok"): _rate(98)}, True),
    ("ThrottledRatioHigh", {REQUESTS.format("throttled"): _rate(1), REQUESTS.format("ok"): _rate(199)}, False),
    ("ComplianceLow", {SCORES.format(end, "policy_get"): _steady(v) for end, v in (("sum", 93), ("count", 100))}, True),
    (
        "ComplianceLow",
        {
            SCORES.format("sum", "policy_get"): _steady(96),
            SCORES.format("count", "policy_get"): _steady(100),
            SCORES.format("count", "auth_login"): _steady(100),  # logins are in no score
        },
        False,
    ),
    ("HashInconsistent", {VIOLATIONS.format("hash_wrong"): _steady(1)}, True),
    ("HashInconsistent", {VIOLATIONS.format("hash_absent"): _steady(1)}, True),
    ("HashInconsistent", {VIOLATIONS.format("score_low"): _steady(1)}, False),
    ("IsolationBreached", {VIOLATIONS.format("isolation_breach"): _steady(1)}, True),
    ("IsolationBreached", {VIOLATIONS.format("isolation_breach"): _steady(0)}, False),
    *(
        ("IntegrityViolated", {VIOLATIONS.format(kind): _steady(1)}, True)
        for kind in set(Violation)
        - NOT_EXACT
        - {Violation.HASH_WRONG, Violation.HASH_ABSENT, Violation.ISOLATION_BREACH}
    ),
    ("IntegrityViolated", {VIOLATIONS.format("score_low"): _steady(1)}, False),
    ("UsersWithoutToken", {"acgs_load_users": _steady(100), "acgs_load_users_logged_in": _steady(98)}, True),
    ("UsersWithoutToken", {"acgs_load_users": _steady(100), "acgs_load_users_logged_in": _steady(99)}, False),
    ("WorkerLost", {"acgs_load_workers_lost": _steady(1)}, True),
    ("WorkerLost", {"acgs_load_workers_lost": _steady(0)}, False),
    ("GeneratorSaturated", {CPU: _steady(0.95)}, True),
    ("GeneratorSaturated", {CPU: _steady(0.85)}, False),
    ("GeneratorLate", {LAG.format("worker-0"): _steady(0.06)}, True),
    ("GeneratorLate", {LAG.format("worker-0"): _steady(0.04)}, False),
    ("GeneratorLate", {LAG.format("master"): _steady(0.06)}, False),
    ("LoadGeneratorSilent", {'up{job="acgs-load"}': _steady(0)}, True),
    ("LoadGeneratorSilent", {'up{job="acgs-load"}': _steady(1)}, False),
    ("TargetLost", {TARGET: "1+0x20 0+0x20"}, True),
    ("TargetLost", {TARGET: _steady(0)}, False),
]


def _alerts() -> dict[str, dict]:
    groups = yaml.safe_load((RULES / "thresholds.yml").read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_every_alert_is_tried_both_ways():
    """The table holds each alert firing and quiet, and each alert names a measure of the suite, if any."""
    for fires in (True, False):
        assert {alert for alert, _, fired in TABLE if fired is fires} == set(_alerts())
    labels = {rule["labels"].get("measure") for rule in _alerts().values()} - {None}
    beside = {"integrity", "users_without_token", "workers_lost", "generator_cpu_max", "loop_lag_ms"}
    assert labels - beside <= set(MEASURES)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool")
def test_alerts_fire_when_they_must(tmp_path):
    """promtool plays each row's series for two and a half minutes and counts the alerts that fire."""
    tests = [
        {
            "interval": "5s",
            "name": f"{alert} {'fires' if fires else 'is quiet'}: {' '.join(series)}",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
                    "eval_time": EVALUATED_AT,
                    "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                }
            ],
        }
        for alert, series, fires in TABLE
    ]
    file = tmp_path / "alerts.yml"
    rules = [str(path) for path in sorted(RULES.glob("*.yml"))]
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "5s", "tests": tests}), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

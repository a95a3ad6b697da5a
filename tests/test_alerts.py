"""Every alert fires where its threshold is crossed, and stays quiet just inside; Prometheus itself evaluates them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
import yaml
from composing import PROJECT

from acgs_load.contract import DEFAULT_MIX, ERROR_OUTCOMES, Violation
from acgs_load.measures import EXACT_ONE, MEASURES, ORACLES
from acgs_load.profile_acceptance import default_thresholds, throughput_thresholds
from acgs_load.thresholds import read

RULES = PROJECT / "monitoring" / "rules"
EVALUATED_AT = "150s"
RUN = 'run="a/1"'
LATENCY = f'acgs_load_latency_seconds_{{}}{{{{{RUN}, operation="policy_get"{{}}}}}}'
COUNT, SUM = LATENCY.format("count", ""), LATENCY.format("sum", "")
REQUESTS = f'acgs_load_requests_total{{{{{RUN}, operation="policy_get", outcome="{{}}"}}}}'
FAILURES = f'acgs_load_failures_total{{{{{RUN}, operation="policy_get", kind="{{}}"}}}}'
VIOLATIONS = f'acgs_load_violations_total{{{{{RUN}, operation="policy_get", kind="{{}}"}}}}'
SCORES = f'acgs_load_compliance_score_{{}}{{{{{RUN}, operation="{{}}"}}}}'
MEASURE = f'acgs_load_measure_ratio{{{{{RUN}, measure="{{}}"}}}}'
STATE = f'acgs_load_threshold_state{{{{{RUN}, measure="{{}}", threshold="x", state="fail"}}}}'
LOST = f'acgs_load_workers_lost{{{RUN}, region="eu"}}'
HOLD = f'acgs_load_phase_info{{{{{RUN}, phase="x", hold="{{}}"}}}}'
IDLE = 'node_cpu_seconds_total{instance="n", cpu="0", mode="idle"}'
AVAILABLE, MEMORY = (f'node_memory_{name}_bytes{{instance="n"}}' for name in ("MemAvailable", "MemTotal"))
TARGET = 'up{job="acgs-target", instance="gateway:8080"}'
CPU = 'acgs_load_generator_cpu_ratio{process="worker-0", region="eu-west-1"}'
LAG = 'acgs_load_generator_loop_lag_seconds{{process="{}", region="eu-west-1"}}'
EXACT = {
    "hash_consistency": (Violation.HASH_WRONG, Violation.HASH_ABSENT),
    "isolation_integrity": (Violation.ISOLATION_BREACH,),
    **{name: (violation,) for name, (violation, _) in ORACLES.items()},
}
"""Measures that must be 1 by default, and what takes them below."""
DEFAULTS = {
    threshold.measure: threshold
    for threshold in map(read, default_thresholds(DEFAULT_MIX, 0.95, throughput_thresholds(1000, True, 60.0)))
}
"""What a run must show when nobody says otherwise: the limits that the rows below stand just inside and beyond of."""
KNOWN_AT_THE_END = {"throughput_peak_rps"}
Series = dict[str, str]


def _rate(per_s: float) -> str:
    """A counter that rises steadily; a value every five seconds."""
    return f"0+{per_s * 5:g}x40"


def _steady(value: float) -> str:
    return f"{value:g}+0x40"


def _percentile(share: float) -> Callable[[float], Series]:
    """Series in which ``share`` of the answers took at most this many ms: the limit holds from 0.95, or 0.99, on."""
    return lambda limit_ms: {
        LATENCY.format("bucket", f', le="{limit_ms / 1e3!r}"'): _rate(100 * share),
        COUNT: _rate(100),
    }


def _ratio(counter: str) -> Callable[[float], Series]:
    return lambda ratio: {counter: _rate(1000 * ratio), REQUESTS.format("ok"): _rate(1000 * (1 - ratio))}


def _failing(kind: str) -> Callable[[float], Series]:
    """Failures are requests too."""
    return lambda ratio: {**_ratio(REQUESTS.format(kind))(ratio), FAILURES.format(kind): _rate(1000 * ratio)}


def _score(score: float) -> Series:
    scored = {SCORES.format("sum", "policy_get"): _steady(1000 * score)}
    # logins are in no score
    return {**scored, SCORES.format("count", "policy_get"): "1000+0x40", SCORES.format("count", "auth_login"): "9+0x40"}


def _target(hold: str) -> tuple[Callable[[float], Series], Callable[[float], Series]]:
    phase = {HOLD.format(hold): _steady(1)}
    return (
        lambda ratio: {IDLE: _rate(1 - ratio), **phase},
        lambda ratio: {AVAILABLE: _steady(1000 * (1 - ratio)), MEMORY: _steady(1000), **phase},
    )


def _of_defaults() -> Iterator[tuple[str, Series, bool]]:
    """Each default threshold, once just beyond its limit and once just inside."""
    for alert, measure, share in (
        ("LatencyP95High", "latency_p95_ms", 0.95),
        ("LatencyP99High", "latency_p99_ms", 0.99),
    ):
        yield alert, _percentile(share - 0.004)(DEFAULTS[measure].limit), True
        yield alert, _percentile(share + 0.004)(DEFAULTS[measure].limit), False
    average_s = DEFAULTS["latency_avg_ms"].limit / 1e3
    cpu, memory = _target("true")
    upper = [
        ("LatencyAverageHigh", lambda s: {SUM: _rate(100 * s), COUNT: _rate(100)}, average_s),
        *(("ErrorRatioHigh", _failing(kind), DEFAULTS["error_ratio"].limit) for kind in sorted(ERROR_OUTCOMES)),
        ("ThrottledRatioHigh", _ratio(REQUESTS.format("throttled")), DEFAULTS["throttled_ratio"].limit),
        (
            "ProofsUnknownHigh",
            lambda ratio: {MEASURE.format("proofs_unknown_ratio"): _steady(ratio)},
            DEFAULTS["proofs_unknown_ratio"].limit,
        ),
        ("TargetCpuHigh", cpu, DEFAULTS["target_cpu"].limit),
        ("TargetMemoryHigh", memory, DEFAULTS["target_memory"].limit),
    ]
    for alert, series, limit in upper:
        yield alert, series(1.02 * limit), True
        yield alert, series(0.98 * limit), False
    yield "ComplianceLow", _score(0.99 * DEFAULTS["compliance_score"].limit), True
    yield "ComplianceLow", _score(1.01 * DEFAULTS["compliance_score"].limit), False
    names = {"hash_consistency": "HashInconsistent", "isolation_integrity": "IsolationBreached"}
    for measure, kinds in EXACT.items():
        assert DEFAULTS[measure].limit == 1
        for kind in kinds:
            for count in (1, 0):
                yield names.get(measure, "IntegrityViolated"), {VIOLATIONS.format(kind): _steady(count)}, bool(count)
    yield "ThresholdBreached", {STATE.format("throughput_rps"): _steady(1)}, True
    yield "ThresholdBreached", {STATE.format("throughput_rps"): _steady(0)}, False
    yield "ThresholdBreached", {STATE.format("throughput_peak_rps"): _steady(1)}, False


TABLE: list[tuple[str, Series, bool]] = [
    *_of_defaults(),
    ("ErrorRatioHigh", _ratio(REQUESTS.format("throttled"))(0.5), False),
    ("HashInconsistent", {VIOLATIONS.format("score_low"): _steady(1)}, False),
    ("IntegrityViolated", {VIOLATIONS.format("score_low"): _steady(1)}, False),
    ("TargetCpuHigh", _target("false")[0](0.99), False),
    ("TargetMemoryHigh", _target("false")[1](0.99), False),
    ("UsersWithoutToken", {"acgs_load_users": _steady(100), "acgs_load_users_logged_in": _steady(98)}, True),
    ("UsersWithoutToken", {"acgs_load_users": _steady(100), "acgs_load_users_logged_in": _steady(99)}, False),
    ("WorkerLost", {LOST: _steady(1)}, True),
    ("WorkerLost", {LOST: _steady(0)}, False),
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
    beside = {"integrity", "users_without_token"}
    assert labels - beside <= set(MEASURES)


def test_every_default_threshold_has_its_alert():
    """Named by its measure, or one of the exact ones, or judged by the exporter; but for what only the end can tell."""
    labels = {rule["labels"].get("measure") for rule in _alerts().values()}
    assert set(DEFAULTS) - labels - set(ORACLES) - {"throughput_rps"} == KNOWN_AT_THE_END
    assert set(EXACT) == set(EXACT_ONE)


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

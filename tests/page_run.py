"""A run that fills every section of the page, with texts that try to be scripts."""

from __future__ import annotations

from pathlib import Path

from run_fixture import RunFixture, default_thresholds, plan_of, thresholds

from acgs_load.contract import Outcome, Violation
from acgs_load.plan import Node, Stage
from acgs_load.run_folder import RunFolder

EVIL = "</script><script>document.title='owned'</script><!-- & \u2028 \" ' [x](http://evil.example)"


def full(path: Path) -> RunFolder:
    """Two regions, errors, violations and slow stretches, with texts that try to be scripts."""
    plan = plan_of(
        name="page",
        stages=(Stage("ramp", 5, 0, 20), Stage(f"hold {EVIL}", 20, 20, 20, hold=True)),
        nodes=(Node("local", 1, 100, "eu-west-1"), Node("local", 1, 100, "us-east-1")),
        thresholds=default_thresholds() + thresholds("latency_p95_ms <= 40"),
    )
    fixture = RunFixture(path, plan).steady(regions=("eu-west-1", "us-east-1")).sampled()
    for second in range(8, 14):
        fixture.add(second, "policy_get", [80.0 + second] * 9)
        fixture.add(second, "policy_get", [5.0], Outcome.HTTP_ERROR, status=503)
    fixture.add(12, "policy_get", [5.0], Outcome.HTTP_ERROR, status=500)
    fixture.add(12, "policy_get", [90.0], Outcome.TIMEOUT)
    for violation in Violation:
        fixture.add(10, "audit_verify", [10], Outcome.FAILED_CHECK, violations=(violation,))
        fixture.example(violation, "audit_verify", 10, EVIL, status=200)
    fixture.example("http_error", "policy_get", 9, "status 503, error overloaded", status=503)
    fixture.preflight["warnings"] = [EVIL]
    return fixture.write()

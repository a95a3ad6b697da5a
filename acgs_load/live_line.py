"""How a run stands in one line, for logs."""

from __future__ import annotations

from acgs_load.plan import Plan
from acgs_load.snapshot import Snapshot
from acgs_load.units import format_duration


def line_of(snapshot: Snapshot, plan: Plan) -> str:
    """``[ 12s/30s hold] 20 users · 55 RPS · p95 12 ms · errors 0.0 % · compliance 98.2 % · violations 0``."""
    recent = snapshot.recent
    failing = sum(one.state == "fail" for one in snapshot.thresholds)
    parts = [
        f"[{snapshot.elapsed_s:>4.0f}s/{format_duration(snapshot.duration_s)} {snapshot.phase}]"
        f" {snapshot.users:,} users",
        _number(recent.rps, "{:,.0f} RPS"),
        _number(recent.p95_ms, "p95 {:,.0f} ms"),
        _number(_percent(recent.error_ratio), "errors {:.1f} %"),
        _number(_percent(snapshot.total.compliance), "compliance {:.1f} %") if plan.compliance_monitoring else "",
        f"violations {snapshot.total.violations:,}",
        f"{failing} of {len(snapshot.thresholds)} thresholds do not hold" if failing else "",
    ]
    return " · ".join(part for part in parts if part)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _number(value: float | None, pattern: str) -> str:
    return "" if value is None else pattern.format(value)

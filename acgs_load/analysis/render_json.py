"""The report as JSON: the shape that others rely on (``schemas/report.schema.json``)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from acgs_load.analysis.advice import advice_of
from acgs_load.analysis.comparing.comparison import CONFIDENCE, Change
from acgs_load.analysis.drawing.panels import Panel
from acgs_load.analysis.groups import Group, Latency, Share
from acgs_load.analysis.judging.breaking import BreakingPoint, Step
from acgs_load.analysis.judging.judged import Judged
from acgs_load.analysis.judging.machines import Load
from acgs_load.analysis.report import SCHEMA_VERSION, Facts, Report
from acgs_load.analysis.troubles import Trouble


def to_json(report: Report) -> str:
    """Indented JSON, ending in a newline; numbers are rounded to what they can mean."""
    return json.dumps(tidy(to_object(report)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_object(report: Report) -> dict[str, Any]:
    """The report as JSON objects, every number as exact as it was measured."""
    verdict = report.verdict
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict.status,
        "exit_code": int(verdict.exit_code),
        "interrupted": verdict.interrupted,
        "reasons": list(verdict.reasons),
        "warnings": list(report.warnings),
        "notes": list(report.notes),
        "next": [{"title": row.title, "text": row.text} for row in advice_of(report)],
        "test": _facts(report.facts),
        "thresholds": [_threshold(row) for row in verdict.findings],
        "measures": {name: measure._asdict() for name, measure in report.measures.items()},
        "service_ms": _latency(report.service),
        "operations": [_operation(group) for group in report.operations],
        "scenarios": [_scenario(share) for share in report.scenarios],
        "regions": [{"region": group.name, **_group(group)} for group in report.regions],
        "phases": [_phase(group) for group in report.phases],
        "violations": [_trouble(row, "violation") for row in report.violations],
        "errors": [_trouble(row, "outcome") for row in report.errors],
        "resources": {"target": _target(report.target), "generator": _generator(report)},
        "breaking_point": _breaking(report.breaking_point),
        "comparison": _comparison(report),
        "recovery": asdict(report.recovery) if report.recovery else None,
        "drift": [asdict(row) for row in report.drift] if report.drift else None,
        "series": [_series(panel) for panel in report.panels if not panel.empty],
        "run": dict(report.run),
        "plan": dict(report.plan) or None,
    }


def timestamp(epoch_s: float | None) -> str | None:
    """RFC 3339 UTC to the second."""
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "type": facts.test_type,
        "target": facts.target,
        "started": timestamp(facts.started_s),
        "duration_s": facts.duration_s,
        "seed": facts.seed,
        "load": facts.load,
        "users_max": facts.users_max,
        "rate": facts.rate,
        "ended_by": facts.ended_by,
    }


def _threshold(row: Judged) -> dict[str, Any]:
    return {
        "expression": row.expression,
        "measure": row.measure,
        "labels": dict(row.labels),
        "comparison": row.comparison,
        "limit": row.limit,
        "value": row.value,
        "unit": row.unit,
        "samples": row.samples,
        "state": row.state,
        "margin": row.margin,
        "origin": row.origin,
        "decides": row.decides,
        "note": row.note,
    }


def _latency(latency: Latency) -> dict[str, float | None]:
    return {**latency.percentiles_ms, "avg": latency.avg_ms, "max": latency.max_ms}


def _group(group: Group) -> dict[str, Any]:
    return {
        "requests": group.requests,
        "resent": group.resent,
        "skipped": group.skipped,
        "outcomes": dict(group.outcomes),
        "violations": dict(group.violations),
        "latency_ms": _latency(group.latency),
        "service_ms": _latency(group.service),
        "measures": dict(group.measures),
    }


def _operation(group: Group) -> dict[str, Any]:
    return {"operation": group.name, "scenario": group.scenario or None, **_group(group)}


def _scenario(share: Share) -> dict[str, Any]:
    head = {"scenario": share.group.name, "requests": share.group.requests}
    return {**head, "share_planned": share.planned, "share": share.actual, **_group(share.group)}


def _phase(group: Group) -> dict[str, Any]:
    times = {"from_s": group.from_s, "to_s": group.to_s, "hold": group.hold}
    return {"phase": group.name, **times, **_group(group)}


def _trouble(row: Trouble, kind: str) -> dict[str, Any]:
    return {
        kind: row.kind,
        "operation": row.operation,
        "count": row.count,
        "first_s": row.first_s,
        "examples": list(row.examples),
        "statuses": [{**asdict(share), "examples": list(share.examples)} for share in row.statuses],
    }


def _target(load: Load | None) -> dict[str, Any]:
    if load is None:
        return {"cpu": None, "memory": None, "cpu_max": None, "memory_max": None, "source": None, "samples": 0}
    return {
        "cpu": load.cpu_mean,
        "memory": load.memory_mean,
        "cpu_max": load.cpu_max,
        "memory_max": load.memory_max,
        "source": load.source,
        "samples": load.samples,
    }


def _generator(report: Report) -> dict[str, Any]:
    processes = report.generators
    return {
        "cpu_max": max((process.cpu_max for process in processes), default=None),
        "loop_lag_p99_ms": max((of.loop_lag_p99_ms for of in processes if of.generates), default=None),
        "added_p50_ms": report.added_p50_ms,
        "added_p99_ms": added.value if (added := report.measures.get("generator_added_p99_ms")) else None,
        "memory_max_bytes": max((process.memory_max_bytes for process in processes), default=None),
        "processes": [process._asdict() for process in processes],
    }


def _breaking(point: BreakingPoint | None) -> dict[str, Any] | None:
    if point is None:
        return None
    return {
        "capacity_rps": point.capacity_rps,
        "limit": point.limit,
        "knee": asdict(point.knee) if point.knee else None,
        "good": _step(point.good),
        "broke": _step(point.broke),
        "steps": [_step(step) for step in point.steps],
    }


def _step(step: Step | None) -> dict[str, Any] | None:
    return None if step is None else {**asdict(step), "broke": list(step.broke)}


def _comparison(report: Report) -> dict[str, Any] | None:
    comparison = report.comparison
    if comparison is None:
        return None
    rows = {row.measure: {"baseline": row.baseline, "value": row.value, "ratio": row.ratio} for row in comparison.rows}
    return {
        "baseline": comparison.baseline,
        "word": str(comparison.word),
        "max_regression": comparison.max_regression,
        "confidence": CONFIDENCE,
        "differences": list(comparison.differences),
        "doubts": list(comparison.doubts),
        "measures": rows,
        "changes": [_change(change) for change in comparison.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        **asdict(change),
        "operation": change.operation or None,
        "ratio": change.ratio,
        "word": str(change.word),
        "beyond": change.beyond,
    }


def _series(panel: Panel) -> dict[str, Any]:
    return {
        "name": panel.name,
        "title": panel.title,
        "unit": panel.unit,
        "width_s": panel.width_s,
        "times_s": panel.times_s,
        "lines": {line.name: line.values for line in panel.lines},
        "breaches": [{"from_s": of.from_s, "to_s": of.to_s, "text": of.text} for of in panel.breaches],
    }


def tidy(value: Any) -> Any:
    """Floats to nine significant digits, which no clock exceeds; what is not finite is not measured."""
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    return value

"""The report in sentences that every renderer shares: what was run, and what special tests found."""

from __future__ import annotations

from acgs_load.analysis.comparing.regressions import comparison_text
from acgs_load.analysis.judging.breaking import BreakingPoint, Step
from acgs_load.analysis.judging.knee import Knee
from acgs_load.analysis.judging.recovery import WINDOW_S, WINDOWS, Recovery
from acgs_load.analysis.report import Facts, Report
from acgs_load.analysis.wording import at_text, moment_text, shortened, value_text

NAME_MAX = 32
"""Characters of a test's name in a caption."""


def facts_text(report: Report) -> str:
    """``smoke against http://…: 20 users, closed load, 25 s; 812 requests, 32.4 RPS, p95 12 ms``."""
    facts = report.facts
    against = f" against {facts.target}" if facts.target else ""
    return f"{facts.test_type}{against}: {_load_text(facts)}; {_figures_text(report)}"


def caption_text(report: Report) -> str:
    """``nightly · FAIL · 2026-11-23 13:04 UTC``: which run a single picture is of."""
    name = shortened(report.facts.name, NAME_MAX)
    return " · ".join(part for part in (name, report.verdict.status, moment_text(report.facts.started_s)) if part)


def _load_text(facts: Facts) -> str:
    parts = []
    early = facts.ended_by == "broken"
    if facts.users_max is not None:
        parts.append(f"{facts.users_max:,} users{' planned' if early else ''}")
    if facts.load != "unknown":
        rate = f" of {facts.rate:g} RPS" if facts.rate else ""
        parts.append(f"{facts.load} load{rate}")
    if facts.duration_s is not None:
        parts.append(f"{at_text(facts.duration_s)}{', ended early as it broke' if early else ''}")
    return ", ".join(parts) or "load unknown"


def _figures_text(report: Report) -> str:
    requests = sum(group.requests for group in report.operations)
    figures = [("throughput_rps", ""), ("latency_p95_ms", "p95 "), ("error_ratio", "errors ")]
    known = [f"{name}{value_text(report.measures[key].value, report.measures[key].unit)}" for key, name in figures]
    return ", ".join([f"{requests:,} requests", *known])


def findings_text(report: Report) -> list[str]:
    """What a test that looks for something found: breaking point, recovery, drift, comparison."""
    texts = []
    if report.breaking_point:
        texts.append(breaking_text(report.breaking_point))
        if report.breaking_point.knee:
            asked = any(step.users is None for step in report.breaking_point.steps)
            texts.append(knee_text(report.breaking_point.knee, "RPS asked" if asked else "users"))
    if report.recovery:
        texts.append(recovery_text(report.recovery))
    for trend in report.drift:
        rise = f"{value_text(trend.slope_per_hour, trend.unit)} an hour"
        if trend.slope_per_hour is None or trend.p_value is None:
            texts.append(f"drift of {trend.measure}: not measured ({trend.windows} windows of {trend.width_s} s)")
        else:
            said = "drifts" if trend.drifting else "no drift"
            texts.append(f"{trend.measure}: {said} (slope {rise}, p = {trend.p_value:.2g})")
    if report.comparison:
        texts.append(comparison_text(report.comparison))
    return texts


def breaking_text(point: BreakingPoint) -> str:
    """Where it broke, in a sentence."""
    if not point.steps:
        return "breaking point: no step was measured"
    if point.broke is None:
        return f"breaking point: none found, all {len(point.steps)} steps held; highest: {_step_text(point.good)}"
    why = "; ".join(point.broke.broke)
    if point.broke.users is None and point.good is not None and point.capacity_rps is not None:
        at = f" at {point.limit}" if point.limit else ""
        return (
            f"capacity: holds {point.capacity_rps:,g} RPS{at} ({_measured_text(point.good)}); "
            f"breaks at {point.broke.rate or 0:,g} ({_measured_text(point.broke)}) — {why}"
        )
    held = f"held {_step_text(point.good)}; " if point.good else "not even the first step held; "
    return f"breaking point: {held}broke at {_step_text(point.broke)} — {why}"


def _step_text(step: Step | None) -> str:
    if step is None:
        return "nothing"
    load = f"{step.users:,} users" if step.users is not None else f"{step.rate:g} RPS asked"
    return f"{load} ({_measured_text(step)})"


def _measured_text(step: Step) -> str:
    return f"{value_text(step.throughput_rps, 'rps')} answered, p95 {value_text(step.latency_p95_ms, 'ms')}"


def knee_text(knee: Knee, unit: str) -> str:
    """Where throughput bends, in a sentence with its evidence."""
    loads = f"{knee.load_low:,.0f}–{knee.load_high:,.0f} {unit}"
    tops = f"{knee.highest_low_rps:,.0f}–{knee.highest_high_rps:,.0f} RPS"
    return (
        f"knee: throughput follows the load up to {knee.load:,.0f} {unit} and is {knee.highest_rps:,.0f} RPS at most "
        f"({knee.law} through {knee.steps} steps, {100 * knee.fit_error:.1f} % off; "
        f"with one step left out {loads}, {tops})"
    )


def recovery_text(back: Recovery) -> str:
    """How long it took to come back, in a sentence."""
    before, spike = value_text(back.latency_before_p95_ms, "ms"), value_text(back.latency_spike_p95_ms, "ms")
    latency, errors = value_text(back.latency_limit_ms, "ms"), value_text(back.errors_limit, "ratio")
    means = f"p95 at most {latency} and errors at most {errors} for {WINDOWS * WINDOW_S} s"
    was = f"p95 was {before} before, {spike} in the spike"
    if back.seconds is None:
        none = f"none in the {at_text(back.observed_s)} watched after the load began to fall"
        return f"recovery: {none} (it means {means}; {was}; decides nothing)"
    return f"recovery: {at_text(back.seconds)} after the load began to fall ({means}; {was})"

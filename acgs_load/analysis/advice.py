"""What to look at next, in plain words: where it first went wrong, who is to blame, what is nearest to its limit."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from acgs_load.analysis.comparing.comparison import Word
from acgs_load.analysis.groups import Group
from acgs_load.analysis.judging.breaking import Step
from acgs_load.analysis.judging.judged import Judged, holds
from acgs_load.analysis.report import Report
from acgs_load.analysis.troubles import Trouble
from acgs_load.analysis.wording import at_text, margin_text, value_text
from acgs_load.contract import AUTH_OPERATIONS, Outcome

ADVICE_MAX = 6
BLAMED = 3
LISTED = frozenset({"Trust", "Gravest violation", "Most frequent error"})
SLOW_FACTOR = 3.0
"""An operation this many times slower than the typical one is worth a look, whatever the limits say."""
MANY = 0.05
"""From this share of errors on, they are why answers are few."""
NEAR = 0.5
"""Of the thresholds that hold, one with less room than this is worth a look."""
PERCENTILES = {f"latency_{name}_ms": name for name in ("p50", "p75", "p90", "p95", "p99", "p99_9")}

TIMES = {**PERCENTILES, "latency_avg_ms": "mean"}


class Advice(NamedTuple):
    """One thing to look at."""

    title: str
    text: str
    anchor: str
    """The place in the HTML report that shows it."""


def advice_of(report: Report) -> list[Advice]:
    """The most telling first, at most ``ADVICE_MAX``."""
    found = [
        *_distrusted(report),
        *_search_again(report),
        *_first_breach(report),
        *_worst_change(report),
        *_blame(report),
        *_troubles(report),
        *(() if report.verdict.status == "INVALID" else (*_slowest(report), *_nearest(report))),
    ]
    return found[:ADVICE_MAX]


def looks_text(report: Report) -> list[str]:
    """The same for forms that list what was found wrong themselves: what stands in that list is left out."""
    return [f"{row.title.lower()}: {row.text}" for row in advice_of(report) if row.title not in LISTED]


def _distrusted(report: Report) -> Iterator[Advice]:
    if report.verdict.status == "INVALID":
        text = "the figures may be the load generators' own; settle the reasons above and run again before reading on"
        yield Advice("Trust", text, "reading")


def _search_again(report: Report) -> Iterator[Advice]:
    """What to ask for where a test that looks for a breaking point did not find both of its sides."""
    point = report.breaking_point
    if point is None or report.verdict.interrupted:
        return
    if point.good is not None and point.broke is None:
        text = f"every step held, so the breaking point lies higher: run again with {_load_flag(point.good, 2.0)}"
        yield Advice("Ask for more", text, "steps")
    elif point.good is None and point.broke is not None:
        text = f"no step held, so it is not known what does: run again with {_load_flag(point.broke, 0.25)}"
        yield Advice("Begin lower", text, "steps")


def _load_flag(step: Step, factor: float) -> str:
    if step.users is not None:
        return f"--users {max(1, round(factor * step.users))}"
    return f"--rate {max(1.0, factor * (step.rate or 0.0)):.3g}"


def _worst_change(report: Report) -> Iterator[Advice]:
    """The operation that became worse by the largest share, and whether there was enough to compare."""
    changes = report.comparison.changes if report.comparison else ()
    worse = [one for one in changes if one.operation and one.beyond and one.measure in TIMES]
    if worse:
        worst = max(worse, key=lambda one: one.worse or 0.0)
        figures = f"{value_text(worst.baseline, worst.unit)} before, {value_text(worst.value, worst.unit)} now"
        yield Advice("Largest regression", f"{worst.operation}: {TIMES[worst.measure]} {figures}", "comparison")
    together = [one for one in changes if not one.operation]
    if together and all(one.word is Word.UNKNOWN for one in together):
        text = "of all operations together no figure can be told from chance: run both of them for longer"
        yield Advice("Too little data", text, "comparison")


def _first_breach(report: Report) -> Iterator[Advice]:
    """The earliest moment at which a check failed or a line left its limit."""
    failed = {row.expression for row in report.verdict.findings if row.state == "fail"}
    moments = [
        (row.first_s, f"{row.kind} in {row.operation}", "violations")
        for row in report.violations
        if row.first_s is not None
    ]
    moments += [
        (breach.from_s, breach.text, panel.name)
        for panel in report.panels
        for breach in panel.breaches
        if any(breach.text.endswith(expression) for expression in failed)
    ]
    moments += [
        (row.first_s, f"{row.kind} in {row.operation}", "errors-found")
        for row in report.errors
        if row.first_s is not None and any(text.startswith("error_ratio") for text in failed)
    ]
    if moments:
        at_s, text, anchor = min(moments)
        yield Advice("First breach", f"at {at_text(at_s)}{_phase_text(report, at_s)}: {text}", anchor)


def _phase_text(report: Report, at_s: float) -> str:
    phase = next((phase for phase in report.phases if phase.from_s <= at_s < phase.to_s), None)
    return f", in {phase.name}" if phase else ""


def _blame(report: Report) -> Iterator[Advice]:
    """Of each failed threshold over all operations, who pushed it over."""
    failed = [row for row in report.verdict.findings if row.state == "fail" and not row.labels]
    latencies = [row for row in failed if row.measure in PERCENTILES or row.measure == "latency_avg_ms"]
    if latencies and (text := _slow_text(report, latencies[0])):
        yield Advice("Over the latency limit", text, "operations")
    if any(row.measure == "error_ratio" for row in failed) and (text := _errors_text(report)):
        yield Advice("Most errors", text, "errors-found")
    for row in failed:
        if row.measure == "throughput_rps" and row.value is not None and row.limit:
            yield Advice("Too few answers", _throughput_text(report, row), "throughput")


def _slow_text(report: Report, row: Judged) -> str | None:
    of = {group.name: _latency_of(group, row.measure) for group in report.operations}
    over = [
        (value, name)
        for name, value in of.items()
        if value is not None and row.limit is not None and not holds(value, row.comparison, row.limit)
    ]
    told = [f"{name} {value_text(value, 'ms')}" for value, name in sorted(over, reverse=True)[:BLAMED]]
    measured = sum(value is not None for value in of.values())
    return f"{len(over)} of {measured} operations break {row.expression}; worst: {', '.join(told)}" if told else None


def _latency_of(group: Group, measure: str) -> float | None:
    if not group.latency.samples:
        return None
    name = PERCENTILES.get(measure)
    return group.latency.percentiles_ms[name] if name else group.latency.avg_ms


def _errors_text(report: Report) -> str | None:
    total = sum(group.errors for group in report.operations)
    worst = sorted((group for group in report.operations if group.errors), key=lambda group: -group.errors)[:BLAMED]
    if not worst:
        return None
    told = [f"{group.name} {group.errors:,} of its {group.requests:,}" for group in worst]
    where = sum(bool(group.errors) for group in report.operations)
    return f"{total:,} errors in {where} operation{'' if where == 1 else 's'}; {', '.join(told)}"


def _throughput_text(report: Report, row: Judged) -> str:
    cpu = report.target.cpu_mean if report.target else None
    busy = f"; the target's CPU was at {value_text(cpu, 'ratio')}" if cpu is not None else ""
    errors = report.measures["error_ratio"].value or 0.0
    why = f"; {value_text(errors, 'ratio')} of the requests were errors, which are no answers" if errors > MANY else ""
    if not why and report.facts.load == "closed":
        why = "; closed load: slow answers hold users back"
    return f"{value_text(row.value, 'rps')} where {value_text(row.limit, 'rps')} were demanded{busy}{why}"


def _troubles(report: Report) -> Iterator[Advice]:
    """The gravest kind of violation, then errors that no threshold minds."""
    if report.violations:
        worst = report.violations[0]
        example = f": “{worst.examples[0]}”" if worst.examples else ""
        yield Advice("Gravest violation", f"{_times_text(worst)}{example}", "violations")
    errors = [row for row in report.errors if row.kind != Outcome.THROTTLED]
    if errors and not any(row.measure == "error_ratio" and row.state == "fail" for row in report.verdict.findings):
        worst = max(errors, key=lambda row: row.count)
        yield Advice("Most frequent error", f"{_times_text(worst)}; no threshold failed over it", "errors-found")


def _times_text(row: Trouble) -> str:
    return f"{row.kind} in {row.operation}, {row.count:,} time{'' if row.count == 1 else 's'}"


def _slowest(report: Report) -> Iterator[Advice]:
    known = [
        (value, group.name)
        for group in report.operations
        if group.name not in AUTH_OPERATIONS and (value := group.latency.percentiles_ms.get("p95")) is not None
    ]
    if len(known) < 2:
        return
    slowest, name = max(known)
    anchor = f"closeup-operation-{name}"
    typical = statistics.median(value for value, _ in known)
    if typical and slowest >= SLOW_FACTOR * typical:
        text = f"{name}: p95 {value_text(slowest, 'ms')}, {slowest / typical:.1f} × the median of all operations"
        near = any(closeup.anchor == anchor for closeup in report.closeups)
        yield Advice("Slowest operation", text, anchor if near else "operations")


def _nearest(report: Report) -> Iterator[Advice]:
    """The threshold that holds with the least room, where it could have more (what must be 1 cannot)."""
    rows = [
        row
        for row in report.verdict.findings
        if row.state == "pass"
        and row.decides
        and row.margin is not None
        and row.limit not in (None, 1.0)
        and not (row.measure.startswith("throughput") and report.facts.load == "open")  # nobody sends more
        and not (row.unit == "ratio" and row.value == 1.0)  # nothing can be better
    ]
    row = min(rows, key=lambda row: row.margin or 0.0, default=None)
    if row is not None and (row.margin or 0.0) < NEAR:
        text = f"{row.expression}: measured {value_text(row.value, row.unit)}, {margin_text(row.margin)} of room"
        yield Advice("Nearest limit", text, "thresholds")

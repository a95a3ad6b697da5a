"""The report as Markdown: short enough for a pull request's comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from acgs_load.analysis.advice import looks_text
from acgs_load.analysis.comparing.table import markdown_table
from acgs_load.analysis.judging.assurances import assurances
from acgs_load.analysis.judging.judged import Judged, told_apart
from acgs_load.analysis.report import Report
from acgs_load.analysis.story import facts_text, findings_text
from acgs_load.analysis.troubles import summaries
from acgs_load.analysis.wording import first_text, margin_text, shortened, value_text

LINES_MAX = 59
REASONS_MAX = 6
OPERATIONS_MAX = 8
TROUBLES_MAX = 5
CHANGES_MAX = 12
LOOKS_MAX = 3
FOUND_MAX = 4
SIGNS = {"PASS": "✅", "FAIL": "❌", "INVALID": "⚠️"}
STATE_SIGNS = {"pass": "✅", "fail": "❌", "not_measured": "❔"}


def to_markdown(report: Report) -> str:
    """Fewer than 60 lines: verdict and why, thresholds, slowest operations, what was found wrong."""
    verdict = report.verdict
    status = f"{verdict.status}{' (interrupted)' if verdict.interrupted else ''}"
    lines = [f"## {SIGNS[verdict.status]} {status} — {_escaped(report.facts.name)}", "", _escaped(facts_text(report))]
    lines += _bullets(verdict.reasons, REASONS_MAX)
    lines += _answer(report)
    if report.verdict.findings or not report.comparison:  # two runs held against each other are judged by no threshold
        lines += ["", *_thresholds(report)]
    rest: list[str] = [
        *_special(report),
        *_looks(report),
        *_troubles(report),
        *_operations(report),
        *_warnings(report),
    ]
    room = LINES_MAX - len(lines)
    if len(rest) > room:
        rest = [*rest[: max(0, room - 1)], "- … more in report.html"]
    return "\n".join([*lines, *rest]) + "\n"


def _bullets(texts: Sequence[str], most: int) -> list[str]:
    if not texts:
        return []
    more = [f"- … and {len(texts) - most} more in report.html"] if len(texts) > most else []
    return ["", *(f"- {_escaped(shortened(text, 400))}" for text in texts[:most]), *more]


def _thresholds(report: Report) -> Iterator[str]:
    rows, apart = told_apart(report.verdict.findings)
    if not report.verdict.findings:
        yield "No thresholds were set."
        return
    yield "| threshold | measured | margin | |"
    yield "| --- | ---: | ---: | --- |"
    for row in rows[:24]:
        yield _threshold(row)
    if len(rows) > 24:
        yield f"| … {len(rows) - 24} more in report.html | | | |"
    if apart:
        yield ""
        yield f"Not measured, and not demanded: {', '.join(_code(row.expression) for row in apart)}"


def _threshold(row: Judged) -> str:
    sign = "➖" if row.rank == 2 else STATE_SIGNS[row.state]
    cells = (_code(row.expression), value_text(row.value, row.unit), margin_text(row.margin), f"{sign} {row.word}")
    return f"| {' | '.join(cells)} |"


def _answer(report: Report) -> list[str]:
    """Of a test that looks for a breaking point, what it found: before its thresholds, which say where it broke."""
    return _bullets(findings_text(report), FOUND_MAX) if report.breaking_point else []


def _special(report: Report) -> Iterator[str]:
    texts = [] if report.breaking_point else findings_text(report)
    if texts:
        yield ""
        yield from (f"- {_escaped(text)}" for text in texts)
    if report.comparison and report.comparison.changes:
        yield ""
        yield from markdown_table(report.comparison, CHANGES_MAX)


def _looks(report: Report) -> Iterator[str]:
    texts = looks_text(report)[:LOOKS_MAX]
    if texts:
        yield ""
        yield "**What to look at next**"
        yield from (f"- {_escaped(text)}" for text in texts)


def _troubles(report: Report) -> Iterator[str]:
    rows = summaries([*report.violations, *report.errors])
    if not rows:
        return
    yield ""
    yield "**Found wrong**"
    for row in rows[:TROUBLES_MAX]:
        example = f": {_code(shortened(row.examples[0], 160))}" if row.examples else ""
        yield f"- {row.count:,} × {row.kind} in {_escaped(row.operation)}{first_text(row.first_s)}{example}"
    if len(rows) > TROUBLES_MAX:
        yield f"- … and {len(rows) - TROUBLES_MAX} more kinds"


def _operations(report: Report) -> Iterator[str]:
    timed = [group for group in report.operations if group.latency.percentiles_ms["p95"] is not None]
    if not timed:
        return
    slowest = sorted(timed, key=lambda group: -(group.latency.percentiles_ms["p95"] or 0))[:OPERATIONS_MAX]
    yield ""
    checked = bool(assurances(report))  # of answers that nobody checked, 0 violations would be a lie
    yield f"| slowest operations | requests | p50 | p95 | p99 | errors |{' violations |' if checked else ''}"
    yield f"| --- | ---: | ---: | ---: | ---: | ---: |{' ---: |' if checked else ''}"
    for group in slowest:
        times = " | ".join(value_text(group.latency.percentiles_ms[name], "ms") for name in ("p50", "p95", "p99"))
        violations = f" {sum(group.violations.values()):,} |" if checked else ""
        yield f"| {_escaped(group.name)} | {group.requests:,} | {times} | {group.errors:,} |{violations}"


def _warnings(report: Report) -> Iterator[str]:
    if report.warnings:
        yield ""
        yield from (f"- ⚠️ {_escaped(shortened(text, 300))}" for text in report.warnings[:4])
    if report.notes:
        yield ""
        yield "<sub>" + _escaped("; ".join(report.notes)) + "</sub>"


def _escaped(text: str) -> str:
    """Text that no Markdown or HTML reader takes for markup."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return text


def _code(text: str) -> str:
    """Text in a fence that it does not contain (CommonMark, 6.1)."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, room = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{room}{text.replace('|', chr(92) + '|')}{room}{fence}"

"""The verdict on a terminal: one table that a stranger can read, why, what was found wrong, where the report is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from acgs_load.analysis.advice import looks_text
from acgs_load.analysis.judging.judged import Judged, told_apart
from acgs_load.analysis.report import Report
from acgs_load.analysis.story import facts_text, findings_text
from acgs_load.analysis.troubles import Trouble, summaries
from acgs_load.analysis.wording import first_text, margin_text, shortened, value_text
from acgs_load.run_folder import shown

COLOURS = {"PASS": "bold green", "FAIL": "bold red", "INVALID": "bold yellow"}
STATE_COLOURS = {"pass": "green", "fail": "red", "not_measured": "yellow"}
REASONS_MAX = 8
TROUBLES_MAX = 5
LOOKS_MAX = 3
EXAMPLE_MAX = 200


def print_report(report: Report, console: Console) -> None:
    """Print the verdict, and the path of the file that a person opens next."""
    console.print()
    if report.verdict.findings:
        _print_thresholds(report.verdict.findings, console)
    console.print(_headline(report))
    console.print(Text(facts_text(report)), highlight=False)
    _print_list(console, report.verdict.reasons, REASONS_MAX, "why", COLOURS[report.verdict.status])
    _print_list(console, findings_text(report), 6, "found", "bold")
    _print_list(console, looks_text(report)[:LOOKS_MAX], LOOKS_MAX, "look", "cyan")
    _print_troubles(console, summaries([*report.violations, *report.errors]))
    _print_list(console, report.warnings, 6, "warning", "yellow")
    _print_list(console, report.notes, 6, "note", "dim")
    if report.written is not None:
        console.print(Text.assemble(("report ", "bold"), shown(report.written)), soft_wrap=True, highlight=False)


def _print_thresholds(findings: Sequence[Judged], console: Console) -> None:
    """A row each, as they were demanded; of many that nobody measured nor demanded the names alone."""
    apart = told_apart(findings)[1]
    console.print(_table(row for row in findings if row not in apart))
    if apart:
        names = ", ".join(row.expression for row in apart)
        console.print(Text(f"not measured, and not demanded: {names}", style="dim"), highlight=False)


def _headline(report: Report) -> Text:
    verdict = report.verdict
    rows = verdict.findings
    passed = sum(row.state == "pass" for row in rows)
    missing = sum(row.state == "not_measured" for row in rows)
    counts = f"{passed} of {len(rows)} thresholds hold" + (f", {missing} not measured" if missing else "")
    interrupted = " (interrupted)" if verdict.interrupted else ""
    return Text.assemble(
        (f"{verdict.status}{interrupted}", COLOURS[verdict.status]), f"  exit code {verdict.exit_code:d} · {counts}"
    )


def _table(rows: Iterable[Judged]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False, header_style="bold")
    table.add_column("threshold", overflow="fold", ratio=None)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("limit", justify="right", no_wrap=True)
    table.add_column("margin", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for row in rows:
        colour = "dim" if row.rank == 2 else STATE_COLOURS[row.state]
        measured = "–" if row.value is None else value_text(row.value, row.unit)
        limit = "–" if row.limit is None else f"{row.comparison} {value_text(row.limit, row.unit)}"
        table.add_row(escape(row.expression), measured, limit, margin_text(row.margin), Text(row.word, style=colour))
    return table


def _print_list(console: Console, texts: Iterable[str], most: int, head: str, style: str) -> None:
    known = list(texts)
    for text in known[:most]:
        console.print(Text.assemble((f"{head} ", style), shortened(text, 600)), highlight=False)
    if len(known) > most:
        console.print(Text(f"… and {len(known) - most} more in the report", style="dim"))


def _print_troubles(console: Console, rows: list[Trouble]) -> None:
    for row in rows[:TROUBLES_MAX]:
        said = f"{row.count:,} × {row.kind} in {row.operation}{first_text(row.first_s)}"
        console.print(Text.assemble(("wrong ", "red"), said), highlight=False)
        if row.examples:
            console.print(Text(f"      {shortened(row.examples[0], EXAMPLE_MAX)}", style="dim"), highlight=False)
    if len(rows) > TROUBLES_MAX:
        console.print(Text(f"… and {len(rows) - TROUBLES_MAX} more kinds in the report", style="dim"))

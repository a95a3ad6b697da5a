"""A comparison as a table: everything together, then the operations that changed; on a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from acgs_load.analysis.comparing.baseline import Comparison
from acgs_load.analysis.comparing.comparison import Change, Word
from acgs_load.analysis.comparing.regressions import interval_text, moved_text
from acgs_load.analysis.comparing.series import EVERYTHING
from acgs_load.analysis.report import Report
from acgs_load.analysis.wording import shortened, value_text

COLOURS = {Word.REGRESSION: "red", Word.IMPROVEMENT: "green", Word.SAME: "dim", Word.UNKNOWN: "yellow"}
VERDICTS = {"PASS": "bold green", "FAIL": "bold red", "INVALID": "bold yellow"}
HEADS = ("", "figure", "baseline", "now", "change", "interval", "")
SHOWN_MAX = 24
TOGETHER = "all operations"


def shown(comparison: Comparison, most: int = SHOWN_MAX) -> list[Change]:
    """All operations together, then each figure of single ones that changed, the worst first."""
    together = [change for change in comparison.changes if change.operation == EVERYTHING]
    single = [change for change in comparison.changes if change.operation != EVERYTHING]
    changed = [change for change in single if change.word in (Word.REGRESSION, Word.IMPROVEMENT)]
    return (together + sorted(changed, key=lambda change: -(change.worse or 0.0)))[:most]


def cells(change: Change) -> tuple[str, ...]:
    """One row of the table, as text."""
    return (
        change.operation or TOGETHER,
        change.measure,
        value_text(change.baseline, change.unit),
        value_text(change.value, change.unit),
        moved_text(change.change, change) or "–",
        interval_text(change).removeprefix("between ").replace(" and ", " … ") or "–",
        f"{change.word}{' ✗' if change.beyond else ''}",
    )


def print_comparison(report: Report, console: Console) -> None:
    """What makes the runs unlike, the table, and what it comes to."""
    comparison = report.comparison
    assert comparison is not None, "a comparison was asked for"
    for text in comparison.differences:
        console.print(Text.assemble(("unlike ", "yellow"), text), highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, head in enumerate(HEADS):
        table.add_column(head, justify="right" if 2 <= place <= 5 else "left", no_wrap=place > 0)
    for change in shown(comparison):
        *texts, word = cells(change)
        table.add_row(*map(Text, texts), Text(word, style=COLOURS[change.word]))
    console.print(table)
    status = report.verdict.status
    console.print(Text.assemble((status, VERDICTS[status]), f"  exit code {report.verdict.exit_code:d}"))
    console.print(Text(f"{comparison.word} (✗: worse by more than {100 * comparison.max_regression:g} %)"))
    for text in report.verdict.reasons:
        console.print(Text.assemble(("why ", VERDICTS[status]), shortened(text, 600)), highlight=False)


def markdown_table(comparison: Comparison, most: int) -> Iterator[str]:
    """Lines of a Markdown table of at most ``most`` figures; what makes the runs unlike comes first."""
    if comparison.differences:
        yield f"The two runs were unlike: {'; '.join(comparison.differences)}."
        yield ""
    yield "| compared with the baseline | figure | baseline | now | change | interval | |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for change in shown(comparison, most):
        yield f"| {' | '.join(_plain(cells(change)))} |"


def _plain(texts: Sequence[str]) -> list[str]:
    return [text.replace("_", "\\_").replace("|", "\\|") for text in texts]

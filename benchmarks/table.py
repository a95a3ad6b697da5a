"""Tables of figures on a terminal or in a file, and the bars that figures are held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple


class Bar(NamedTuple):
    """A figure and what it has to reach."""

    what: str
    figure: float | None
    """None where it was not measured."""
    limit: float
    side: Literal["at least", "at most"]

    @property
    def reached(self) -> bool | None:
        """Whether the figure is on the right side; None where there is no figure."""
        if self.figure is None:
            return None
        return self.figure >= self.limit if self.side == "at least" else self.figure <= self.limit

    def record(self) -> dict[str, Any]:
        """As JSON says it."""
        figure = None if self.figure is None else round(self.figure, 3)
        return {"what": self.what, "figure": figure, "side": self.side, "limit": self.limit, "reached": self.reached}


def bar_rows(bars: Iterable[Bar]) -> list[tuple[str, ...]]:
    """One row a bar."""
    words = {True: "reached", False: "MISSED", None: "not measured"}
    return [
        (bar.what, "-" if bar.figure is None else f"{bar.figure:.2f}", f"{bar.side} {bar.limit:g}", words[bar.reached])
        for bar in bars
    ]


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be; the first to the left, the others to the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    print(f"\n{title}")
    for number, line in enumerate(lines):
        first, *others = (
            cell.ljust(w) if not n else cell.rjust(w) for n, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print(flush=True)

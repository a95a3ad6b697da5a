"""What was found wrong as rows of a table: kind × status × operation, each with its count and examples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from acgs_load.analysis.troubles import Trouble

NO_STATUS = "none"
"""No answer came, so there was no status."""
_STATUS = re.compile(r"\bstatus (\d{3})\b|\banswered (\d{3})\b|^HTTPError\(.(\d{3}) ")


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """One group of failures."""

    kind: str
    operation: str
    status: str
    """Empty where the input does not count by status."""
    shown: str
    """The status for people."""
    count: int
    first_s: float | None
    examples: tuple[str, ...]


def rows_of(troubles: Iterable[Trouble]) -> Iterator[TroubleRow]:
    """A row a status, in the order given; one for all where statuses were not counted."""
    for of in troubles:
        for share in of.statuses:
            shown = NO_STATUS if share.status == "0" else share.status
            # a run whose examples tell no status has them beside each
            examples = share.examples or (of.examples if len(of.statuses) == 1 else ())
            yield TroubleRow(of.kind, of.operation, share.status, shown, share.count, share.first_s, examples)
        if not of.statuses:
            yield TroubleRow(of.kind, of.operation, "", statuses_text(of), of.count, of.first_s, of.examples)


def statuses_text(row: Trouble) -> str:
    """The statuses that the examples of an error tell."""
    found = {next(filter(None, match.groups())) for text in row.examples for match in _STATUS.finditer(text)}
    return ", ".join(sorted(found)) or "–"

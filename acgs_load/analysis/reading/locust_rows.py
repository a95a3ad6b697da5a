"""Rows of Locust's CSV files by column name, whatever version wrote them and however they were cut."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acgs_load.errors import UsageError
from acgs_load.printable import printable

NAMES: Mapping[str, str] = {
    "method": "Type",
    "# requests": "Request Count",
    "# failures": "Failure Count",
    "# fails": "Failure Count",
    "requests failed/s": "Failures/s",
    "# occurrences": "Occurrences",
}
"""Columns that were once called otherwise; upper and lower case never matter."""
KNOWN = (
    *("Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time"),
    *("Min Response Time", "Max Response Time", "Requests/s", "Failures/s", "Timestamp", "User Count", "Error"),
    *("Occurrences", "Count", "Total Request Count", "Total Failure Count", "Total Average Response Time"),
    "Total Max Response Time",
)
NO_NUMBER = frozenset({"", "n/a", "na", "none", "nan", "null"})
TOTAL_NAMES = frozenset({"aggregated", "total"})
TOTAL_TYPES = frozenset({"", "none", "aggregated", "total"})
_SPELLED = {name.lower(): name for name in KNOWN}
_TOTAL_MARKS = (b",Aggregated,", b'"Aggregated"', b",Total,", b'"Total"', b"Timestamp")
_FIELD_MAX_BYTES = 1 << 24
"""Tracebacks may be long."""


@dataclass(slots=True)
class Table:
    """The rows of one file."""

    path: Path
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """With the number of the line that each ends in."""
    columns: frozenset[str] = frozenset()
    left_out: int = 0
    """Rows of another width than their header, a last one cut short among them."""


def column(heading: str) -> str:
    """The name of today for a heading."""
    plain = heading.strip().lstrip("\ufeff").strip('"').lower()
    return NAMES.get(plain) or _SPELLED.get(plain, heading.strip())


def is_total(row: Mapping[str, str]) -> bool:
    """Whether a row is Locust's own over all requests: "Aggregated" or "Total", of no type or typed so."""
    kind, name = row.get("Type", "").strip().lower(), row.get("Name", "").strip().lower()
    return kind in TOTAL_TYPES and (name in TOTAL_NAMES or (not name and kind in TOTAL_NAMES))


def read_table(path: Path, needed: Iterable[str]) -> Table:
    """Every whole row. An empty file has none; one without the needed columns is refused with UsageError."""
    table = Table(path)
    csv.field_size_limit(_FIELD_MAX_BYTES)
    try:
        with path.open(newline="", encoding=_encoding(path)) as file:
            reader = csv.reader(line.replace("\0", "") for line in file)
            heading = next((cells for cells in reader if cells), None)
            if heading is None:
                return table
            columns = _columns(path, heading, needed)
            table.columns = frozenset(columns)
            for cells in reader:
                columns = _add(table, reader.line_num, cells, heading, columns)
    except (OSError, UnicodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be read as CSV ({reason}); name a run folder or a --csv prefix") from error
    return table


def _add(table: Table, line: int, cells: list[str], heading: list[str], columns: list[str]) -> list[str]:
    """The columns that hold from here on: a heading may come again where a second run was appended."""
    if not cells:
        return columns
    if cells[0].strip() == heading[0].strip() and len(cells) > 1 and cells[1].strip() == heading[1].strip():
        return [column(cell) for cell in cells]
    if len(cells) == len(columns):
        table.rows.append((line, dict(zip(columns, map(printable, cells), strict=True))))
    else:
        table.left_out += 1
    return columns


def _columns(path: Path, heading: list[str], needed: Iterable[str]) -> list[str]:
    columns = [column(cell) for cell in heading]
    missing = sorted(set(needed) - set(columns))
    if missing:
        raise UsageError(
            f"{path}: no CSV file of Locust's statistics (no column {', '.join(map(repr, missing))}); "
            "name a run folder or a --csv prefix"
        )
    return columns


def _encoding(path: Path) -> str:
    """UTF-8, or UTF-16 where a byte order mark says so: what some shells write."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def number(path: Path, line: int, row: Mapping[str, str], name: str) -> float | None:
    """The number in a column, None where it says that there is none. Raises UsageError for anything else.

    Counts, times and rates are all that Locust writes; what is below 0 was not measured.
    """
    text = row.get(name, "").strip()
    if text.lower() in NO_NUMBER:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"{path}, line {line}: {name} is {text!r}, no number; restore the file")
    return value


def whole(path: Path, line: int, row: Mapping[str, str], name: str) -> int:
    """The count in a column. Raises UsageError where there is none."""
    value = number(path, line, row, name)
    if value is None or value != int(value) or value < 0:
        raise UsageError(f"{path}, line {line}: {name} is {row.get(name)!r}, no count; restore the file")
    return int(value)


def percentiles(path: Path, line: int, row: Mapping[str, str]) -> dict[str, float | None]:
    """By Locust's column: ``50%``, ``99.9%`` …"""
    return {name: number(path, line, row, name) for name in row if name.endswith("%")}


def total_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Those lines that may be a total's, or a heading."""
    return (line for line in lines if any(mark in line for mark in _TOTAL_MARKS))

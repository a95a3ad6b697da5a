"""Locust's own ``--csv`` files, of any run of any locustfile: read by column name, never by position."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from acgs_load.errors import UsageError

STATS, HISTORY, FAILURES, EXCEPTIONS = "_stats.csv", "_stats_history.csv", "_failures.csv", "_exceptions.csv"
AGGREGATED = "Aggregated"
_STATS_COLUMNS = {"Name", "Request Count", "Failure Count", "Average Response Time", "Requests/s"}
_HISTORY_COLUMNS = {"Timestamp", "User Count", "Name", "Requests/s", "Failures/s"}


class Entry(NamedTuple):
    """One row of the statistics: a request name, or everything."""

    method: str
    name: str
    requests: int
    failures: int
    avg_ms: float | None
    max_ms: float | None
    requests_rps: float
    failures_rps: float
    percentiles_ms: dict[str, float | None]
    """By Locust's column: ``50%``, ``99.9%`` …"""


class Moment(NamedTuple):
    """One second of the history, of all requests together."""

    second: int
    users: int
    requests_rps: float
    failures_rps: float
    percentiles_ms: dict[str, float | None]
    requests: int


class Failure(NamedTuple):
    """One kind of failure."""

    name: str
    error: str
    occurrences: int


@dataclass(frozen=True, slots=True)
class LocustCsv:
    """What the files of one prefix say."""

    prefix: Path
    entries: tuple[Entry, ...]
    total: Entry | None
    """Locust's own row over everything; percentiles cannot be added up without it."""
    history: tuple[Moment, ...]
    windowed: bool
    """True: percentiles of the history are of about the last 10 s (``--csv-full-history``); False: since the start."""
    failures: tuple[Failure, ...]
    exceptions: int


def find_prefix(path: Path) -> Path:
    """The prefix that a folder, a CSV file or the prefix itself names. Raises UsageError where there is none."""
    if path.is_dir():
        found = sorted(path.glob(f"*{STATS}"))
        if len(found) > 1:
            raise UsageError(
                f"{path}: more than one set of CSV files; name one: {', '.join(str(_cut(f)) for f in found)}"
            )
        if found:
            return _cut(found[0])
        raise UsageError(f"{path}: neither a run folder (plan.json) nor Locust's CSV files (*{STATS})")
    if path.with_name(path.name + STATS).is_file():
        return path
    if path.is_file():
        for suffix in (HISTORY, FAILURES, EXCEPTIONS):
            if path.name.endswith(suffix):
                return find_prefix(path.with_name(path.name.removesuffix(suffix)))
        return _cut(path)
    raise UsageError(f"{path}: no such file or folder, and no {path.name}{STATS}; name a run folder or a --csv prefix")


def _cut(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(STATS)) if path.name.endswith(STATS) else path


def read_locust_csv(prefix: Path) -> LocustCsv:
    """The files of a prefix; all but the statistics may be missing. Raises UsageError for any other content."""
    stats = prefix if prefix.is_file() else prefix.with_name(prefix.name + STATS)
    entries = [_entry(stats, line, row) for line, row in _rows(stats, _STATS_COLUMNS)]
    total = next((entry for entry in entries if entry.name == AGGREGATED and not entry.method), None)
    history_path = prefix.with_name(prefix.name + HISTORY)
    history = list(_rows(history_path, _HISTORY_COLUMNS)) if history_path.is_file() else []
    failures_path, exceptions_path = (
        prefix.with_name(prefix.name + FAILURES),
        prefix.with_name(prefix.name + EXCEPTIONS),
    )
    failures = _rows(failures_path, {"Name", "Error", "Occurrences"}) if failures_path.is_file() else []
    exceptions = _rows(exceptions_path, {"Count"}) if exceptions_path.is_file() else []
    return LocustCsv(
        prefix,
        tuple(entry for entry in entries if entry is not total),
        total,
        tuple(_moment(history_path, line, row) for line, row in history if row["Name"] == AGGREGATED),
        any(row["Name"] != AGGREGATED for _, row in history),
        tuple(
            Failure(row["Name"], row["Error"], _whole(failures_path, line, row, "Occurrences"))
            for line, row in failures
        ),
        sum(_whole(exceptions_path, line, row, "Count") for line, row in exceptions),
    )


def _rows(path: Path, columns: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """Lines with their numbers. A last line that Locust had not finished is left out."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = sorted(set(columns) - set(reader.fieldnames or ()))
            if missing:
                raise UsageError(
                    f"{path}: no CSV file of Locust's statistics (no column {', '.join(map(repr, missing))}); "
                    "name a run folder or a --csv prefix"
                )
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be read as CSV ({reason}); name a run folder or a --csv prefix") from error
    if rows and None in rows[-1][1].values():
        rows.pop()
    return [(line, {str(name): str(value or "") for name, value in row.items()}) for line, row in rows]


def _entry(path: Path, line: int, row: dict[str, str]) -> Entry:
    return Entry(
        row.get("Type", ""),
        row["Name"],
        _whole(path, line, row, "Request Count"),
        _whole(path, line, row, "Failure Count"),
        _number(path, line, row, "Average Response Time"),
        _number(path, line, row, "Max Response Time"),
        _number(path, line, row, "Requests/s") or 0.0,
        _number(path, line, row, "Failures/s") or 0.0,
        _percentiles(path, line, row),
    )


def _moment(path: Path, line: int, row: dict[str, str]) -> Moment:
    return Moment(
        _whole(path, line, row, "Timestamp"),
        _whole(path, line, row, "User Count"),
        _number(path, line, row, "Requests/s") or 0.0,
        _number(path, line, row, "Failures/s") or 0.0,
        _percentiles(path, line, row),
        _whole(path, line, row, "Total Request Count") if "Total Request Count" in row else 0,
    )


def _percentiles(path: Path, line: int, row: dict[str, str]) -> dict[str, float | None]:
    return {name: _number(path, line, row, name) for name in row if name.endswith("%")}


def _number(path: Path, line: int, row: dict[str, str], column: str) -> float | None:
    text = row.get(column, "").strip()
    if text in ("", "N/A"):
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{path}, line {line}: {column} is {text!r}, no number; restore the file") from None


def _whole(path: Path, line: int, row: dict[str, str], column: str) -> int:
    value = _number(path, line, row, column)
    if value is None or value != int(value) or value < 0:
        raise UsageError(f"{path}, line {line}: {column} is {row.get(column)!r}, no count; restore the file")
    return int(value)

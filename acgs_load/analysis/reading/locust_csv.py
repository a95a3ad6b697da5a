"""Locust's own ``--csv`` files, of any run of any locustfile: read by column name, never by position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from acgs_load.analysis.reading.locust_history import History, Told, read_history
from acgs_load.analysis.reading.locust_rows import Table, is_total, number, percentiles, read_table, whole
from acgs_load.errors import UsageError

STATS, HISTORY, FAILURES, EXCEPTIONS = "_stats.csv", "_stats_history.csv", "_failures.csv", "_exceptions.csv"
AGGREGATED = "Aggregated"
_STATS_COLUMNS = {"Name", "Request Count", "Failure Count", "Average Response Time", "Requests/s"}
PERCENTILES = ("50%", "75%", "90%", "95%", "99%", "99.9%")
APART, APART_MIN = 0.01, 10
"""Locust may write its rows while requests end; a total farther than this from its rows is of another run."""


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
    history: History
    failures: tuple[Failure, ...]
    exceptions: int
    missing: tuple[str, ...] = ()
    """What is absent, cut short or left out, each in a sentence."""


def find_prefix(path: Path) -> Path:
    """The prefix that a folder, a CSV file or the prefix itself names. Raises UsageError where there is none."""
    if path.is_dir():
        found = sorted(path.glob(f"*{STATS}")) or sorted(
            file.with_name(file.name.removesuffix(HISTORY) + STATS) for file in path.glob(f"*{HISTORY}")
        )
        if len(found) > 1:
            raise UsageError(
                f"{path}: more than one set of CSV files; name one: {', '.join(str(_cut(f)) for f in found)}"
            )
        if found:
            return _cut(found[0])
        raise UsageError(f"{path}: neither a run folder (plan.json) nor Locust's CSV files (*{STATS})")
    if any(path.with_name(path.name + suffix).is_file() for suffix in (STATS, HISTORY)):
        return path
    if path.is_file():
        for suffix in (HISTORY, FAILURES, EXCEPTIONS):
            if path.name.endswith(suffix):
                return find_prefix(path.with_name(path.name.removesuffix(suffix)))
        return _cut(path)
    raise UsageError(f"{path}: no such file or folder, and no {path.name}{STATS}; name a run folder or a --csv prefix")


def _cut(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(STATS)) if path.name.endswith(STATS) else path


def read_locust_csv(prefix: Path, told: Told | None = None) -> LocustCsv:
    """The files of a prefix; all but the statistics may be missing, and those where there is a history.

    ``told`` hears how far the reading is. Raises UsageError for any other content, and for totals that contradict
    their parts.
    """
    path = prefix if prefix.is_file() else prefix.with_name(prefix.name + STATS)
    stats = read_table(path, _STATS_COLUMNS) if path.is_file() else Table(path)
    entries = [_entry(path, line, row) for line, row in stats.rows if not is_total(row)]
    totals = [_entry(path, line, row) for line, row in stats.rows if is_total(row)]
    history = read_history(prefix.with_name(prefix.name + HISTORY), told)
    total, missing = totals[-1] if totals else None, list(_missing(prefix, stats, history))
    if not stats.rows:
        total = _of_history(path, history, stats)
        missing.append(f"{path.name}: empty, so the figures are those of the history's last second")
    _check(path, entries, total)
    failures = _optional(prefix, FAILURES, ("Name", "Error", "Occurrences"), missing)
    exceptions = _optional(prefix, EXCEPTIONS, ("Count",), missing)
    return LocustCsv(
        prefix,
        tuple(entries),
        total,
        history,
        tuple(
            Failure(row["Name"], row["Error"], whole(failures.path, line, row, "Occurrences"))
            for line, row in failures.rows
        ),
        sum(whole(exceptions.path, line, row, "Count") for line, row in exceptions.rows),
        tuple(missing),
    )


def _optional(prefix: Path, suffix: str, needed: Iterable[str], missing: list[str]) -> Table:
    path = prefix.with_name(prefix.name + suffix)
    if not path.is_file():
        if suffix == FAILURES and not prefix.is_file():
            missing.append(f"{path.name}: missing, so errors are counted but not told")
        return Table(path)
    table = read_table(path, needed)
    if table.left_out:
        missing.append(f"{path.name}: {table.left_out:,} rows that are cut or of another width are left out")
    return table


def _missing(prefix: Path, stats: Table, history: History) -> Iterator[str]:
    name = prefix.name + HISTORY
    if stats.left_out:
        yield f"{stats.path.name}: {stats.left_out:,} rows that are cut or of another width are left out"
    if history.left_out:
        yield f"{name}: {history.left_out:,} rows that are cut or of another width are left out"
    if history.runs > 1:
        yield f"{name}: holds {history.runs} test runs; the last is shown"
    if not history.moments and not prefix.is_file():
        yield f"{name}: missing or empty, so nothing is told over time"
    absent = [told for told in PERCENTILES if told not in stats.columns] if stats.columns else []
    if absent:
        yield f"{stats.path.name}: no column {', '.join(absent)}, so those percentiles are not measured"


def _of_history(path: Path, history: History, stats: Table) -> Entry | None:
    """What the last second of the history says of the whole run. Raises UsageError where there is none."""
    last = history.last
    if last is None:
        if stats.columns:
            return None
        raise UsageError(f"{path}: empty, and no history beside it; name a run folder or a --csv prefix")
    first = next((moment.second for moment in history.moments if moment.requests), last.second)
    length_s = max(1, last.second - first)
    quantiles = dict.fromkeys(last.percentiles_ms) if history.windowed else last.percentiles_ms
    rates = last.requests / length_s, last.failures / length_s
    return Entry("", AGGREGATED, last.requests, last.failures, last.avg_ms, last.max_ms, *rates, quantiles)


def _check(path: Path, entries: Sequence[Entry], total: Entry | None) -> None:
    for entry in [*entries, *([total] if total else [])]:
        if entry.failures > entry.requests:
            raise UsageError(
                f"{path}: {entry.name} has {entry.failures:,} failures of {entry.requests:,} requests; restore the file"
            )
    if total is None or not entries:
        return
    for what, said in (("requests", total.requests), ("failures", total.failures)):
        found = sum(getattr(entry, what) for entry in entries)
        if abs(found - said) > max(APART_MIN, APART * said):
            raise UsageError(
                f"{path}: the total says {said:,} {what}, its rows add up to {found:,}; files of two runs are mixed"
            )


def _entry(path: Path, line: int, row: Mapping[str, str]) -> Entry:
    return Entry(
        row.get("Type", ""),
        row["Name"],
        whole(path, line, row, "Request Count"),
        whole(path, line, row, "Failure Count"),
        number(path, line, row, "Average Response Time"),
        number(path, line, row, "Max Response Time"),
        number(path, line, row, "Requests/s") or 0.0,
        number(path, line, row, "Failures/s") or 0.0,
        percentiles(path, line, row),
    )

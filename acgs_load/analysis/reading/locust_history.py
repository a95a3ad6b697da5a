"""Locust's history of a run, second by second; a gigabyte of it is read with pandas, block by block."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from acgs_load.analysis.reading.locust_rows import (
    NO_NUMBER,
    column,
    is_total,
    number,
    percentiles,
    read_table,
    total_lines,
    whole,
)
from acgs_load.errors import UsageError

BIG_BYTES = 16 << 20
"""From here on with pandas; its import alone takes longer than a small file."""
BLOCK_BYTES = 32 << 20
MOMENTS_MAX = 16_384
"""Kept of a history; a chart shows a few hundred. Peaks are of all."""
_NEEDED = ("Timestamp", "User Count", "Name", "Requests/s", "Failures/s")
_WANTED = frozenset(
    {
        *(*_NEEDED, "Type", "50%", "95%", "99%", "Total Request Count", "Total Failure Count"),
        *("Total Average Response Time", "Total Max Response Time"),
    }
)
Told = Callable[[float], None]


class Moment(NamedTuple):
    """One second of the history, of all requests together."""

    second: int
    users: int
    requests_rps: float
    failures_rps: float
    percentiles_ms: dict[str, float | None]
    requests: int
    """Since the start; 0 where the file does not tell."""
    failures: int
    avg_ms: float | None
    max_ms: float | None


@dataclass(slots=True)
class History:
    """The last run that a history file tells of."""

    moments: list[Moment] = field(default_factory=list)
    windowed: bool = False
    """True: percentiles are of about the last 10 s (``--csv-full-history``); False: since the start."""
    peak_rps: float | None = None
    users_max: int | None = None
    runs: int = 1
    left_out: int = 0
    every: int = 1
    """Each how-many-th second is kept."""
    last: Moment | None = None
    seen: int = 0

    def add(self, moment: Moment) -> None:
        """Count one second. One before the last, or with fewer requests, begins another run."""
        if self.last and (moment.second < self.last.second or moment.requests < self.last.requests):
            self.again()
        answered_rps = moment.requests_rps - moment.failures_rps
        self.peak_rps = answered_rps if self.peak_rps is None else max(self.peak_rps, answered_rps)
        self.users_max = max(self.users_max or 0, moment.users)
        if self.seen % self.every == 0:
            self.moments.append(moment)
        self.seen, self.last = self.seen + 1, moment
        if len(self.moments) > MOMENTS_MAX:
            self.moments, self.every = self.moments[::2], self.every * 2

    def again(self) -> None:
        """Forget the run so far: the statistics beside the history are of the last."""
        self.moments, self.runs, self.every, self.seen = [], self.runs + 1, 1, 0
        self.last = self.peak_rps = self.users_max = None


def read_history(path: Path, told: Told | None = None) -> History:
    """The history; without a file, or of an empty one, nothing. Raises UsageError for any other content."""
    if not path.is_file() or not path.stat().st_size:
        return History()
    return _big(path, told) if path.stat().st_size >= BIG_BYTES else _small(path)


def _small(path: Path) -> History:
    history, table = History(), read_table(path, _NEEDED)
    history.left_out = table.left_out
    for line, row in table.rows:
        if is_total(row):
            history.add(_moment(path, line, row))
        else:
            history.windowed = True
    return history


def _moment(path: Path, line: int, row: Mapping[str, str]) -> Moment:
    return Moment(
        whole(path, line, row, "Timestamp"),
        whole(path, line, row, "User Count"),
        number(path, line, row, "Requests/s") or 0.0,
        number(path, line, row, "Failures/s") or 0.0,
        percentiles(path, line, row),
        whole(path, line, row, "Total Request Count") if "Total Request Count" in row else 0,
        whole(path, line, row, "Total Failure Count") if "Total Failure Count" in row else 0,
        number(path, line, row, "Total Average Response Time"),
        number(path, line, row, "Total Max Response Time"),
    )


def _big(path: Path, told: Told | None) -> History:
    history, size_bytes = History(), path.stat().st_size
    try:
        with path.open("rb") as file:
            heading = file.readline()
            columns = _columns(heading.decode("utf-8-sig"))
            if missing := sorted(set(_NEEDED) - set(columns)):
                raise UsageError(f"{path}: no history of Locust's (no column {missing[0]!r}); name a --csv prefix")
            while lines := file.readlines(BLOCK_BYTES):
                columns = _block(history, lines, columns, heading.split(b",")[0])
                if told:
                    told(file.tell() / size_bytes)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path}: cannot be read as CSV ({error}); name a run folder or a --csv prefix") from error
    return history


def _columns(heading: str) -> list[str]:
    return [column(cell) for cell in heading.strip().split(",")]


def _block(history: History, lines: list[bytes], columns: list[str], first: bytes) -> list[str]:
    """Adds the totals among ``lines``; the columns that hold after them."""
    first = first.removeprefix(b"\xef\xbb\xbf")
    kept: list[bytes] = []
    found = 0
    for line in total_lines(lines):
        found += 1
        if line.startswith(first):
            _add(history, kept, columns)
            kept, columns = [], _columns(line.decode("utf-8", "replace"))
        else:
            kept.append(line)
    _add(history, kept, columns)
    history.windowed |= found < len(lines)
    return columns


def _add(history: History, lines: list[bytes], columns: list[str]) -> None:
    whole_lines = [line for line in lines if line.count(b",") == len(columns) - 1]
    history.left_out += len(lines) - len(whole_lines)
    if not whole_lines:
        return
    frame = _frame(whole_lines, columns)
    history.left_out += len(whole_lines) - len(frame)
    for row in frame.to_dict("records"):
        if is_total({"Type": str(row.get("Type", "")), "Name": str(row["Name"])}):
            _add_row(history, row)


def _frame(lines: list[bytes], columns: list[str]) -> Any:
    """The rows as a table of numbers, but those without a time or users."""
    import pandas as pd  # a second to import, and needed for large files alone

    frame = pd.read_csv(
        io.BytesIO(b"".join(lines)),
        header=None,
        names=columns,
        usecols=lambda name: name in _WANTED,
        index_col=False,
        na_values=sorted(NO_NUMBER | {"N/A", "None", "NaN"}),
        keep_default_na=False,
        on_bad_lines="skip",
        dtype={"Type": str, "Name": str},
        encoding_errors="replace",
    ).fillna({"Type": "", "Name": ""})
    numbers = [name for name in frame.columns if name not in {"Type", "Name"}]
    frame[numbers] = frame[numbers].apply(pd.to_numeric, errors="coerce")
    return frame[frame["Timestamp"].notna() & frame["User Count"].notna()]


def _add_row(history: History, row: Mapping[Any, Any]) -> None:
    def told(name: str) -> float | None:
        value = row.get(name)
        return None if value is None or value != value else float(value)

    history.add(
        Moment(
            int(row["Timestamp"]),
            int(row["User Count"]),
            told("Requests/s") or 0.0,
            told("Failures/s") or 0.0,
            {name: told(name) for name in row if str(name).endswith("%")},
            int(told("Total Request Count") or 0),
            int(told("Total Failure Count") or 0),
            told("Total Average Response Time"),
            told("Total Max Response Time"),
        )
    )


def seconds_between(history: History) -> Iterator[Moment]:
    """The moments without the idle ones that Locust writes before the first and after the last request."""
    busy = [at for at, moment in enumerate(history.moments) if moment.requests_rps > 0 or moment.users > 0]
    return iter(history.moments[busy[0] : busy[-1] + 1] if busy else ())

"""``windows.jsonl``, read in batches into columns; a batch that is not plainly right is looked at line by line.

Pages (``sample_pages``) and the single windows of earlier versions are both read.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from acgs_load.analysis.beside import beside
from acgs_load.analysis.reading.columns import Columns, ColumnsBuilder, UnusualRowError
from acgs_load.analysis.reading.lines import parsed_line
from acgs_load.analysis.reading.page_columns import add_pages
from acgs_load.errors import UsageError
from acgs_load.sample_pages import is_page, rows_of
from acgs_load.samples import Window, WindowKey

BATCH_BYTES = 512 << 10
SHARED_BYTES = 16 << 20
"""Longer files are read by two processes; a shorter one is read before the second has begun."""
Parse = Callable[[dict[str, Any]], tuple[WindowKey, Window]]
Told = Callable[[float], None]
"""Called with the share that is done, 0–1."""


def read_windows(path: Path, parse: Parse, told: Told | None = None) -> tuple[Columns, bool]:
    """The windows, and whether the last line was cut short (it is then left out). No file: no windows.

    Raises UsageError, naming file and line, for anything that ``parse`` does not take.
    """
    reading = _Reading(path, parse)
    try:
        with _collector_resting():
            size_bytes = path.stat().st_size
            middle = _middle(path, size_bytes)
            rest = beside(lambda: _plain(path, middle, size_bytes)) if middle < size_bytes else None
            reading.read(0, middle, told)
            if rest and not reading.join(rest()):
                reading.read(middle, size_bytes, told)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name the folder of a finished run") from error
    return reading.builder.columns(), reading.torn


def _middle(path: Path, size_bytes: int) -> int:
    """Where the second half begins, at the beginning of a line; the end where the file is too short to be shared."""
    if size_bytes < SHARED_BYTES:
        return size_bytes
    with path.open("rb") as file:
        file.seek(size_bytes // 2)
        return file.tell() + len(file.readline())


def _plain(path: Path, begin: int, end: int) -> _Reading | None:
    """That stretch of the file; None where it is not plainly right, and must be looked at with its lines numbered."""
    reading = _Reading(path, None)
    try:
        reading.read(begin, end, None)
    except UnusualRowError:
        return None
    return reading


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    path: Path
    parse: Parse | None
    """None: lines that are not plainly right raise UnusualRowError."""
    builder: ColumnsBuilder = field(default_factory=ColumnsBuilder)
    lines: int = 0
    torn: bool = False

    def read(self, begin: int, end: int, told: Told | None) -> None:
        """Add the lines of a stretch of the file."""
        with self.path.open("rb") as file:
            file.seek(begin)
            while (at := file.tell()) < end and (text := file.read(min(BATCH_BYTES, end - at))):
                *lines, last = (text + (file.readline() if file.tell() < end else b"")).split(b"\n")
                self.torn = bool(last.strip())
                _add(self.builder, self.path, self.lines, lines, self.parse)
                self.lines += len(lines)
                if told:
                    told(file.tell() / end)

    def join(self, other: _Reading | None) -> bool:
        """Add what was read elsewhere; False where there is nothing."""
        if other is None:
            return False
        self.builder.join_all(other.builder)
        self.lines, self.torn = self.lines + other.lines, other.torn
        return True


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Rows come and go by the million, and none is part of a cycle."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _add(builder: ColumnsBuilder, path: Path, place: int, lines: Sequence[bytes], parse: Parse | None) -> None:
    whole = [line for line in lines if line and not line.isspace()]
    try:
        text = b",".join(whole)
        if b"true" in text or b"false" in text:  # columns take them for 1 and 0
            raise UnusualRowError
        rows = orjson.loads(b"[" + text + b"]")
        if len(rows) != len(whole) or not all(type(row) is dict for row in rows):
            raise UnusualRowError
        if all(map(is_page, rows)):
            add_pages(builder, rows)
        else:
            builder.add(rows, text)
    except (orjson.JSONDecodeError, UnusualRowError) as error:
        if parse is None:
            raise UnusualRowError from error
        builder.add([row for at, line in enumerate(lines, place + 1) for row in _parsed(path, at, line, parse)])


def _parsed(path: Path, place: int, line: bytes, parse: Parse) -> list[dict[str, Any]]:
    """The windows of one line, looked at one by one."""
    if not line.strip():
        return []
    windows = parsed_line(path, place, line, lambda raw: [parse(row) for row in rows_of(raw)])
    return [{**key._asdict(), **window.to_wire()} for key, window in windows]

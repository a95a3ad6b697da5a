"""``windows.jsonl``, read in batches into columns; a batch that is not plainly right is looked at line by line.

Pages (``sample_pages``) and the single windows of earlier versions are both read.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from acgs_load.analysis.reading.columns import Columns, ColumnsBuilder, UnusualRowError
from acgs_load.analysis.reading.lines import parsed_line
from acgs_load.analysis.reading.page_columns import add_pages
from acgs_load.errors import UsageError
from acgs_load.sample_pages import is_page, rows_of
from acgs_load.samples import Window, WindowKey

BATCH_BYTES = 512 << 10
Parse = Callable[[dict[str, Any]], tuple[WindowKey, Window]]
Told = Callable[[float], None]
"""Called with the share that is done, 0–1."""


def read_windows(path: Path, parse: Parse, told: Told | None = None) -> tuple[Columns, bool]:
    """The windows, and whether the last line was cut short (it is then left out). No file: no windows.

    Raises UsageError, naming file and line, for anything that ``parse`` does not take.
    """
    builder, torn, place, read_bytes = ColumnsBuilder(), False, 0, 0
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file, _collector_resting():
            while lines := file.readlines(BATCH_BYTES):
                read_bytes += sum(map(len, lines))
                torn = not lines[-1].endswith(b"\n")
                if torn:
                    torn = bool(lines.pop().strip())
                _add(builder, path, place, lines, parse)
                place += len(lines)
                if told:
                    told(read_bytes / max(1, size_bytes))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name the folder of a finished run") from error
    return builder.columns(), torn


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


def _add(builder: ColumnsBuilder, path: Path, place: int, lines: Sequence[bytes], parse: Parse) -> None:
    whole = [line for line in lines if not line.isspace()]
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
    except (orjson.JSONDecodeError, UnusualRowError):
        builder.add([row for at, line in enumerate(lines, place + 1) for row in _parsed(path, at, line, parse)])


def _parsed(path: Path, place: int, line: bytes, parse: Parse) -> list[dict[str, Any]]:
    """The windows of one line, looked at one by one."""
    if not line.strip():
        return []
    windows = parsed_line(path, place, line, lambda raw: [parse(row) for row in rows_of(raw)])
    return [{**key._asdict(), **window.to_wire()} for key, window in windows]

"""The edges to a run's files: JSON and CSV read row by row, every fault named with its file and line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from acgs_load.errors import UsageError
from acgs_load.printable import printable_tree

Row = TypeVar("Row")
NUMBER_MAX = 1e18
"""Nothing that a run counts or times is larger; what is, or is not finite, is no number of ours."""
_WRONG = (ValueError, TypeError, KeyError, AttributeError, IndexError)


def parse_json(text: str | bytes) -> Any:
    """The JSON value, its texts printable: strangers may have a word in them.

    Raises ValueError for no JSON, NaN, numbers beyond all sense and halves of characters.
    """
    value = json.loads(text, parse_float=number, parse_int=whole, parse_constant=number)
    _check_text(value, b"\\ud" in (text.encode() if isinstance(text, str) else text).lower())
    return printable_tree(value)


def _check_text(value: Any, escaped: bool) -> None:
    """Raises ValueError for half of a character, which JSON can escape and nobody can write down."""
    if escaped:
        json.dumps(value, ensure_ascii=False).encode()


def number(text: str) -> float:
    """The number that ``text`` spells. Raises ValueError unless it is finite and of a sensible size."""
    value = float(text)
    if not abs(value) <= NUMBER_MAX:
        raise ValueError(f"{text} is no number that a run measures")
    return value


def whole(text: str) -> int:
    """The whole number that ``text`` spells. Raises ValueError unless it is of a sensible size."""
    value = int(text)
    if not abs(value) <= NUMBER_MAX:
        raise ValueError(f"{text} is no number that a run measures")
    return value


_LINES = json.JSONDecoder(parse_float=number, parse_constant=number)


def read_bytes(path: Path) -> bytes | None:
    """The content of a file; None where there is none. Raises UsageError when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name the folder of a finished run") from error


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file. Raises UsageError for any other content."""
    content = read_bytes(path)
    if content is None:
        return None
    try:
        value = parse_json(content)
    except ValueError as error:
        raise UsageError(f"{path}: no JSON ({error}); restore the file or analyse another run") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}: a JSON {type(value).__name__} where an object is due; restore the file")
    return value


def read_json_lines(path: Path, parse: Callable[[dict[str, Any]], Row]) -> tuple[list[Row], bool]:
    """One parsed row a line, and whether the last line was cut short (it is then left out).

    Raises UsageError, naming file and line, for anything else that is wrong. No file: no rows.
    """
    content = read_bytes(path)
    lines = (content or b"").split(b"\n")
    torn = bool(lines[-1].strip())
    rows: list[Row] = []
    for place, line in enumerate(lines[:-1], start=1):
        if not line.strip():
            continue
        rows.append(parsed_line(path, place, line, parse))
    return rows, torn


def parsed_line(path: Path, place: int, line: bytes, parse: Callable[[dict[str, Any]], Row]) -> Row:
    """The row in one line of JSON. Raises UsageError, naming file and line, where it is none."""
    try:
        # whole numbers are many here, and each is checked where it is used
        value = _LINES.decode(line.decode())
        _check_text(value, b"\\ud" in line.lower())
        return parse(printable_tree(value))
    except _WRONG as error:
        raise UsageError(f"{path}, line {place}: not what a run writes ({_reason(error)}); restore it") from error


def read_table(path: Path, parse: Callable[[dict[str, str]], Row]) -> tuple[list[Row], bool]:
    """One parsed row a line of a CSV file with a header, and whether the last line was cut short (then left out).

    Raises UsageError, naming file and line, for anything else that is wrong. No file: no rows.
    """
    content = read_bytes(path)
    if not content:
        return [], False
    text = _decoded(path, content)
    torn = not text.endswith("\n")
    lines = text.splitlines()
    rows: list[Row] = []
    for place, cells in _cells(lines[:-1] if torn else lines):
        try:
            rows.append(parse(cells))
        except _WRONG as error:
            raise UsageError(f"{path}, line {place}: not what a run writes ({_reason(error)}); restore it") from error
    return rows, torn


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: no UTF-8 text (byte {error.start}); restore the file") from error


def _cells(lines: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Cells by column, with their line; a row that is too short has empty ones."""
    reader = csv.reader(lines)
    header = next(reader, [])
    for cells in reader:
        if len(cells) == len(header):
            yield reader.line_num, dict(zip(header, cells, strict=True))
        elif cells:
            yield reader.line_num, dict(zip_longest(header, cells[: len(header)], fillvalue=""))


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r}"
    return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)

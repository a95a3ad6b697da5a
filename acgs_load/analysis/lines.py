"""The edges to a run's files: JSON and CSV read row by row, every fault named with its file and line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from acgs_load.errors import UsageError

Row = TypeVar("Row")


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
        value = json.loads(content)
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
    for number, line in enumerate(lines[:-1], start=1):
        if not line.strip():
            continue
        try:
            rows.append(parse(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise UsageError(f"{path}, line {number}: not what a run writes ({_reason(error)}); restore it") from error
    return rows, torn


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
    for number, cells in _cells(lines[:-1] if torn else lines):
        try:
            rows.append(parse(cells))
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"{path}, line {number}: not what a run writes ({_reason(error)}); restore it") from error
    return rows, torn


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: no UTF-8 text (byte {error.start}); restore the file") from error


def _cells(lines: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, cells in enumerate(csv.DictReader(lines), start=2):
        yield number, {str(name): value or "" for name, value in cells.items() if isinstance(value, str | None)}


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r}"
    return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)

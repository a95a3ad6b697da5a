"""Text that a terminal shows and does not obey, and that reads in the order in which it stands."""

from __future__ import annotations

from typing import Any

UNSHOWN = "\ufffd"
"""Stands where something was that is not shown: escapes, control characters, bidirectional overrides, halves of
characters."""
_FORMULA = ("=", "+", "-", "@")


def printable(text: str) -> str:
    """The text on one line, every character of it one that is shown (``str.isprintable``)."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else " " if sign.isspace() else UNSHOWN for sign in text)


def printable_tree(value: Any) -> Any:
    """A JSON value with all its texts printable, those of its keys as well."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [printable_tree(inner) for inner in value]
    if isinstance(value, dict):
        return {printable(name): printable_tree(inner) for name, inner in value.items()}
    return value


def printable_lines(text: str) -> str:
    """The same of each line; the lines stay lines."""
    return "\n".join(map(printable, text.split("\n")))


def cell(value: object) -> object:
    """A cell that no spreadsheet computes: text that begins like a formula gets an apostrophe (OWASP)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

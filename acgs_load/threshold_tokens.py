"""Cuts a threshold's text into tokens that know their column."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

from acgs_load.errors import UsageError

_TOKEN = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')|(?P<op><=|>=|==|<|>|=)|(?P<mark>[{},*])|(?P<word>[\w.:%+\-/]+)|(?P<space>\s+)"""
)


class Token(NamedTuple):
    """A piece of the text."""

    kind: str
    """``text`` (in quotes), ``op``, ``mark``, ``word`` or ``end``."""
    value: str
    column: int
    """From 1."""


def tokenized(expression: str) -> list[Token]:
    """The tokens of ``expression``, an ``end`` last. Raises UsageError at a letter that begins none."""
    tokens, position = [], 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            letter = expression[position]
            fail(expression, position + 1, "the quote is not closed" if letter in "\"'" else f"{letter} has no meaning")
        if match.lastgroup and match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match[0], position + 1))
        position = match.end()
    return [*tokens, Token("end", "", len(expression) + 1)]


def without_comment(text: str) -> str:
    """The text before a ``#`` that is not within quotes, without spaces around it."""
    quote = ""
    for position, letter in enumerate(text):
        if letter == "#" and not quote:
            return text[:position].strip()
        if letter in "\"'" and quote in ("", letter):
            quote = "" if quote else letter
    return text.strip()


def fail(expression: str, column: int, reason: str) -> NoReturn:
    """Raise the UsageError that points at ``column``."""
    raise UsageError(f"threshold {expression!r}, column {column}: {reason}")


def nearest(word: str, known: list[str]) -> str:
    """The known word most like ``word`` as a question, else all that are legal."""
    found = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else f"; legal: {', '.join(known)}"

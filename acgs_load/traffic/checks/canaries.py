"""Finding another tenant's canary in a body, wherever a target lets it slip."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from functools import lru_cache

CANARY = re.compile(r"(?<![A-Za-z0-9_-])canary-([A-Za-z0-9_-]{1,64})-([0-9a-f]{16})(?![A-Za-z0-9_-])")
"""A canary as a whole token; group 1 is the tenant."""
_BYTES = re.compile(CANARY.pattern.encode())
_MARK = b"canary-"
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_ESCAPED_LETTER = re.compile(rb"\\u00[2-7]")
_LONGEST = len("canary-") + 64 + len("-") + 16


def canary_tenant(text: str) -> str | None:
    """The tenant that ``text``, being exactly one canary, belongs to; None for any other text."""
    return _tenant(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _tenant(text: str) -> str | None:
    match = CANARY.fullmatch(text)
    return match[1] if match else None


def foreign_canary(raw: bytes, own_tenant: str, own: Container[str]) -> str | None:
    """The first canary in a body or header that is none of ``own``; None if there is none.

    As long as no own canary is known (``own`` is empty), one that names the own tenant is not called foreign.
    """
    for canary, tenant in _canaries(_unescaped(raw)):
        if canary not in own and (own or tenant != own_tenant):
            return canary
    return None


def may_hold_canary(raw: bytes) -> bool:
    """Whether a body needs the search: it has the word, or an escape that may stand for one of its letters."""
    if _MARK in raw:
        return True
    # one byte is found ten times as quickly as two, and most bodies have none
    return b"\\" in raw and b"\\u00" in raw and _ESCAPED_LETTER.search(raw) is not None


def _canaries(text: bytes) -> Iterator[tuple[str, str]]:
    """Every canary and its tenant."""
    position = text.find(_MARK)  # a pattern that begins by looking behind is tried at every byte
    while position >= 0:
        match = _BYTES.match(text, position)
        if match:
            yield match[0].decode("ascii"), match[1].decode("ascii")
        position = text.find(_MARK, position + len(_MARK))


def _unescaped(raw: bytes) -> bytes:
    """``raw`` with the escapes of JSON taken out of it, whether it is JSON or not.

    A quote ends a token as the end of its string does, so the text is searched as a whole: also what a parser never
    shows, such as the first of two values under one key, or a body that is cut off in its middle.
    """
    return _ESCAPE.sub(_character, raw) if b"\\" in raw else raw


def _character(match: re.Match[bytes]) -> bytes:
    """The character that an escape stands for; a blank for whatever is no part of a canary."""
    code = int(match[1], 16) if match[1] else 0
    return bytes((code,)) if 0x20 < code < 0x7F else b" "

"""Finding another tenant's canary in a body, wherever a target lets it slip."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from functools import lru_cache
from typing import Any

CANARY = re.compile(r"(?<![A-Za-z0-9_-])canary-([A-Za-z0-9_-]{1,64})-([0-9a-f]{16})(?![A-Za-z0-9_-])")
"""A canary as a whole token; group 1 is the tenant."""
_BYTES = re.compile(CANARY.pattern.encode())
_MARK = b"canary-"
_LONGEST = len("canary-") + 64 + len("-") + 16


def canary_tenant(text: str) -> str | None:
    """The tenant that ``text``, being exactly one canary, belongs to; None for any other text."""
    return _tenant(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _tenant(text: str) -> str | None:
    match = CANARY.fullmatch(text)
    return match[1] if match else None


def foreign_canary(raw: bytes, document: Any, own_tenant: str, own: Container[str]) -> str | None:
    """The first canary in the decoded strings of a body that is none of ``own``; None if there is none.

    ``document`` is the parsed body, or None where it is not JSON: then the text itself is searched. As long as no own
    canary is known (``own`` is empty), one that names the own tenant is not called foreign.
    """
    for canary, tenant in _canaries(raw, document):
        if canary not in own and (own or tenant != own_tenant):
            return canary
    return None


def _canaries(raw: bytes, document: Any) -> Iterator[tuple[str, str]]:
    """Every canary and its tenant."""
    if document is None:
        yield from _canaries_in(raw.decode(errors="replace"))
    elif b"\\" in raw:
        for text in _strings(document):
            if "canary-" in text:
                yield from _canaries_in(text)
    else:
        # without a backslash the strings stand in the body as they are, and a quote ends a token as their end does
        position = raw.find(_MARK)
        while position >= 0:
            match = _BYTES.match(raw, position)
            if match:
                yield match[0].decode("ascii"), match[1].decode("ascii")
            position = raw.find(_MARK, position + len(_MARK))


def _canaries_in(text: str) -> Iterator[tuple[str, str]]:
    for match in CANARY.finditer(text):
        yield match[0], match[1]


def _strings(document: Any) -> Iterator[str]:
    """Every decoded string, keys included, at any depth; without recursion, because depth is the target's choice."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if type(value) is str:
            yield value
        elif type(value) is dict:
            yield from value
            waiting.extend(value.values())
        elif type(value) is list:
            waiting.extend(value)

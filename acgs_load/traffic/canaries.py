"""Finding another tenant's canary in a body, wherever a target lets it slip."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Any

CANARY = re.compile(r"(?<![A-Za-z0-9_-])canary-([A-Za-z0-9_-]{1,64})-([0-9a-f]{16})(?![A-Za-z0-9_-])")
"""A canary as a whole token; group 1 is the tenant."""


def canary_tenant(text: str) -> str | None:
    """The tenant that ``text``, being exactly one canary, belongs to; None for any other text."""
    match = CANARY.fullmatch(text)
    return match[1] if match else None


def foreign_canary(raw: bytes, document: Any, own_tenant: str, own: Container[str]) -> str | None:
    """The first canary in the decoded strings of a body that is none of ``own``; None if there is none.

    ``document`` is the parsed body, or None where it is not JSON: then the text itself is searched. As long as no own
    canary is known (``own`` is empty), one that names the own tenant is not called foreign.
    """
    if b"canary-" not in raw and b"\\u" not in raw:
        return None  # an ASCII word hides from this search in nothing but \u escapes
    strings = _strings(document) if document is not None else iter((raw.decode(errors="replace"),))
    for text in strings:
        if "canary-" in text:
            for match in CANARY.finditer(text):
                if match[0] not in own and (own or match[1] != own_tenant):
                    return match[0]
    return None


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

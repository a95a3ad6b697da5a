"""Heads of answers that were seen before: what is byte for byte the same has been parsed already.

A target repeats itself: between one change of its date header and the next, most heads differ in nothing. Only the
parser ever decides what a head means; this remembers what it decided, for answers that came whole and in one piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

HEADS_MAX = 512
REST_ANSWERS = 8192
"""How many answers are not looked up after ``HEADS_MAX`` heads in a row brought less than they cost."""
_END = b"\r\n\r\n"


class Head(NamedTuple):
    """What the parser made of a head whose connection stays open."""

    status: int
    headers: Mapping[str, str]
    body_bytes: int


class HeadMemory:
    """Shared by all connections of a process."""

    __slots__ = ("_heads", "_hits", "_resting")

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}
        self._hits = 0
        self._resting = 0

    def recall(self, data: bytes) -> tuple[int, Mapping[str, str], bytes] | None:
        """Status, headers and body, if ``data`` is a known head and exactly the body that belongs to it."""
        if self._resting:
            self._resting -= 1
            return None
        end = data.find(_END) + 4
        head = self._heads.get(data[:end])
        if head is None or len(data) - end != head.body_bytes:
            return None
        self._hits += 1
        return head.status, head.headers, data[end:]

    def learn(self, data: bytes, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Remember the head of ``data``, which the parser found to be one whole answer with ``body``."""
        end = data.find(_END) + 4
        if self._resting or "content-length" not in headers or len(data) - end != len(body):
            return
        if len(self._heads) >= HEADS_MAX:
            if self._hits < HEADS_MAX:
                self._resting = REST_ANSWERS  # a target that numbers its answers, for instance
            self._heads.clear()
            self._hits = 0
        self._heads[data[:end]] = Head(status, headers, len(body))

"""Audit entries as the checker hashes them, and what a worker knows about each tenant's chain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from acgs_load.traffic.checks.canonical import sha256_or_reason

ENTRY_FIELDS = (
    "sequence",
    "event_id",
    "event_type",
    "tenant_id",
    "user_id",
    "details",
    "timestamp",
    "previous_hash",
    "constitutional_hash",
)
_ENTRY_NAMES = frozenset(ENTRY_FIELDS)
CLIENT_FIELDS = ("event_type", "tenant_id", "user_id", "details", "timestamp")
_KEPT_SEQUENCES = 1024
"""A window shows 16 entries; older ones can only come back through a falling length, which is seen anyway."""


def genesis_hash(constitutional_hash: str) -> str:
    """What the first entry of a chain links to, and the head of an empty one."""
    return hashlib.sha256(f"genesis_block:{constitutional_hash}".encode()).hexdigest()


def entry_hash(entry: Mapping[str, Any]) -> str:
    """Hex SHA-256 over exactly the nine fields of ``entry``, whatever else it carries."""
    if entry.keys() != _ENTRY_NAMES:
        entry = {name: entry[name] for name in ENTRY_FIELDS}
    return sha256_or_reason(entry)


class ChainKnowledge:
    """What the target has acknowledged about one tenant's chain to any user of this worker.

    Both facts hold for ever: a sequence keeps its hash, and the length never falls. So they may be compared with any
    later answer, whoever else appends meanwhile, as long as ``length`` is read before that request is sent.
    """

    __slots__ = ("hashes", "length")

    def __init__(self) -> None:
        self.length = 0
        """The highest sequence or length acknowledged."""
        self.hashes: dict[int, str] = {}
        """Entry hash by sequence."""

    def learn(self, sequence: int, acknowledged_hash: str) -> None:
        """Keep one acknowledged entry; the first word on a sequence stands."""
        self.hashes.setdefault(sequence, acknowledged_hash)
        self.grow(sequence)
        if len(self.hashes) > 2 * _KEPT_SEQUENCES:
            for old in sorted(self.hashes)[:_KEPT_SEQUENCES]:
                del self.hashes[old]

    def grow(self, length: int) -> None:
        """Keep an acknowledged length."""
        if length > self.length:
            self.length = length

"""The arithmetic of the audit chain: what an entry is, what its hash is, what the first one links to."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from acgs_load.gateway.canonical import canonical_json

CLIENT_FIELDS = ("event_type", "tenant_id", "user_id", "details", "timestamp")
"""The fields of an entry that the client sends; they are stored as sent."""


def genesis_hash(constitutional_hash: str) -> str:
    """What the first entry of a chain names as ``previous_hash``, and the head of an empty chain."""
    return sha256(f"genesis_block:{constitutional_hash}".encode()).hexdigest()


def entry_bytes(
    fields: dict[str, Any], *, sequence: int, event_id: str, previous_hash: str, constitutional_hash: str
) -> bytes:
    """The canonical JSON of the whole entry of nine fields. Raises ContentError for content that cannot be hashed."""
    entry = {name: fields[name] for name in CLIENT_FIELDS}
    entry["sequence"] = sequence
    entry["event_id"] = event_id
    entry["previous_hash"] = previous_hash
    entry["constitutional_hash"] = constitutional_hash
    return canonical_json(entry)


def entry_hash(entry: bytes) -> str:
    """The hex SHA-256 of an entry's canonical JSON."""
    return sha256(entry).hexdigest()

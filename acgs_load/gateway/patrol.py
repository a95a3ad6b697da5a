"""Whole chains, verified a stretch at a time, so that no request pays for a chain's length.

``chain_verify`` shows the newest entries only. Each such request also walks a stretch of the tenant's chain, from
where the last one ended and round again; what was found broken once stays broken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from acgs_load.gateway.store import Store

STRETCH_ENTRIES = 64
COLUMNS = "sequence, CAST(entry AS BLOB), entry_hash, signature"


class Stored(NamedTuple):
    """One entry as the store holds it."""

    sequence: int
    entry: bytes
    entry_hash: str
    signature: str


class Patrol:
    """Where the walk stands in each tenant's chain."""

    def __init__(self, store: Store, genesis_hash: str, holds: Callable[[Stored, str | None], bool]) -> None:
        self._store = store
        self._holds = holds
        self._start = (0, genesis_hash)
        self._places: dict[str, tuple[int, str]] = {}
        self._broken: set[str] = set()

    def walk(self, tenant_id: str, length: int) -> bool:
        """Checks the next stretch of a chain of ``length`` entries; False once any of it was found broken."""
        sequence, previous_hash = self._places.get(tenant_id, self._start)
        if sequence >= length:
            sequence, previous_hash = self._start
        stretch = self._store.rows(
            f"SELECT {COLUMNS} FROM entries WHERE tenant_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",  # nosec B608
            tenant_id,
            sequence,
            STRETCH_ENTRIES,
        )
        for row in stretch:
            stored = Stored(*row)
            if stored.sequence != sequence + 1 or not self._holds(stored, previous_hash):
                self._broken.add(tenant_id)
            sequence, previous_hash = stored.sequence, stored.entry_hash
        self._places[tenant_id] = (sequence, previous_hash)
        return tenant_id not in self._broken

"""The audit trail: one hash chain per tenant, dense from 1, appended inside the store's serialised commits."""

from __future__ import annotations

import sqlite3
from uuid import uuid4

import orjson

from acgs_load.gateway.answers import Answer, invalid_field, not_found, tenant_denied
from acgs_load.gateway.canonical import ContentError, canonical_json
from acgs_load.gateway.chain import CLIENT_FIELDS, entry_bytes, entry_hash, genesis_hash
from acgs_load.gateway.metrics import Metrics
from acgs_load.gateway.patrol import COLUMNS, Patrol, Stored
from acgs_load.gateway.request import Request, hashed_fields
from acgs_load.gateway.signatures import Signer
from acgs_load.gateway.store import Store

WINDOW_DEFAULT, WINDOW_MOST = 16, 16
_HEAD = "SELECT sequence, entry_hash FROM entries WHERE tenant_id = ? ORDER BY sequence DESC LIMIT 1"
_BY_EVENT = f"SELECT tenant_id, {COLUMNS} FROM entries WHERE event_id = ?"  # nosec B608  # constants


class Audit:
    """The chains of every tenant under one constitution."""

    def __init__(self, store: Store, signer: Signer, metrics: Metrics, constitutional_hash: str) -> None:
        self._store = store
        self._signer = signer
        self._metrics = metrics
        self._constitutional_hash = constitutional_hash
        self._genesis_hash = genesis_hash(constitutional_hash)
        self._patrol = Patrol(store, self._genesis_hash, self._holds)

    async def create(self, request: Request) -> Answer:
        """``audit_create``: the entry's place in the chain, its hash and its signature."""
        fields = hashed_fields(request.fields, CLIENT_FIELDS)
        for name in ("event_type", "tenant_id", "user_id", "timestamp"):
            request.text(name)
        try:
            canonical_json(fields)
        except ContentError as error:
            raise invalid_field(f"the event cannot be hashed: {error}") from None
        tenant_id, event_id = request.claims.tenant_id, f"evt-{uuid4().hex}"
        return await self._store.write(lambda connection: self._append(connection, tenant_id, event_id, fields))

    async def verify(self, request: Request) -> Answer:
        """``audit_verify``: the stored entry, and whether hash, link and signature hold. Raises Refusal (403, 404)."""
        row = self._store.row(_BY_EVENT, request.query_text("event_id") or "")
        if row is None:
            raise not_found("there is no such event")
        if row[0] != request.claims.tenant_id:
            raise tenant_denied("the event belongs to another tenant")
        stored = Stored(*row[1:])
        is_valid = self._holds(stored, self._hash_at(row[0], stored.sequence - 1)) and self._signer.is_genuine(
            bytes.fromhex(stored.entry_hash), stored.signature
        )
        entry = {"entry": orjson.Fragment(stored.entry), "entry_hash": stored.entry_hash}
        return Answer(200, {"is_valid": is_valid, **entry})

    async def verify_chain(self, request: Request) -> Answer:
        """``chain_verify``: the newest entries, ascending, and whether each holds and links to the one before."""
        last = request.query_count("last", WINDOW_DEFAULT, WINDOW_MOST)
        tenant_id = request.claims.tenant_id
        rows = self._store.rows(
            f"SELECT {COLUMNS} FROM entries WHERE tenant_id = ? ORDER BY sequence DESC LIMIT ?",  # nosec B608  # constants
            tenant_id,
            last,
        )
        window = [Stored(*row) for row in reversed(rows)]
        length = window[-1].sequence if window else 0
        body = {
            "is_valid": self._window_holds(tenant_id, window) and self._patrol.walk(tenant_id, length),
            "length": length,
            "head_hash": window[-1].entry_hash if window else self._genesis_hash,
            "entries": [orjson.Fragment(stored.entry) for stored in window],
        }
        return Answer(200, body)

    def _append(
        self, connection: sqlite3.Connection, tenant_id: str, event_id: str, fields: dict[str, object]
    ) -> Answer:
        head = connection.execute(_HEAD, (tenant_id,)).fetchone() or (0, self._genesis_hash)
        sequence, previous_hash = head[0] + 1, head[1]
        entry = entry_bytes(
            fields,
            sequence=sequence,
            event_id=event_id,
            previous_hash=previous_hash,
            constitutional_hash=self._constitutional_hash,
        )
        hexadecimal = entry_hash(entry)
        signature = self._signer.sign(bytes.fromhex(hexadecimal))
        connection.execute(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)",
            (tenant_id, sequence, event_id, entry, hexadecimal, signature),
        )
        written = connection.execute(_BY_EVENT, (event_id,)).fetchone()
        held = self._holds(Stored(*written[1:]), previous_hash)
        self._metrics.observe_check("audit_traceability", held=held)
        body = {
            "event_id": event_id,
            "sequence": sequence,
            "previous_hash": previous_hash,
            "entry_hash": hexadecimal,
            "signature": signature,
            "key_id": self._signer.key_id,
        }
        return Answer(201, body)

    def _window_holds(self, tenant_id: str, window: list[Stored]) -> bool:
        if not window:
            return True
        previous_hash = self._hash_at(tenant_id, window[0].sequence - 1)
        sequence = window[0].sequence
        holds = True
        for stored in window:
            holds = holds and stored.sequence == sequence and self._holds(stored, previous_hash)
            previous_hash, sequence = stored.entry_hash, sequence + 1
        return holds

    def _holds(self, stored: Stored, previous_hash: str | None) -> bool:
        """Whether the stored bytes still hash as they did, and name their place and the entry before."""
        if entry_hash(stored.entry) != stored.entry_hash:
            return False
        entry = orjson.loads(stored.entry)
        return bool(
            entry["previous_hash"] == previous_hash
            and entry["sequence"] == stored.sequence
            and entry["constitutional_hash"] == self._constitutional_hash
        )

    def _hash_at(self, tenant_id: str, sequence: int) -> str | None:
        """The hash of the entry at a place: the genesis hash at 0, None where an entry is missing."""
        if sequence == 0:
            return self._genesis_hash
        row = self._store.row(
            "SELECT entry_hash FROM entries WHERE tenant_id = ? AND sequence = ?", tenant_id, sequence
        )
        return None if row is None else row[0]

"""Tenants: their canary, their records, their configuration. One never sees another's."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any
from uuid import uuid4

from acgs_load.gateway.answers import Answer, invalid_field, timestamp
from acgs_load.gateway.request import Request
from acgs_load.gateway.store import Store

RECORD_KINDS = ("charter", "membership", "retention", "oversight", "consent")
"""Every tenant starts with one record of each kind."""
SETTING_LIMIT_CHARACTERS = 256


class Tenants:
    """What belongs to a tenant as a whole."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def admit(self, tenant_id: str) -> None:
        """Makes the tenant at its first login: a canary for good, and its records."""
        if self._store.row("SELECT 1 FROM tenants WHERE tenant_id = ?", tenant_id) is None:
            await self._store.write(lambda connection: _found(connection, tenant_id))

    async def data(self, request: Request) -> Answer:
        """``tenant_data_access``: canary and records of the token's own tenant, which the checks have compared."""
        return self.data_of(request.claims.tenant_id)

    def data_of(self, tenant_id: str) -> Answer:
        """Canary and records of a tenant; the caller has checked that it may be told."""
        rows = self._store.rows("SELECT id, kind, created_at FROM records WHERE tenant_id = ? ORDER BY id", tenant_id)
        records = [{"id": row[0], "tenant_id": tenant_id, "kind": row[1], "created_at": row[2]} for row in rows]
        return Answer(200, {"tenant_id": tenant_id, "canary": self.canary(tenant_id), "records": records})

    def canary(self, tenant_id: str) -> str | None:
        """The tenant's canary; None for a tenant that never logged in."""
        row = self._store.row("SELECT canary FROM tenants WHERE tenant_id = ?", tenant_id)
        return None if row is None else row[0]

    async def configure(self, request: Request) -> Answer:
        """``tenant_config_update``: the setting as stored, under a version that rises by one with every update."""
        tenant_id = request.claims.tenant_id
        setting, value = request.text("setting"), request.field("value")
        if not setting or len(setting) > SETTING_LIMIT_CHARACTERS or not _is_storable(setting):
            raise invalid_field(f"setting is no text of 1 to {SETTING_LIMIT_CHARACTERS} characters")
        try:
            text = json.dumps(value)
        except RecursionError:
            raise invalid_field("value is nested too deeply") from None
        version = await self._store.write(lambda connection: _configure(connection, tenant_id, setting, text))
        return Answer(200, {"tenant_id": tenant_id, "setting": setting, "value": value, "version": version})


def _found(connection: sqlite3.Connection, tenant_id: str) -> None:
    now = timestamp()
    canary = f"canary-{tenant_id}-{secrets.token_hex(8)}"
    made = connection.execute("INSERT OR IGNORE INTO tenants VALUES (?, ?, ?, 0)", (tenant_id, canary, now))
    if made.rowcount:
        rows: list[Any] = [(tenant_id, f"rec-{uuid4().hex}", kind, now) for kind in RECORD_KINDS]
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)


def _configure(connection: sqlite3.Connection, tenant_id: str, setting: str, text: str) -> int:
    found = connection.execute(
        "UPDATE tenants SET config_version = config_version + 1 WHERE tenant_id = ? RETURNING config_version",
        (tenant_id,),
    ).fetchone()
    version: int = found[0]
    connection.execute("INSERT OR REPLACE INTO config VALUES (?, ?, ?, ?)", (tenant_id, setting, text, version))
    return version


def _is_storable(text: str) -> bool:
    """Whether the text is valid Unicode; a lone surrogate is not, and no column can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

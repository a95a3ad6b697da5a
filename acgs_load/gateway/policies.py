"""Policies: versioned content with a hash, paged lists, and the decisions that their rules make."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from hashlib import sha256
from typing import Any
from uuid import uuid4

import orjson

from acgs_load.gateway import rules
from acgs_load.gateway.answers import Answer, invalid_field, not_found, tenant_denied, version_conflict
from acgs_load.gateway.canonical import ContentError, canonical_json
from acgs_load.gateway.request import Request, hashed_fields
from acgs_load.gateway.store import Store

CONTENT_FIELDS = ("rule", "constraints", "conditions", "metadata")
LIMIT_DEFAULT, LIMIT_MOST = 20, 100
_CURSOR = re.compile(rb"policy:([0-9]{1,18})")


class Policies:
    """The policies of every tenant; each answer is about the token's own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, request: Request) -> Answer:
        """``policy_create``: a new policy at version 1."""
        content = _content(request)
        policy_id, tenant_id = f"pol-{uuid4().hex}", request.claims.tenant_id
        await self._store.write(
            lambda connection: connection.execute(
                "INSERT INTO policies (policy_id, tenant_id, version, content) VALUES (?, ?, 1, ?)",
                (policy_id, tenant_id, content),
            )
        )
        return Answer(201, {"policy_id": policy_id, "version": 1, "content_sha256": sha256(content).hexdigest()})

    async def get(self, request: Request) -> Answer:
        """``policy_get``: the latest version with its content. Raises Refusal (403, 404)."""
        version, content = self._latest(request, request.argument)
        body = {"policy_id": request.argument, "version": version, "policy": orjson.Fragment(content)}
        return Answer(200, body)

    async def update(self, request: Request) -> Answer:
        """``policy_update``: version + 1 if the version read is still the latest. Raises Refusal (403, 404, 409)."""
        content = _content(request)
        read_version = request.field("version")
        if type(read_version) is not int:
            raise invalid_field("version is no integer")
        policy_id, tenant_id = request.argument, request.claims.tenant_id
        version = await self._store.write(
            lambda connection: _update(connection, policy_id, tenant_id, read_version, content)
        )
        body = {"policy_id": policy_id, "version": version, "content_sha256": sha256(content).hexdigest()}
        return Answer(200, body)

    async def list(self, request: Request) -> Answer:
        """``policy_list``: newest first; the cursor names the last policy told, so that new ones shift nothing."""
        limit = request.query_count("limit", LIMIT_DEFAULT, LIMIT_MOST)
        before = _read_cursor(request.query_text("cursor"))
        rows = self._store.rows(
            "SELECT number, policy_id, version FROM policies WHERE tenant_id = ? AND number < ? "
            "ORDER BY number DESC LIMIT ?",
            request.claims.tenant_id,
            before,
            limit + 1,
        )
        more, rows = len(rows) > limit, rows[:limit]
        policies = [{"policy_id": row[1], "tenant_id": request.claims.tenant_id, "version": row[2]} for row in rows]
        return Answer(200, {"policies": policies, "next_cursor": _cursor(rows[-1][0]) if more else None})

    async def decide(self, request: Request) -> Answer:
        """``governance_decision``: what the latest version's rule says. Raises Refusal (403, 404, 422)."""
        decision = request.object("decision")
        if not isinstance(decision.get("action"), str):
            raise invalid_field("decision.action is no text")
        policy_id = request.fields.get("policy_id", "")  # an absent id is an unknown one
        if not isinstance(policy_id, str):
            raise invalid_field("policy_id is no text")
        _, content = self._latest(request, policy_id)
        policy = orjson.loads(content)
        try:
            judgement = rules.judge(policy["rule"], policy["conditions"], decision)
        except rules.RuleError as error:
            raise invalid_field(f"the policy's rule is outside the language: {error}") from None
        permitted = judgement.outcome == rules.PERMIT
        return Answer(200, {"is_valid": permitted, "outcome": judgement.outcome, "reasons": judgement.reasons})

    def previous(self, policy_id: str) -> bytes | None:
        """The content before the last update; None for a policy at version 1."""
        row = self._store.row("SELECT previous FROM policies WHERE policy_id = ?", policy_id)
        return None if row is None else row[0]

    def _latest(self, request: Request, policy_id: str) -> tuple[int, bytes]:
        try:
            row = self._store.row("SELECT tenant_id, version, content FROM policies WHERE policy_id = ?", policy_id)
        except UnicodeEncodeError:  # a lone surrogate names nothing
            row = None
        _check_owner(row, request.claims.tenant_id)
        assert row is not None
        return row[1], row[2]


def _content(request: Request) -> bytes:
    """The canonical JSON of the four fields. Raises Refusal (422)."""
    try:
        return canonical_json(hashed_fields(request.fields, CONTENT_FIELDS))
    except ContentError as error:
        raise invalid_field(f"the policy cannot be hashed: {error}") from None


def _check_owner(row: tuple[Any, ...] | None, tenant_id: str) -> None:
    if row is None:
        raise not_found("there is no such policy")
    if row[0] != tenant_id:
        raise tenant_denied("the policy belongs to another tenant")


def _update(connection: sqlite3.Connection, policy_id: str, tenant_id: str, read_version: int, content: bytes) -> int:
    row = connection.execute("SELECT tenant_id, version FROM policies WHERE policy_id = ?", (policy_id,)).fetchone()
    _check_owner(row, tenant_id)
    if row[1] != read_version:
        raise version_conflict(f"the policy is at version {row[1]}, not the one that was named")
    connection.execute(
        "UPDATE policies SET version = version + 1, previous = content, content = ? WHERE policy_id = ?",
        (content, policy_id),
    )
    return read_version + 1


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"policy:{number}".encode()).decode()


def _read_cursor(cursor: str | None) -> int:
    """The number of the last policy told. Raises Refusal (422) for a cursor that was never given out."""
    if not cursor:
        return 2**62
    try:
        told = _CURSOR.fullmatch(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError):
        told = None
    if told is None:
        raise invalid_field("cursor was not given out by this gateway")
    return int(told[1])

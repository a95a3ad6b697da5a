"""The one exchange that every generator of a comparison makes: the same bytes asked for, the same things checked."""

from __future__ import annotations

import json

from acgs_load.contract import DEFAULT_CONSTITUTIONAL_HASH, HASH_HEADER, TENANT_HEADER, USER_HEADER

OPERATION = "constitutional_verify"
SCENARIO = "constitutional"
PATH = "/api/constitutional/verify"
HASH = DEFAULT_CONSTITUTIONAL_HASH
TOKEN_BYTES = 200
BODY_BYTES = 300

HEADERS: dict[str, str] = {
    HASH_HEADER: HASH,
    TENANT_HEADER: "tenant-001",
    USER_HEADER: "load-user-000001",
    "Authorization": "Bearer " + ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." * 8)[: TOKEN_BYTES - len("Bearer ")],
}
"""Four headers beyond what a client sends of its own; the last one is 200 bytes, as bearer tokens are."""


def answer_body() -> str:
    """A ``constitutional_verify`` answer of ``BODY_BYTES`` bytes."""
    answer = {
        "is_valid": True,
        "principles": ["separation of powers", "accountability", "transparency", "due process"],
        "verified_at": "2026-11-23T12:00:00.000Z",
        "constitutional_hash": HASH,
        "note": "",
    }
    answer["note"] = "x" * (BODY_BYTES - len(json.dumps(answer)))
    return json.dumps(answer)


def header_lines(token: str | None = None) -> bytes:
    """The four headers as our transport takes them; with a token that a target has given, where it looks at that."""
    headers = HEADERS if token is None else {**HEADERS, "Authorization": f"Bearer {token}"}
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()

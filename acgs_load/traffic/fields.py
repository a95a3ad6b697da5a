"""The fields that the contract's operation table demands of an answer, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from acgs_load.contract import AUTH_OPERATIONS
from acgs_load.traffic.chain import ENTRY_FIELDS

Json = dict[str, Any]

_TEXT = frozenset({str})
_INTEGER = frozenset({int})
_NUMBER = frozenset({int, float})
_BOOLEAN = frozenset({bool})
_OBJECT = frozenset({dict})
_LIST = frozenset({list})
_NULL = frozenset({type(None)})
_ANY = _TEXT | _NUMBER | _BOOLEAN | _OBJECT | _LIST | _NULL
_MISSING = object()


class Field(NamedTuple):
    """One key of the table. Types are exact, so that true is no integer."""

    name: str
    types: frozenset[type]
    inner: tuple[Field, ...] = ()
    """Keys of the object, or of each object of the list."""
    items: frozenset[type] = frozenset()
    """Types of a list's items, or of an object's values."""


def _entry_fields() -> tuple[Field, ...]:
    kinds = {"sequence": _INTEGER, "details": _ANY}
    return tuple(Field(name, kinds.get(name, _TEXT)) for name in ENTRY_FIELDS)


_ENTRY = _entry_fields()
_CONTENT = tuple(Field(name, _ANY) for name in ("rule", "constraints", "conditions", "metadata"))
_LOGIN = (
    Field("access_token", _TEXT),
    Field("token_type", _TEXT),
    Field("expires_in", _NUMBER),
    Field("user_id", _TEXT),
    Field("tenant_id", _TEXT),
)
_VERIFIED = (
    Field("is_compliant", _BOOLEAN),
    Field("solver", _TEXT),
    Field("solver_result", _TEXT),
    Field("verification_time_ms", _NUMBER),
)
_RECORD = (Field("id", _TEXT | _INTEGER), Field("tenant_id", _TEXT))
_WRITTEN = (Field("policy_id", _TEXT), Field("version", _INTEGER), Field("content_sha256", _TEXT))
_LISTED = (Field("policy_id", _TEXT), Field("tenant_id", _TEXT), Field("version", _INTEGER))

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "auth_login": _LOGIN,
    "auth_refresh": _LOGIN,
    "constitutional_verify": (
        Field("is_valid", _BOOLEAN),
        Field("principles", _LIST, items=_TEXT),
        Field("verified_at", _TEXT),
    ),
    "constitutional_score": (
        Field("compliance_score", _NUMBER),
        Field("principle_scores", _OBJECT, items=_NUMBER),
        Field("is_compliant", _BOOLEAN),
    ),
    "constitutional_formal_request": _VERIFIED,
    "tenant_data_access": (
        Field("tenant_id", _TEXT),
        Field("canary", _TEXT),
        Field("records", _LIST, inner=_RECORD),
    ),
    "cross_tenant_access_attempt": (),
    "tenant_config_update": (
        Field("tenant_id", _TEXT),
        Field("setting", _TEXT),
        Field("value", _ANY),
        Field("version", _INTEGER),
    ),
    "policy_create": _WRITTEN,
    "policy_get": (
        Field("policy_id", _TEXT),
        Field("version", _INTEGER),
        Field("policy", _OBJECT, inner=_CONTENT),
    ),
    "policy_update": _WRITTEN,
    "policy_list": (Field("policies", _LIST, inner=_LISTED), Field("next_cursor", _TEXT | _NULL)),
    "governance_decision": (
        Field("is_valid", _BOOLEAN),
        Field("outcome", _TEXT),
        Field("reasons", _LIST, items=_TEXT),
    ),
    "formal_verification": _VERIFIED,
    "proof_obligation": (
        Field("obligation_id", _TEXT),
        Field("result", _TEXT),
        Field("counterexample", _OBJECT | _NULL),
    ),
    "constraint_validation": (Field("satisfiable", _BOOLEAN | _NULL), Field("model", _OBJECT | _NULL)),
    "verification_status": (
        Field("solver", _TEXT),
        Field("version", _TEXT),
        Field("queue_depth", _INTEGER),
        Field("completed", _INTEGER),
    ),
    "audit_create": (
        Field("event_id", _TEXT),
        Field("sequence", _INTEGER),
        Field("previous_hash", _TEXT),
        Field("entry_hash", _TEXT),
        Field("signature", _TEXT),
        Field("key_id", _TEXT),
    ),
    "audit_verify": (
        Field("is_valid", _BOOLEAN),
        Field("entry", _OBJECT, inner=_ENTRY),
        Field("entry_hash", _TEXT),
    ),
    "chain_verify": (
        Field("is_valid", _BOOLEAN),
        Field("length", _INTEGER),
        Field("head_hash", _TEXT),
        Field("entries", _LIST, inner=_ENTRY),
    ),
    "crypto_validate": (Field("is_valid", _BOOLEAN),),
}
"""What a 2xx of each operation must carry beyond ``constitutional_hash``."""

_ERROR = tuple(Field(name, _TEXT) for name in ("error", "message", "request_id", "timestamp"))


def field_problem(operation: str, body: Json) -> str | None:
    """A few words on the first key of the table that a 2xx lacks or has with a wrong type; None if all are right."""
    if operation in AUTH_OPERATIONS:
        body = {**body, "access_token": granted_token(body)}
    return _problem(FIELDS[operation], body)


def granted_token(body: Json) -> Any:
    """``access_token``, or ``token`` as some deployments call it; None where there is neither."""
    return body.get("access_token", body.get("token"))


def error_problem(body: Json) -> str | None:
    """The same for the four texts of an expected 403 or 409."""
    return _problem(_ERROR, body)


def _problem(wanted: tuple[Field, ...], body: Json) -> str | None:
    for name, types, inner, items in wanted:
        value = body.get(name, _MISSING)
        if type(value) not in types:
            return f"{name} is missing" if value is _MISSING else f"{name} is {type(value).__name__}"
        problem = (inner or items) and _nested_problem(name, value, inner, items)
        if problem:
            return problem
    return None


def _nested_problem(name: str, value: Any, inner: tuple[Field, ...], items: frozenset[type]) -> str | None:
    if items:
        values = value.values() if type(value) is dict else value
        wrong = next((item for item in values if type(item) not in items), _MISSING)
        return None if wrong is _MISSING else f"{name} holds {type(wrong).__name__}"
    for row in value if type(value) is list else (value,):
        problem = _problem(inner, row) if type(row) is dict else f"holds {type(row).__name__}"
        if problem:
            return f"{name}: {problem}"
    return None

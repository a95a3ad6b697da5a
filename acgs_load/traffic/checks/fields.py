"""The fields that the contract's operation table demands of an answer, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acgs_load.contract import AUTH_OPERATIONS
from acgs_load.traffic.checks.chain import ENTRY_FIELDS
from acgs_load.traffic.checks.forms import ANY, Field, Form
from acgs_load.traffic.checks.forms import Json as Json

_TEXT = frozenset({str})
_INTEGER = frozenset({int})
_NUMBER = frozenset({int, float})
_BOOLEAN = frozenset({bool})
_OBJECT = frozenset({dict})
_LIST = frozenset({list})
_NULL = frozenset({type(None)})


def _entry_fields() -> tuple[Field, ...]:
    kinds = {"sequence": _INTEGER, "details": ANY}
    return tuple(Field(name, kinds.get(name, _TEXT)) for name in ENTRY_FIELDS)


_ENTRY = _entry_fields()
_CONTENT = tuple(Field(name, ANY) for name in ("rule", "constraints", "conditions", "metadata"))
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
        Field("value", ANY),
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

_FORMS = {operation: Form(fields) for operation, fields in FIELDS.items()}
_ERROR = Form(tuple(Field(name, _TEXT) for name in ("error", "message", "request_id", "timestamp")))


def field_problem(operation: str, body: Json) -> str | None:
    """A few words on the first key of the table that a 2xx lacks or has with a wrong type; None if all are right."""
    if operation in AUTH_OPERATIONS:
        body = {**body, "access_token": granted_token(body)}
    return _FORMS[operation].problem(body)


def granted_token(body: Json) -> Any:
    """``access_token``, or ``token`` as some deployments call it; None where there is neither."""
    return body.get("access_token", body.get("token"))


def error_problem(body: Json) -> str | None:
    """The same for the four texts of an expected 403 or 409."""
    return _ERROR.problem(body)

"""The words that the suite and its target share: operations, headers, outcomes, violations.

Words only. How an answer is verified lives in ``traffic``; how it is produced lives in ``gateway``;
the two never share code, so that a bug cannot confirm itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

DEFAULT_CONSTITUTIONAL_HASH = "cdd01ef066bc6cf2"

HASH_HEADER = "X-Constitutional-Hash"
SCORE_HEADER = "X-Constitutional-Score"
COMPLIANT_HEADER = "X-Constitutional-Compliant"
TENANT_HEADER = "X-Tenant-ID"
USER_HEADER = "X-User-ID"

HEALTH_PATH = "/gateway/health"
CONFIG_PATH = "/gateway/config"
METRICS_PATH = "/gateway/metrics"
INSTANCE_VARIABLE = "ACGS_INSTANCE"
"""Environment variable whose value a target that the suite started echoes as ``instance`` in its health."""

BODY_LIMIT_BYTES = 256 * 1024
SMTLIB_LIMIT_BYTES = 16 * 1024
TENANT_ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
SOLVER_TIMEOUT_MS = 5_000
"""Time the solver gets in ``verify`` and ``constraint_validation`` (contract, section 4)."""


class Scenario(StrEnum):
    """The five scenarios, by the names that reports, labels and mixes use."""

    CONSTITUTIONAL = "constitutional"
    TENANT = "tenant"
    POLICY = "policy"
    FORMAL = "formal"
    INTEGRITY = "integrity"


class Operation(NamedTuple):
    """One row of the contract's operation table."""

    name: str
    scenario: Scenario | None
    method: str
    path: str
    """Path template; ``{own}``, ``{other}``, ``{policy_id}``, ``{event_id}``, ``{cursor}``: filled per request."""
    status: int
    """The status that is expected; 403 for the attempt that must be refused."""


def _table(*rows: tuple[str, Scenario | None, str, str, int]) -> dict[str, Operation]:
    return {row[0]: Operation(*row) for row in rows}


_C, _T, _P, _F, _I = Scenario
OPERATIONS = _table(
    ("auth_login", None, "POST", "/api/auth/login", 200),
    ("auth_refresh", None, "POST", "/api/auth/refresh", 200),
    ("constitutional_verify", _C, "GET", "/api/constitutional/verify", 200),
    ("constitutional_score", _C, "POST", "/api/constitutional/score", 200),
    ("constitutional_formal_request", _C, "POST", "/api/verification/verify", 200),
    ("tenant_data_access", _T, "GET", "/api/tenant/{own}/data", 200),
    ("cross_tenant_access_attempt", _T, "GET", "/api/tenant/{other}/data", 403),
    ("tenant_config_update", _T, "PUT", "/api/tenant/{own}/config", 200),
    ("policy_create", _P, "POST", "/api/policy/create", 201),
    ("policy_get", _P, "GET", "/api/policy/{policy_id}", 200),
    ("policy_update", _P, "PUT", "/api/policy/{policy_id}", 200),
    ("policy_list", _P, "GET", "/api/policy/list?limit=20&cursor={cursor}", 200),
    ("governance_decision", _P, "POST", "/api/governance/decisions/validate", 200),
    ("formal_verification", _F, "POST", "/api/verification/verify", 200),
    ("proof_obligation", _F, "POST", "/api/verification/obligations", 200),
    ("constraint_validation", _F, "POST", "/api/verification/constraints", 200),
    ("verification_status", _F, "GET", "/api/verification/status", 200),
    ("audit_create", _I, "POST", "/api/integrity/audit/create", 201),
    ("audit_verify", _I, "GET", "/api/integrity/audit/verify?event_id={event_id}", 200),
    ("chain_verify", _I, "GET", "/api/integrity/chain/verify?last=16", 200),
    ("crypto_validate", _I, "POST", "/api/integrity/crypto/verify", 200),
)
"""Every operation of the contract by its name in all statistics, in the contract's order."""

AUTH_OPERATIONS = frozenset({"auth_login", "auth_refresh"})
"""They count in errors and hash measures, never in latency, throughput or shares."""
PROOF_OPERATIONS = frozenset(
    {"constitutional_formal_request", "formal_verification", "proof_obligation", "constraint_validation"}
)

DEFAULT_MIX: dict[str, float] = {"constitutional": 25, "tenant": 30, "policy": 20, "formal": 15, "integrity": 10}


class Outcome(StrEnum):
    """What became of a request: the first that holds, in this order (contract, section 5)."""

    CONNECTION_ERROR = "connection_error"
    TIMEOUT = "timeout"
    BAD_RESPONSE = "bad_response"
    THROTTLED = "throttled"
    HTTP_ERROR = "http_error"
    FAILED_CHECK = "failed_check"
    OK = "ok"


ERROR_OUTCOMES = frozenset({Outcome.HTTP_ERROR, Outcome.TIMEOUT, Outcome.CONNECTION_ERROR, Outcome.BAD_RESPONSE})
"""What ``error_ratio`` counts: an expected 403 is no error, a violation is none either."""
ANSWERED_OUTCOMES = frozenset({Outcome.OK, Outcome.FAILED_CHECK})
"""What throughput counts, and what hash consistency is measured on."""
LATENCY_EXCLUDED_OUTCOMES = frozenset({Outcome.THROTTLED, Outcome.CONNECTION_ERROR})
"""Quick refusals must not flatter latency; they are reported beside it."""


class Violation(StrEnum):
    """What a check can find wrong, in the order that decides a sample's label (contract, section 5)."""

    ISOLATION_BREACH = "isolation_breach"
    LOST_WRITE = "lost_write"
    STALE_READ = "stale_read"
    CHAIN_BROKEN = "chain_broken"
    PROOF_WRONG = "proof_wrong"
    DECISION_WRONG = "decision_wrong"
    SIGNATURE_WRONG = "signature_wrong"
    NOT_COMPLIANT = "not_compliant"
    SCORE_LOW = "score_low"
    HASH_WRONG = "hash_wrong"
    HASH_ABSENT = "hash_absent"

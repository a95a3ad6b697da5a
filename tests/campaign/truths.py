"""What each planted defect must show as: written from the contract, not from what the suite happens to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from acgs_load.contract import OPERATIONS, PROOF_OPERATIONS

Shows = Literal["violation", "outcome", "latency", "nothing"]
Counted = Literal["hash", "isolation", "operations", "requests"]
ALL = frozenset(OPERATIONS)
_ATTEMPT = frozenset({"cross_tenant_access_attempt"})
_CHAIN = frozenset({"audit_create", "audit_verify", "chain_verify"})
_PROOFS = frozenset(PROOF_OPERATIONS)


@dataclass(frozen=True, slots=True)
class Truth:
    """One defect as it is planted, and what a run against it owes its reader."""

    fault: str
    """As ``--fault`` takes it."""
    shows: Shows
    kind: str = ""
    """The violation or the outcome that must be named."""
    operations: frozenset[str] = ALL
    """Where it may be named; anywhere else it is a false finding."""
    fails: tuple[str, ...] = ()
    """One of these measures fails its threshold, wherever the mix sends the operations."""
    also: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Other kinds that the same defect rightly causes, and where."""
    rare: str = ""
    """The same defect in about one of a thousand requests; empty: it has no ratio."""
    counted: Counted | None = None
    """Of what the planted ratio is a share; None: not of anything that a client can count."""
    overwhelms: bool = False
    """Open load finds no free user any more, so that INVALID (arrivals unsent) is as right as FAIL."""

    @property
    def name(self) -> str:
        """The defect without its value."""
        return self.fault.partition("=")[0]

    @property
    def is_integrity(self) -> bool:
        """Whether it fails tests that look for a breaking point, too."""
        return self.shows == "violation"


def _hash(name: str, kind: str) -> Truth:
    return Truth(f"{name}=0.5", "violation", kind, ALL, ("hash_consistency",), rare=f"{name}=0.001", counted="hash")


def _leak(name: str, rare: str, counted: Counted | None) -> Truth:
    return Truth(f"{name}=1", "violation", "isolation_breach", _ATTEMPT, ("isolation_integrity",), {}, rare, counted)


def _outcome(fault: str, kind: str, fails: tuple[str, ...], rare: str = "") -> Truth:
    return Truth(fault, "outcome", kind, ALL, fails, rare=rare, counted="requests" if rare else None)


_LATENCY = ("latency_p95_ms", "latency_p99_ms", "latency_avg_ms", "throughput_rps")
TRUTHS: tuple[Truth, ...] = (
    Truth("deny-all=1", "outcome", "http_error", ALL, ("error_ratio", "isolation_integrity")),
    _hash("hash-wrong-header", "hash_wrong"),
    _hash("hash-absent-header", "hash_absent"),
    _hash("hash-wrong-body", "hash_wrong"),
    _hash("hash-absent-body", "hash_absent"),
    _leak("tenant-leak", "tenant-leak=0.01", "isolation"),
    _leak("spoof-leak", "spoof-leak=0.02", None),
    _leak("canary-in-403", "canary-in-403=0.01", "isolation"),
    Truth(
        "lost-audit=0.5",
        "violation",
        "lost_write",
        frozenset({"audit_verify"}),
        ("durability", "chain_integrity"),
        {"chain_broken": _CHAIN},
        "lost-audit=0.03",
    ),
    Truth(
        "chain-tampered=0.5",
        "violation",
        "chain_broken",
        _CHAIN,
        ("chain_integrity",),
        {"signature_wrong": frozenset({"audit_verify", "chain_verify"}), "lost_write": frozenset({"audit_verify"})},
        "chain-tampered=0.03",
    ),
    Truth(
        "proof-wrong=0.5",
        "violation",
        "proof_wrong",
        _PROOFS,
        ("proof_correctness",),
        {},
        "proof-wrong=0.01",
        "operations",
    ),
    Truth(
        "counterexample-bogus=1",
        "violation",
        "proof_wrong",
        _PROOFS,
        ("proof_correctness",),
        {},
        "counterexample-bogus=0.02",
    ),
    Truth(
        "signature-accepted=1",
        "violation",
        "signature_wrong",
        frozenset({"crypto_validate"}),
        ("signature_correctness",),
        {},
        "signature-accepted=0.05",
    ),
    Truth(
        "stale-read=0.5",
        "violation",
        "stale_read",
        frozenset({"policy_get"}),
        ("read_consistency",),
        {},
        "stale-read=0.05",
    ),
    Truth(
        "decision-wrong=1",
        "violation",
        "decision_wrong",
        frozenset({"governance_decision"}),
        ("decision_correctness",),
        {},
        "decision-wrong=0.02",
        "operations",
    ),
    Truth(
        "score-low=1",
        "violation",
        "score_low",
        frozenset({"constitutional_score"}),
        ("compliance_score",),
        {"not_compliant": frozenset({"constitutional_score"})},
        "score-low=0.01",
        "operations",
    ),
    _outcome("errors=0.2", "http_error", ("error_ratio",), "errors=0.001"),
    Truth("slow-tail=0.2:1.5", "latency", fails=_LATENCY),
    Truth("stall=1.5:4", "latency", fails=_LATENCY),
    _outcome("throttle=20", "throttled", ("throttled_ratio",)),
    Truth("capacity=20", "latency", fails=_LATENCY, overwhelms=True),
    _outcome("drop=0.2", "connection_error", ("error_ratio",), "drop=0.001"),
    _outcome("json-broken=0.2", "bad_response", ("error_ratio",), "json-broken=0.001"),
    Truth("health-late=3", "nothing"),
)
CLEAN = Truth("", "nothing")
"""No defect: whatever is found is a false finding."""
BY_NAME = {truth.name: truth for truth in TRUTHS}

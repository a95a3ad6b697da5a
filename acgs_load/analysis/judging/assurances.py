"""What the run says about the target's promises: hash, isolation, chain, proofs, durability, each with its counts."""

from __future__ import annotations

from typing import NamedTuple

from acgs_load.analysis.report import Report
from acgs_load.contract import Violation


class Promise(NamedTuple):
    """Something the target promises, and how it was checked."""

    measure: str
    title: str
    check: str
    kinds: tuple[Violation, ...]
    """Violations that speak against it."""


class Assurance(NamedTuple):
    """A promise and what the run found."""

    promise: Promise
    value: float | None
    samples: int
    """Answers that it was checked on."""
    violations: int
    """Of its kinds, as many as were found."""
    state: str
    """``pass``, ``fail`` or ``not_measured``: of its threshold on the whole run; else whether anything was wrong."""


PROMISES = (
    Promise(
        "compliance_score",
        "Compliance",
        "mean of the score that each answer carries; an answer with any violation counts 0",
        tuple(Violation),
    ),
    Promise(
        "hash_consistency",
        "Constitutional hash",
        "every answer carries the agreed hash, in header and body",
        (Violation.HASH_WRONG, Violation.HASH_ABSENT),
    ),
    Promise(
        "isolation_integrity",
        "Tenant isolation",
        "every attempt on another tenant's data is refused, and the refusal gives nothing away",
        (Violation.ISOLATION_BREACH,),
    ),
    Promise(
        "chain_integrity",
        "Audit chain",
        "hashes and links of audit entries are computed again",
        (Violation.CHAIN_BROKEN,),
    ),
    Promise(
        "proof_correctness",
        "Proofs",
        "proofs and counterexamples are checked against known truth",
        (Violation.PROOF_WRONG,),
    ),
    Promise(
        "decision_correctness",
        "Decisions",
        "governance decisions are compared with what the policy's rules say",
        (Violation.DECISION_WRONG,),
    ),
    Promise(
        "signature_correctness",
        "Signatures",
        "good and tampered signatures are told apart",
        (Violation.SIGNATURE_WRONG,),
    ),
    Promise("durability", "Durability", "what was acknowledged is there when it is asked for", (Violation.LOST_WRITE,)),
    Promise(
        "read_consistency",
        "Fresh reads",
        "a read returns the latest acknowledged version",
        (Violation.STALE_READ,),
    ),
)
"""Every promise that is checked, in the order of reports."""


def assurances(report: Report) -> list[Assurance]:
    """All promises, the unmeasured ones too; none where the input was never checked."""
    if all(report.measures[promise.measure].value is None for promise in PROMISES):
        return []
    return [_assured(report, promise) for promise in PROMISES]


def _assured(report: Report, promise: Promise) -> Assurance:
    measure = report.measures[promise.measure]
    found = sum(row.count for row in report.violations if row.kind in promise.kinds)
    states = [
        row.state
        for row in report.verdict.findings
        if row.measure == promise.measure and not row.labels and row.during is None
    ]
    state = (
        "not_measured" if measure.value is None else "fail" if "fail" in states or (found and not states) else "pass"
    )
    return Assurance(promise, measure.value, measure.samples, found, state)

"""Checks of the constitutional scenario: validity, and a score that adds up."""

from __future__ import annotations

from acgs_load.contract import SCORE_HEADER, Violation
from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.findings import Finding

_TOLERANCE = 1e-6 + 1e-12
"""The contract's ± 1e-6, and room for the last bits of the subtraction itself."""


def check_constitution(body: Json, _score: float | None = None) -> list[Finding]:
    """Whether ``constitutional_verify`` finds the constitution valid."""
    if body["is_valid"]:
        return []
    return [Finding(Violation.NOT_COMPLIANT, "is_valid is false")]


def check_score(minimum: float, body: Json, header_score: float | None) -> list[Finding]:
    """Whether the score is the mean of its principles, the header says the same, and both reach ``minimum``."""
    findings = []
    score, principles = body["compliance_score"], body["principle_scores"]
    if not body["is_compliant"]:
        findings.append(Finding(Violation.NOT_COMPLIANT, f"is_compliant is false (compliance_score {score:g})"))
    reason = _score_problem(score, principles, header_score, minimum)
    if reason:
        findings.append(Finding(Violation.SCORE_LOW, reason))
    return findings


def _score_problem(
    score: float, principles: dict[str, float], header_score: float | None, minimum: float
) -> str | None:
    if not principles:
        return "principle_scores is empty, so compliance_score is the mean of nothing"
    mean = sum(principles.values()) / len(principles)
    if abs(score - mean) > _TOLERANCE:
        return f"compliance_score is {score:.9g}, the mean of principle_scores {mean:.9g}"
    if min(principles.values()) < 0 or max(principles.values()) > 1:
        return "principle_scores holds a value outside 0 to 1"
    if header_score is not None and abs(score - header_score) > _TOLERANCE:
        return f"compliance_score is {score:.9g}, header {SCORE_HEADER} {header_score:.9g}"
    if score < minimum:
        return f"compliance_score is {score:.9g}, below the minimum {minimum:g}"
    return None

"""Checks of everything that asks the solver: verdicts known by construction, models that satisfy every assertion."""

from __future__ import annotations

from typing import Any

from acgs_load.contract import Violation
from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.findings import Finding, shown
from acgs_load.traffic.checks.models import Assertions
from acgs_load.traffic.user.proofs import Constraints, Obligation, Verification

_VERDICT_FIELDS = {
    "formal_verification": "solver_result",
    "constitutional_formal_request": "solver_result",
    "proof_obligation": "result",
    "constraint_validation": "satisfiable",
}


def proof_is_unknown(operation: str, body: Json) -> bool:
    """Whether the solver gave up: "unknown", or null for a constraint validation."""
    field = _VERDICT_FIELDS.get(operation)
    return field is not None and body[field] in ("unknown", None)


def check_verification(verification: Verification, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether a verify request got the verdict that its content was built for; unknown is not compliant."""
    result, compliant = body["solver_result"], body["is_compliant"]
    expected = verification.compliant
    if result == "unknown":
        return _wrong("is_compliant is true beside solver_result unknown") if compliant else []
    if result != verification.solver_result or compliant != expected:
        return _wrong(
            f"solver_result {shown(result)}, is_compliant {compliant}; "
            f"by construction {verification.solver_result}, {expected}"
        )
    return []


def check_obligation(
    obligation: Obligation, obligation_id: str, body: Json, _score: float | None = None
) -> list[Finding]:
    """Whether an obligation got its verdict under its id, with a counterexample exactly where one is due."""
    if body["obligation_id"] != obligation_id:
        return _wrong(f"obligation_id is {shown(body['obligation_id'])}, sent {obligation_id}")
    result = body["result"]
    if result == "unknown":
        return []
    expected = "valid" if obligation.valid else "invalid"
    if result != expected:
        return _wrong(f"result is {shown(result)}, by construction {expected}")
    return _check_model("counterexample", body["counterexample"], not obligation.valid, obligation.assertions)


def check_constraints(constraints: Constraints, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether constraints got their verdict, with a model exactly where one is due."""
    satisfiable = body["satisfiable"]
    if satisfiable is None:
        return []
    if satisfiable != constraints.satisfiable:
        return _wrong(f"satisfiable is {satisfiable}, by construction {constraints.satisfiable}")
    return _check_model("model", body["model"], satisfiable, constraints.assertions)


def _check_model(name: str, model: Any, due: bool, assertions: Assertions) -> list[Finding]:
    if not due:
        return [] if model is None else _wrong(f"{name} is {shown(model)} where none is due")
    if model is None:
        return _wrong(f"{name} is null where one is due")
    problem = assertions.problem(model)
    return _wrong(f"{name} {problem}") if problem else []


def _wrong(text: str) -> list[Finding]:
    return [Finding(Violation.PROOF_WRONG, text)]

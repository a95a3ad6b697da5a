"""The requests to the solver of one run: a bounded, seeded set of contents, each with the verdict it must get.

A few hundred contents make the target's solver work and leave a verification cache something to do. The set is the
same for all workers of a run, because it depends on the seed alone.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import orjson

from acgs_load.traffic.checks.models import Assertions
from acgs_load.traffic.user.claims import Claim, make_claims

CLAIM_COUNT = 288
"""A multiple of families × verdicts."""
OBLIGATION_TIMEOUT_MS = 5_000


class Verification(NamedTuple):
    """One ``policy_content`` of a verify request."""

    content: orjson.Fragment
    compliant: bool
    solver_result: str


class Obligation(NamedTuple):
    """One SMT-LIB script that asserts the negation of a claim."""

    smtlib: str
    valid: bool
    assertions: Assertions


class Constraints(NamedTuple):
    """One body of a constraint validation, complete."""

    body: bytes
    satisfiable: bool
    assertions: Assertions


class ProofBook:
    """Everything that this run's users ask the solver, indexed by any number."""

    def __init__(self, seed: int) -> None:
        claims = make_claims(Random(f"{seed}:proofs"), CLAIM_COUNT)
        self._compliance = [_compliance(claim) for claim in claims]
        self._consistency = [_consistency(claim, i % 3) for i, claim in enumerate(claims)]
        self._obligations = [_obligation(claim, i) for i, claim in enumerate(claims)]
        self._constraints = [_constraints(claim, i % 3 == 0) for i, claim in enumerate(claims)]

    def compliance(self, number: int) -> Verification:
        """A verify request of type "compliance"."""
        return self._compliance[number % CLAIM_COUNT]

    def consistency(self, number: int) -> Verification:
        """A verify request of type "consistency"."""
        return self._consistency[number % CLAIM_COUNT]

    def obligation(self, number: int) -> Obligation:
        """A proof obligation."""
        return self._obligations[number % CLAIM_COUNT]

    def constraints(self, number: int) -> Constraints:
        """A constraint validation."""
        return self._constraints[number % CLAIM_COUNT]


def _compliance(claim: Claim) -> Verification:
    content = {
        "declarations": dict(claim.declarations),
        "constraints": list(claim.premises),
        "requirement": claim.claim,
    }
    return Verification(orjson.Fragment(orjson.dumps(content)), claim.holds, "unsat" if claim.holds else "sat")


def _consistency(claim: Claim, kind: int) -> Verification:
    """Of three kinds: with the negation among the terms, with the premises alone, and with no requirement at all.

    A requirement is legal and to be ignored for this type. A target that joins it to the negation finds them at odds,
    one that joins its negation to the premises finds them so where the claim holds.
    """
    terms, satisfiable = _terms(claim, kind == 0)
    content: dict[str, object] = {"declarations": dict(claim.declarations), "constraints": terms}
    if kind < 2:
        content["requirement"] = claim.claim
    return Verification(orjson.Fragment(orjson.dumps(content)), satisfiable, "sat" if satisfiable else "unsat")


def _constraints(claim: Claim, premises_only: bool) -> Constraints:
    terms, satisfiable = _terms(claim, not premises_only)
    body = orjson.dumps({"constraints": terms, "declarations": dict(claim.declarations)})
    return Constraints(body, satisfiable, Assertions(claim.declarations, terms))


def _terms(claim: Claim, with_negation: bool) -> tuple[list[str], bool]:
    if with_negation:
        return [*claim.premises, f"(not {claim.claim})"], not claim.holds
    return list(claim.premises), claim.consistent


def _obligation(claim: Claim, index: int) -> Obligation:
    """The script, in spellings that take turns: declare-fun or declare-const, with or without a definition."""
    keyword = "(declare-fun {} () {})" if index % 2 else "(declare-const {} {})"
    lines = ["(set-logic ALL)"] if index % 3 else ["(set-option :produce-models true)"]
    lines += [keyword.format(name, sort) for name, sort in claim.declarations.items()]
    lines += [f"(assert {premise})" for premise in claim.premises]
    definitions = {}
    goal = claim.claim
    if index % 4 == 0:
        definitions, goal = {"goal": claim.claim}, "goal"
        lines.append(f"(define-fun goal () Bool {claim.claim})")
    lines += [f"(assert (not {goal}))", "(check-sat)"]
    if not claim.holds:
        lines.append("(get-model)")
    terms = [*claim.premises, f"(not {goal})"]
    return Obligation("\n".join(lines), claim.holds, Assertions(claim.declarations, terms, definitions))

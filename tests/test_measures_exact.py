"""The measures that must be exactly 1: what they count, what they leave out, and what cannot hide from them."""

from __future__ import annotations

import pytest
from test_measures import of, value
from timelines import window

from acgs_load.contract import OPERATIONS, Outcome, Violation
from acgs_load.measures import EXACT_ONE, JUDGED_OPERATIONS


def test_isolation_demands_attempts_that_were_refused_for_the_right_reason():
    """Right ÷ (right + breaches of any operation); refusals of a target that refuses everybody prove nothing."""
    right = of("cross_tenant_access_attempt", 8, status=403, isolation_right=True)
    unproven = of("cross_tenant_access_attempt", 5, status=403)
    breach = of("policy_list", 2, violations=(Violation.ISOLATION_BREACH,))
    assert value("isolation_integrity", right) == 1.0
    assert value("isolation_integrity", right, breach) == 0.8
    assert value("isolation_integrity", breach) == 0.0
    assert value("isolation_integrity", unproven) is None


ORACLES = {
    "chain_integrity": (Violation.CHAIN_BROKEN, ["audit_create", "audit_verify", "chain_verify"]),
    "proof_correctness": (
        Violation.PROOF_WRONG,
        ["formal_verification", "constitutional_formal_request", "proof_obligation", "constraint_validation"],
    ),
    "decision_correctness": (Violation.DECISION_WRONG, ["governance_decision"]),
    "signature_correctness": (Violation.SIGNATURE_WRONG, ["crypto_validate", "audit_create"]),
    "durability": (
        Violation.LOST_WRITE,
        ["policy_create", "policy_get", "policy_update", "tenant_config_update", "audit_verify"],
    ),
    "read_consistency": (Violation.STALE_READ, ["policy_get", "tenant_config_update"]),
}
"""Copied by hand from measures.md, so that a slip in the code cannot confirm itself."""


@pytest.mark.parametrize("name", ORACLES)
def test_the_other_exact_measures(name):
    """1 − answers with the violation ÷ 2xx answers of their operations; other operations do not dilute."""
    violation, operations = ORACLES[name]
    assert JUDGED_OPERATIONS[name] == set(operations)
    good = [of(operation, 3) for operation in operations]
    assert value(name, *good) == 1.0
    bad = of(operations[0], 1, violations=(violation,))
    assert value(name, *good, bad) == pytest.approx(1 - 1 / (3 * len(operations) + 1))
    strangers = [of(other, 50) for other in OPERATIONS if other not in operations]
    assert value(name, *good, bad, *strangers) == value(name, *good, bad)
    assert value(name, *strangers) is None
    other_violation = next(v for v in Violation if v is not violation)
    assert value(name, of(operations[0], 5, violations=(other_violation,))) == 1.0


@pytest.mark.parametrize("name", ORACLES)
def test_errors_stay_out_of_the_exact_measures(name):
    """Where every answer was an error, there is nothing to judge."""
    operation = ORACLES[name][1][0]
    for outcome in (Outcome.HTTP_ERROR, Outcome.TIMEOUT, Outcome.THROTTLED, Outcome.CONNECTION_ERROR):
        assert value(name, of(operation, 5, outcome=outcome)) is None


def test_signatures_that_nobody_could_check_prove_nothing():
    """Without published keys audit_create's answers are not in signature_correctness; crypto_validate's are."""
    unchecked = of("audit_create", 90, signature_checked=False)
    assert value("signature_correctness", unchecked) is None
    wrong = of("crypto_validate", 1, violations=(Violation.SIGNATURE_WRONG,))
    assert value("signature_correctness", unchecked, of("crypto_validate", 9), wrong) == 0.9
    assert value("signature_correctness", of("audit_create", 90), of("crypto_validate", 9), wrong) == 0.99
    assert value("chain_integrity", unchecked) == 1.0


def test_a_lost_event_that_is_404_counts_in_durability():
    """404 answers are in the denominator, so that a loss is never more than everything."""
    lost = of("audit_verify", 1, status=404, violations=(Violation.LOST_WRITE,))
    assert value("durability", of("audit_verify", 3), lost) == 0.75
    assert value("durability", lost) == 0.0


def test_a_violation_cannot_hide_in_an_operation_outside_the_list():
    """A violation seen where it is not expected still keeps the measure below 1, and never below 0."""
    for name, (violation, _) in ORACLES.items():
        hidden = of("policy_list", 5, violations=(violation,))
        assert value(name, hidden) == 0.0


@pytest.mark.parametrize("name", EXACT_ONE)
def test_one_wrong_answer_in_a_million_is_not_one(name):
    """Exact means exact: no rounding turns 0.999999 into 1."""
    operation = next(iter(JUDGED_OPERATIONS.get(name, {"policy_get"})))
    big = window(1, operation=operation, isolation_right=True)
    big.answers_2xx = big.isolation_right = big.signatures_checked = 999_999
    big.outcomes = {Outcome.OK: 999_999}
    violation = {"hash_consistency": Violation.HASH_WRONG, "isolation_integrity": Violation.ISOLATION_BREACH}.get(
        name, ORACLES.get(name, (Violation.HASH_WRONG, []))[0]
    )
    assert value(name, (operation, big)) == 1.0
    found = value(name, (operation, big), of(operation, 1, violations=(violation,)))
    assert found is not None
    assert 0.9999 < found < 1.0

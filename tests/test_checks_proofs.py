"""Claims are true by construction (z3 agrees), and the evaluator tells models from what is none (z3 agrees again)."""

from collections import Counter
from random import Random

import pytest
from fake_logic import solve, solve_script

from acgs_load.traffic.checks.models import Assertions, sort_value
from acgs_load.traffic.checks.smtlib import compile_term, parse_expressions
from acgs_load.traffic.user.claims import make_claims
from acgs_load.traffic.user.proofs import CLAIM_COUNT, ProofBook

CLAIMS = make_claims(Random(11), 96)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.claim[:40])
def test_a_claim_holds_exactly_where_it_says_so(claim):
    """z3 decides premises alone, and premises with the negated claim."""
    assert solve(claim.declarations, claim.premises)[0] == ("sat" if claim.consistent else "unsat")
    negated = [*claim.premises, f"(not {claim.claim})"]
    verdict, model = solve(claim.declarations, negated)
    assert verdict == ("unsat" if claim.holds else "sat")
    if model is not None:
        assert Assertions(claim.declarations, negated).problem(model) is None


def test_claims_cover_both_verdicts_and_all_sorts():
    """Half of them hold; Bool, Int, Real and no constant at all occur."""
    assert Counter(claim.holds for claim in CLAIMS) == {True: 48, False: 48}
    assert {sort for claim in CLAIMS for sort in claim.declarations.values()} == {"Bool", "Int", "Real"}
    assert any(not claim.declarations for claim in CLAIMS)


def test_obligations_are_scripts_that_z3_decides_as_expected():
    """With definitions, either declaring command, and a model that the evaluator accepts."""
    book = ProofBook(3)
    for number in range(0, CLAIM_COUNT, 5):
        obligation = book.obligation(number)
        declared = {
            row[1]: row[-1]
            for row in parse_expressions(obligation.smtlib)
            if row[0] in ("declare-const", "declare-fun")
        }
        script = obligation.smtlib.replace("(check-sat)", "").replace("(get-model)", "")
        verdict, model = solve_script(script, declared)
        assert verdict == ("unsat" if obligation.valid else "sat")
        assert model is None or obligation.assertions.problem(model) is None
    scripts = [book.obligation(number).smtlib for number in range(CLAIM_COUNT)]
    for command in ("declare-fun", "declare-const", "define-fun", "set-logic", "set-option", "get-model"):
        assert any(command in script for script in scripts)


def test_a_book_depends_on_the_seed_alone():
    """Workers of one run ask the same things; another run asks others."""
    first, again, other = ([book.obligation(n).smtlib for n in range(50)] for book in map(ProofBook, (5, 5, 6)))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("sort", "spelled", "legal"),
    [
        ("Bool", True, True),
        ("Bool", 1, False),
        ("Bool", "true", False),
        ("Int", 5, True),
        ("Int", -5, True),
        ("Int", True, False),
        ("Int", 5.0, False),
        ("Int", "5", False),
        ("Real", "1/3", True),
        ("Real", "-7/2", True),
        ("Real", "4", True),
        ("Real", "0", True),
        ("Real", "2/4", False),
        ("Real", "1/0", False),
        ("Real", "1/-3", False),
        ("Real", "0.5", False),
        ("Real", "٣", False),
        ("Real", " 1", False),
        ("Real", "+1", False),
        ("Real", "01", False),
        ("Real", 1, False),
        ("Real", None, False),
        ("Real", "9" * 500, False),
    ],
)
def test_values_are_spelled_as_the_contract_says(sort, spelled, legal):
    """Anything else is no value of the sort."""
    assert (sort_value(sort, spelled) is not None) == legal


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("(and)", True),
        ("(=> a b c)", True),
        ("(=> a b)", False),
        ("(xor a b a)", False),
        ("(xor a b)", True),
        ("(ite b x y)", -4),
        ("(= 2 (- y) 2)", False),
        ("(distinct x y 0)", True),
        ("(distinct x x)", False),
        ("(< y 0 x)", True),
        ("(<= 3 x 3)", True),
        ("(> x y y)", False),
        ("(>= x y y)", True),
        ("(- x)", -3),
        ("(- 10 x 2)", 5),
        ("(* 2 x y)", -24),
        ("(= (/ 1.0 3.0) (/ 2.0 6.0))", True),
        ("(= (+ 0.1 0.2) 0.3)", True),
        ("(not (or b false))", True),
    ],
)
def test_terms_are_evaluated_exactly(term, value):
    """Integers and fractions, no floats; a = true, b = c = false, x = 3, y = −4."""
    values = {"a": True, "b": False, "c": False, "x": 3, "y": -4}
    assert compile_term(parse_expressions(term)[0])(values) == (True if term == "(=> a b c)" else value)


@pytest.mark.parametrize("text", ["(", ")", "(and (", "())"])
def test_unbalanced_parentheses_are_an_error(text):
    """They would be a mistake in a construction."""
    with pytest.raises(ValueError, match="parenthes"):
        parse_expressions(text)


@pytest.mark.parametrize("text", ["(mod x 2)", "()", "((and) x)"])
def test_terms_outside_the_subset_are_an_error(text):
    """The evaluator must not guess."""
    with pytest.raises(ValueError, match="outside"):
        compile_term(parse_expressions(text)[0])


def test_a_model_may_name_more_than_was_declared():
    """Unknown names are ignored as unknown fields are."""
    assertions = Assertions({"x": "Int"}, ["(> x 1)"])
    assert assertions.problem({"x": 2, "y": "?"}) is None
    assert "no value for x" in assertions.problem({"y": 2})
    assert "does not satisfy (> x 1)" in assertions.problem({"x": 1})

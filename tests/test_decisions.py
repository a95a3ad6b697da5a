"""Decisions are made so that a target which misreads one sentence of the rule language is told apart."""

from __future__ import annotations

from functools import partial
from random import Random

import orjson
import pytest
from fake_logic import compare, holds, kind

from acgs_load.gateway.rules import judge
from acgs_load.traffic.checks.rules import decide
from acgs_load.traffic.user.content import policy_content
from acgs_load.traffic.user.decisions import decision_on

ORDERS = ("<", "<=", ">", ">=")
MISSING = object()


@pytest.fixture(scope="module")
def pairs():
    """Policies and decisions as a run of some hours draws them."""
    random = Random(20)
    contents = [policy_content(random.getrandbits(256), "user") for _ in range(6000)]
    return [(content, decision_on(content, random.getrandbits(256))) for content in contents]


def test_checker_and_gateway_agree_on_all_of_them(pairs):
    """Two readings of the contract that share no code; and both outcomes come often."""
    outcomes = [decide(content, decision) for content, decision in pairs]
    assert outcomes == [judge(c["rule"], c["conditions"], d).outcome for c, d in pairs]
    assert 0.2 < outcomes.count("permit") / len(outcomes) < 0.8


def test_what_is_sent_is_what_is_judged(pairs):
    """A decision survives its way through JSON; a policy holds no float."""
    for content, decision in pairs[:500]:
        assert orjson.loads(orjson.dumps(decision)) == decision
        assert b"." not in orjson.dumps([c["value"] for c in content["conditions"]])


def found(condition, decision):
    """What stands at the condition's field."""
    for name in condition["field"].split("."):
        if not isinstance(decision, dict) or name not in decision:
            return MISSING
        decision = decision[name]
    return decision


def through_lists(condition, decision):
    """The same, by somebody who looks into the first item of a list."""
    for name in condition["field"].split("."):
        decision = decision[0] if isinstance(decision, list) and decision else decision
        if not isinstance(decision, dict) or name not in decision:
            return MISSING
        decision = decision[name]
    return decision


def missing_is_unequal(c, d):
    return c["op"] == "!=" and found(c, d) is MISSING


def unlike_is_unequal(c, d):
    return c["op"] == "!=" and found(c, d) is not MISSING and kind(found(c, d)) != kind(c["value"])


def missing_is_null(c, d):
    return c["op"] == "==" and c["value"] is None and found(c, d) is MISSING


def missing_null_is_in(c, d):
    return c["op"] == "in" and None in c["value"] and found(c, d) is MISSING


def text_is_in(c, d):
    return c["op"] == "in" and str(found(c, d)) in map(str, c["value"])


def order_by_text(c, d):
    unlike = found(c, d) is not MISSING and kind(found(c, d)) != kind(c["value"])
    return c["op"] in ORDERS and unlike and compare(c["op"], str(found(c, d)), str(c["value"]))


def order_of_lists(c, d):
    same = isinstance(found(c, d), list) and isinstance(c["value"], list)
    return c["op"] == "==" and same and sorted(map(str, found(c, d))) == sorted(map(str, c["value"]))


def looks_into_lists(c, d):
    value = through_lists(c, d)
    return found(c, d) is MISSING and value is not MISSING and holds({**c, "field": "x"}, {"x": value})


def true_is_one(c, d):
    value, wanted = found(c, d), c["value"]
    return c["op"] == "==" and {type(value), type(wanted)} <= {bool, int, float} and value == wanted


TOO_LENIENT = (
    missing_is_unequal,
    unlike_is_unequal,
    missing_is_null,
    missing_null_is_in,
    text_is_in,
    order_by_text,
    order_of_lists,
    looks_into_lists,
    true_is_one,
)


def instead(op, other, c, d):
    return c["op"] == op and not holds({**c, "op": other}, d)


def only_same_type(c, d):
    return c["op"] != "in" and type(found(c, d)) is not type(c["value"])


def first_element_only(c, d):
    return c["op"] == "in" and found(c, d) != c["value"][0]


def of_kind(of, c, _d):
    return isinstance(c["value"], of) and c["op"] != "in"


def utf16_order(c, d):
    value = found(c, d)
    if c["op"] not in ORDERS or not isinstance(value, str) or not isinstance(c["value"], str):
        return False
    left, right = (text.encode("utf-16-be").decode("latin-1") for text in (value, c["value"]))
    return not compare(c["op"], left, right)


def caseless_order(c, d):
    value = found(c, d)
    if c["op"] not in ORDERS or not isinstance(value, str) or not isinstance(c["value"], str):
        return False
    return not compare(c["op"], value.lower(), c["value"].lower())


def digit_order(c, d):
    numbers = kind(found(c, d)) == kind(c["value"]) == "number"
    return c["op"] in ORDERS and numbers and not compare(c["op"], str(found(c, d)), str(c["value"]))


TOO_STRICT = (
    *(partial(instead, op, other) for op, other in (("<=", "<"), (">=", ">"))),
    only_same_type,
    first_element_only,
    *(partial(of_kind, of) for of in (list, dict, type(None), str)),
    utf16_order,
    caseless_order,
    digit_order,
)


def decided(content, decision, test):
    """The outcome by a reading whose conditions are ``test``."""
    listed = {"*", decision["action"]} & set(content["rule"]["actions"])
    applies = listed and all(test(condition, decision) for condition in content["conditions"])
    return content["rule"]["effect"] if applies else "deny"


def told_apart(pairs, test):
    """On how many pairs a reading is wrong."""
    return sum(decided(content, decision, test) != decide(content, decision) for content, decision in pairs)


@pytest.mark.parametrize("misreading", TOO_LENIENT)
def test_a_condition_that_holds_where_it_must_not_is_found(pairs, misreading):
    """Often enough for a run of a few thousand requests."""
    assert told_apart(pairs, lambda c, d: holds(c, d) or misreading(c, d)) >= 6


@pytest.mark.parametrize("misreading", TOO_STRICT)
def test_a_condition_that_fails_where_it_must_hold_is_found(pairs, misreading):
    """Likewise."""
    assert told_apart(pairs, lambda c, d: holds(c, d) and not misreading(c, d)) >= 6


@pytest.mark.parametrize(("op", "other"), [("<", "<="), (">", ">=")])
def test_an_edge_that_belongs_to_the_wrong_side_is_found(pairs, op, other):
    """Decisions stand on the edge itself."""
    assert told_apart(pairs, lambda c, d: holds({**c, "op": other} if c["op"] == op else c, d)) >= 6

"""The rule language of policies: whether a rule applies to a decision, and what comes out of it.

A rule decides by itself; nothing here knows of storage or HTTP. The checker has an implementation of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

PERMIT = "permit"
DENY = "deny"
ANY_ACTION = "*"


class RuleError(ValueError):
    """A rule or a condition outside the language."""


class Judgement(NamedTuple):
    """What a rule says of a decision, and why."""

    outcome: str
    reasons: list[str]


class _Missing(Enum):
    FIELD = "missing"


_ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_OPERATORS = frozenset({"==", "!=", "in", *_ORDER})


def judge(rule: Any, conditions: Any, decision: dict[str, Any]) -> Judgement:
    """What ``rule`` under ``conditions`` says of ``decision``. Raises RuleError for a rule outside the language."""
    effect, actions = _read_rule(rule)
    checks = _read_conditions(conditions)
    action = decision.get("action")
    if ANY_ACTION not in actions and action not in actions:
        return Judgement(DENY, ["the action is not listed by the rule: denied by default"])
    try:
        failed = [
            f"condition {number} on {field!a} ({operator}) does not hold"
            for number, (field, operator, value) in enumerate(checks, 1)
            if not _holds(_look_up(decision, field), operator, value)
        ]
    except RecursionError:
        raise RuleError("values are nested too deeply to be compared") from None
    if failed:
        return Judgement(DENY, [*failed, "the rule does not apply: denied by default"])
    return Judgement(effect, [f"the rule applies: {effect}"])


def _read_rule(rule: Any) -> tuple[str, list[str]]:
    if not isinstance(rule, dict):
        raise RuleError("rule is no object")
    effect, actions = rule.get("effect"), rule.get("actions")
    if effect not in (PERMIT, DENY):
        raise RuleError('rule.effect is neither "permit" nor "deny"')
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        raise RuleError("rule.actions is no list of texts")
    return effect, actions


def _read_conditions(conditions: Any) -> list[tuple[str, str, Any]]:
    if not isinstance(conditions, list):
        raise RuleError("conditions is no list")
    return [_read_condition(number, condition) for number, condition in enumerate(conditions, 1)]


def _read_condition(number: int, condition: Any) -> tuple[str, str, Any]:
    if not isinstance(condition, dict) or "value" not in condition:
        raise RuleError(f"condition {number} is no object of field, op and value")
    field, operator = condition.get("field"), condition.get("op")
    if not isinstance(field, str):
        raise RuleError(f"condition {number}: field is no text")
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise RuleError(f"condition {number}: op is none of == != < <= > >= in")
    return field, operator, condition["value"]


def _look_up(decision: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, through objects only; ``_Missing.FIELD`` when there is none."""
    value: Any = decision
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return _Missing.FIELD
        value = value[key]
    return value


def _holds(actual: Any, operator: str, value: Any) -> bool:
    if actual is _Missing.FIELD:
        return False
    if operator == "in":
        return isinstance(value, list) and any(_equal(actual, element) for element in value)
    kind = _kind(actual)
    if kind != _kind(value):
        return False
    if operator == "==":
        return _equal(actual, value)
    if operator == "!=":
        return not _equal(actual, value)
    return kind in ("number", "text") and _ORDER[operator](actual, value)


def _kind(value: Any) -> str:
    """The type a rule distinguishes; a boolean is no number although Python says so."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if value is None:
        return "null"
    return "list" if isinstance(value, list) else "object"


def _equal(left: Any, right: Any) -> bool:
    """Equality by kind at every depth, so that ``[true]`` differs from ``[1]``; Python compares numbers exactly."""
    kind = _kind(left)
    if kind != _kind(right):
        return False
    if kind == "list":
        return len(left) == len(right) and all(map(_equal, left, right))
    if kind == "object":
        return left.keys() == right.keys() and all(_equal(item, right[key]) for key, item in left.items())
    return bool(left == right)

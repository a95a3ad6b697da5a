"""What a policy decides, by the checker's own reading of the rule language (contract, section 4)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal

Outcome = Literal["permit", "deny"]

_MISSING = object()
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KINDS: dict[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    type(None): "null",
    list: "list",
    dict: "object",
}


def decide(content: Mapping[str, Any], decision: Mapping[str, Any]) -> Outcome:
    """The rule's effect if it applies to ``decision``, else ``deny``. ``content`` must lie within the language."""
    rule = content["rule"]
    actions = rule["actions"]
    if "*" not in actions and decision.get("action") not in actions:
        return "deny"
    if all(_holds(condition, decision) for condition in content["conditions"]):
        effect: Outcome = rule["effect"]
        return effect
    return "deny"


def _holds(condition: Mapping[str, Any], decision: Mapping[str, Any]) -> bool:
    found = _field(decision, condition["field"])
    if found is _MISSING:
        return False
    op, value = condition["op"], condition["value"]
    if op == "in":
        return type(value) is list and any(_equal(found, element) for element in value)
    if _KINDS[type(found)] != _KINDS[type(value)]:
        return False
    if op == "==":
        return _equal(found, value)
    if op == "!=":
        return not _equal(found, value)
    return _KINDS[type(found)] in ("number", "text") and _ORDERS[op](found, value)


def _field(decision: Mapping[str, Any], path: str) -> Any:
    found: Any = decision
    for name in path.split("."):
        if type(found) is not dict or name not in found:
            return _MISSING
        found = found[name]
    return found


def _equal(left: Any, right: Any) -> bool:
    """Equality in which 1 is 1.0, but true is not 1, at any depth."""
    if _KINDS[type(left)] != _KINDS[type(right)]:
        return False
    if type(left) is list:
        return len(left) == len(right) and all(map(_equal, left, right))
    if type(left) is dict:
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return bool(left == right)

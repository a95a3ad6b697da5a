"""Decisions to put to a policy, made so that every sentence of the rule language (contract, section 4) gets its turn.

A decision at random would hardly ever stand on an edge. So most of them fit the rule in everything but one condition,
and there they stand beside, on or off the edge, or hold a value of another type, or nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from acgs_load.traffic.checks.fields import Json

ACTIONS = ("read", "deploy", "delete", "approve", "publish", "export")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
ROLES = ("auditor", "operator", "steward", "Änderungsrat")
_ASTRAL, _PRIVATE = "\U0001f600", "\ufb33"
"""In the order of code points the first comes last, in that of UTF-16 it comes first."""


def decision_on(content: Json, number: int) -> Json:
    """A decision to put to the policy; ``number`` decides which."""
    number, decision = _plain_decision(number)
    number, stray = divmod(number, 8)
    if stray == 0:
        return decision
    number = _choose_action(decision, content["rule"]["actions"], number)
    conditions = content["conditions"]
    for condition in conditions:
        _place(decision, condition["field"], _fitting(condition["op"], condition["value"]))
    number, whole = divmod(number, 6)
    if conditions and whole:
        number, focus = divmod(number, len(conditions))
        _disturb(decision, conditions[focus], number)
    return decision


def _plain_decision(number: int) -> tuple[int, Json]:
    number, action = divmod(number, len(ACTIONS))
    number, role = divmod(number, len(ROLES))
    number, region = divmod(number, len(REGIONS))
    number, risk = divmod(number, 100)
    number, odd = divmod(number, 8)
    context: Json = {
        "risk": float(risk) if odd == 0 else risk,  # 7.0 is 7 to the rule language
        "region": REGIONS[region],
        "approved": bool(odd & 1),
        "limits": {"daily": risk * 7},
        "tags": ["gold", risk],
    }
    subject = {"role": ROLES[role], "manager": None if odd & 4 else "council"}
    return number, {"action": ACTIONS[action], "subject": subject, "context": context}


def _choose_action(decision: Json, actions: Sequence[str], number: int) -> int:
    """One that is listed, mostly; with "*" every one is, else one in six is left as it came."""
    number, kept = divmod(number, 6)
    if "*" not in actions and kept:
        number, chosen = divmod(number, len(actions))
        decision["action"] = actions[chosen]
    return number


def _fitting(op: str, value: Any) -> Any:
    """A value that makes the condition hold."""
    if op == "in":
        return value[0]
    if type(value) is bool:
        return value if op == "==" else not value
    if type(value) is int:
        return value + {"<": -1, ">": 1, "!=": 1}.get(op, 0)
    if type(value) is str:
        return {"<": "", ">": value + "a", "!=": value + "a"}.get(op, value)
    return value


def _disturb(decision: Json, condition: Json, number: int) -> None:
    """Change what the condition looks at: take it away, hide it in a list, or put something close in its place."""
    field, value = condition["field"], condition["value"]
    number, way = divmod(number, 6)
    path = field.split(".")
    if way == 0:
        _parent(decision, path).pop(path[-1], None)
    elif way == 1 and len(path) > 2:  # a path leads through objects only
        _place(decision, ".".join(path[:-1]), [{path[-1]: _fitting(condition["op"], value)}])
    else:
        near = _elements_near(value) if condition["op"] == "in" else _near(value)
        _place(decision, field, near[number % len(near)])


def _elements_near(elements: Sequence[Any]) -> list[Any]:
    """What an element is, and what is taken for one by its text."""
    like: list[Any] = [str(element) for element in elements if type(element) is int]
    like += [int(element) for element in elements if type(element) is str and element.isdigit()]
    return [*elements, *like, *(float(element) for element in elements if type(element) is int), False, ""]


def _near(value: Any) -> list[Any]:
    """Values on both sides of an edge, equal ones in another spelling, and some of another type."""
    if value is None:
        return [None, False, 0, "", "null", []]
    if type(value) is bool:
        return [value, not value, int(value), int(not value), float(value), str(value).lower(), None]
    if type(value) is int:
        edge = [value - 1, value, value + 1, float(value), value - 0.5, value + 0.5, 9, 100]
        return [*edge, str(value), str(value - 1), str(value + 1), value == 1, None]
    if type(value) is str:
        return [value, value.lower(), value.upper(), value + " ", value[:-1], "", _ASTRAL, _PRIVATE, 0, None, [value]]
    if type(value) is list:
        return [value, value[::-1], value[:1], [*value, 0], [str(item) for item in value], [], value[0], {}]
    fewer, more = dict(list(value.items())[1:]), {**value, "more": None}
    return [value, dict(reversed(value.items())), fewer, more, {}, list(value), None]


def _parent(decision: Json, path: Sequence[str]) -> Json:
    """The object that holds the last name of the path; made where there is none."""
    place = decision
    for name in path[:-1]:
        if type(place.get(name)) is not dict:
            place[name] = {}
        place = place[name]
    return place


def _place(decision: Json, field: str, value: Any) -> None:
    path = field.split(".")
    _parent(decision, path)[path[-1]] = value

"""Policies and decisions as users of a governance system might write them, drawn from one number."""

from __future__ import annotations

from typing import Any

from acgs_load.traffic.fields import Json

_ACTIONS = ("read", "deploy", "delete", "approve", "publish", "export")
_REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
_ROLES = ("auditor", "operator", "steward", "Änderungsrat")
_TEXTS = (
    "plain words",
    'quotes " and \\ and /slash',
    "line\nbreak\ttab\u0001",
    "Gewaltenteilung – 権力分立",
    "😀 astral, \ufb33 not",
    "\u2028 and \u007f stay as they are",
)
"""Text that two spellings of JSON are apt to differ on."""
_INTEGERS = (0, -1, 2**31, 2**53, -(2**53), 40_000)


def policy_content(number: int, author: str) -> Json:
    """The four fields of a policy. ``number`` decides everything but the author; no floats, it gets hashed."""
    number, rule = _rule(number)
    number, count = divmod(number, 4)
    conditions = []
    for _ in range(count):
        number, condition = _condition(number)
        conditions.append(condition)
    number, level = divmod(number, 100)
    number, text = divmod(number, len(_TEXTS))
    number, limit = divmod(number, len(_INTEGERS))
    metadata = {
        "name": f"policy {number % 1_000_000}",
        "author": author,
        "note": _TEXTS[text],
        "limit": _INTEGERS[limit],
        "labels": {"\ufb33": 1, "😀": 2, "z": None, "A": [True, False]},
    }
    return {"rule": rule, "constraints": [f"(<= risk {level})"], "conditions": conditions, "metadata": metadata}


def decision_on(content: Json, number: int) -> Json:
    """A decision to put to the policy; about half of them are made to fit its rule."""
    number, fits = divmod(number, 2)
    number, decision = _random_decision(number)
    if fits:
        actions = content["rule"]["actions"]
        if "*" not in actions:
            decision["action"] = actions[number % len(actions)]
        for condition in content["conditions"]:
            _satisfy(decision, condition)
    return decision


def _rule(number: int) -> tuple[int, Json]:
    number, effect = divmod(number, 4)
    number, first = divmod(number, len(_ACTIONS))
    number, kind = divmod(number, 4)
    actions = ["*"] if kind == 0 else [_ACTIONS[(first + i) % len(_ACTIONS)] for i in range(kind)]
    return number, {"effect": "deny" if effect == 0 else "permit", "actions": actions}


def _condition(number: int) -> tuple[int, Json]:
    number, kind = divmod(number, 14)
    number, level = divmod(number, 100)
    role, region = _ROLES[level % len(_ROLES)], _REGIONS[level % len(_REGIONS)]
    field, op, value = (
        ("context.risk", "<", level + 1),
        ("context.risk", ">=", level),
        ("context.risk", "!=", level),
        ("context.risk", "==", level),
        ("context.region", "in", [region, "eu-north-1"]),
        ("context.approved", "==", level % 2 == 0),
        ("context.limits.daily", "<=", level * 10),
        ("context.tags", "==", ["gold", level]),
        ("subject.role", "==", role),
        ("subject.role", ">", "a"),
        ("subject.manager", "==", None),
        ("context.risk", "in", [level, str(level), None]),
        ("context.approved", "!=", 1),  # unlike types: holds for no boolean
        ("context.unheard_of", "!=", level),  # a missing field holds for no op
    )[kind]
    return number, {"field": field, "op": op, "value": value}


def _random_decision(number: int) -> tuple[int, Json]:
    number, action = divmod(number, len(_ACTIONS))
    number, role = divmod(number, len(_ROLES))
    number, region = divmod(number, len(_REGIONS))
    number, risk = divmod(number, 100)
    number, odd = divmod(number, 8)
    context: Json = {
        "risk": float(risk) if odd == 0 else risk,  # 7.0 is 7 to the rule language
        "region": _REGIONS[region],
        "approved": bool(odd & 1),
        "limits": [risk] if odd == 2 else {"daily": risk * 7},  # a path leads through objects only
        "tags": ["gold", risk],
    }
    subject = {"role": _ROLES[role], "manager": None if odd & 4 else "council"}
    return number, {"action": _ACTIONS[action], "subject": subject, "context": context}


def _satisfy(decision: Json, condition: Json) -> None:
    value, op = condition["value"], condition["op"]
    fitting: Any = value
    if op == "in":
        fitting = value[0]
    elif op in ("<", ">", "!=") and type(value) is int:
        fitting = value - 1 if op == "<" else value + 1
    elif op == ">":
        fitting = "operator"
    *path, name = condition["field"].split(".")
    place = decision
    for part in path:
        if type(place.get(part)) is not dict:
            place[part] = {}
        place = place[part]
    place[name] = fitting

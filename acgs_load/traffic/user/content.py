"""Policies as users of a governance system might write them, drawn from one number."""

from __future__ import annotations

from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.user.decisions import ACTIONS, REGIONS, ROLES

_COUNTS = (0, 1, 1, 1, 1, 2, 2, 3)
"""How many conditions policies have, in turn."""
_EDGES = ("a", "operator", "Z", "\ufb33", "\U0001f600")
"""Texts to be before or after: letters of both cases, and two that UTF-16 has in another order than code points."""
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
    number, crowd = divmod(number, len(_COUNTS))
    number, conditions = _conditions(number, _COUNTS[crowd])
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


def _rule(number: int) -> tuple[int, Json]:
    number, effect = divmod(number, 4)
    number, first = divmod(number, len(ACTIONS))
    number, kind = divmod(number, 4)
    actions = ["*"] if kind == 0 else [ACTIONS[(first + i) % len(ACTIONS)] for i in range(kind)]
    return number, {"effect": "deny" if effect == 0 else "permit", "actions": actions}


def _conditions(number: int, count: int) -> tuple[int, list[Json]]:
    """At most ``count`` conditions, each on a field of its own, so that all of them can hold at once."""
    by_field: dict[str, Json] = {}
    for _ in range(count):
        number, condition = _condition(number)
        by_field.setdefault(condition["field"], condition)
    return number, list(by_field.values())


def _condition(number: int) -> tuple[int, Json]:
    number, kind = divmod(number, 20)
    number, level = divmod(number, 100)
    role, region = ROLES[level % len(ROLES)], REGIONS[level % len(REGIONS)]
    field, op, value = (
        ("context.risk", "<", level),
        ("context.risk", "<=", level),
        ("context.risk", ">", level),
        ("context.risk", ">=", level),
        ("context.risk", "==", level % 3),
        ("context.risk", "!=", level % 3),
        ("context.risk", "in", [level, str(level + 1), None, level % 2 == 0]),
        ("context.limits.daily", "<=", level * 10),
        ("context.limits.daily", "!=", level),
        ("context.region", "in", [region, "eu-north-1", level]),
        ("context.region", "!=", region),
        ("context.approved", "==", level % 2 == 0),
        ("context.approved", "!=", level % 2 == 0),
        ("context.tags", "==", ["gold", level]),
        ("context.labels", "==", {"tier": level, "area": region}),
        ("subject.role", "==", role),
        ("subject.role", ">", _EDGES[level % len(_EDGES)]),
        ("subject.role", "<=", _EDGES[level % len(_EDGES)]),
        ("subject.role", "<", _EDGES[level % len(_EDGES)]),
        ("subject.manager", "==", None),
    )[kind]
    return number, {"field": field, "op": op, "value": value}

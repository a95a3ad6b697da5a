"""Is a plan that was read one that could have been written? JSON can hold anything; told, not stumbled over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from acgs_load.plan import Plan


def first_wrong(plan: Plan) -> str | None:
    """What no plan holds, in words: a value of another type, or one that no run can have. None where all is well."""
    return first_unsound(plan, Plan, "") or next(_implausible(plan), None)


def _implausible(plan: Plan) -> Iterator[str]:
    for name, rows in (("stages", plan.stages), ("nodes", plan.nodes)):
        if not rows:
            yield f"{name} is empty"
    for number, stage in enumerate(plan.stages):
        numbers = (stage.users_from, stage.users_to, stage.rate_from or 0.0, stage.rate_to or 0.0)
        if not 0 < stage.duration_s < math.inf or not all(0 <= value < math.inf for value in numbers):
            yield f"stages[{number}] is {stage}"
    for number, node in enumerate(plan.nodes):
        if min(node.workers, node.max_users) < 1:
            yield f"nodes[{number}] has no workers or no users"
    for name in ("spawn_rate", "timeout_s", "stop_timeout_s", "users_max"):
        if not 0 < getattr(plan, name) < math.inf:
            yield f"{name} is {getattr(plan, name)}"
    if not any(plan.mix.values()) or not all(0 <= weight < math.inf for weight in plan.mix.values()):
        yield f"mix is {dict(plan.mix)}"


def first_unsound(value: Any, hint: Any, place: str) -> str | None:
    """Where ``value`` is not what ``hint`` says, as a path with what stands there; None where everything fits.

    Knows what plans are made of: numbers, text, None, unions, literals, tuples of one type, mappings and dataclasses.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        fits = any(first_unsound(value, option, place) is None for option in inner)
    elif origin is Literal:
        fits = value in inner
    elif origin is tuple and isinstance(value, tuple):
        return _first(first_unsound(item, inner[0], f"{place}[{at}]") for at, item in enumerate(value))
    elif origin is not None and isinstance(value, Mapping):
        return _first(
            first_unsound(item, kind, f"{place}.{key}")
            for key, item in value.items()
            for kind, item in ((inner[0], key), (inner[1], item))
        )
    elif is_dataclass(hint) and isinstance(value, hint if isinstance(hint, type) else object):
        hints = get_type_hints(hint)
        return _first(first_unsound(getattr(value, f.name), hints[f.name], f"{place}.{f.name}") for f in fields(hint))
    elif hint in (int, float):
        fits = isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
    else:
        fits = isinstance(hint, type) and isinstance(value, hint)
    return None if fits else f"{place.removeprefix('.')} is {str(value)[:60]!r}"


def _first(found: Any) -> str | None:
    return next((text for text in found if text is not None), None)

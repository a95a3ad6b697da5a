"""Is a value of the type that its dataclass says? JSON can hold anything; a wrong plan is told, not stumbled over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


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

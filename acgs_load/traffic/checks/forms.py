"""Whether a JSON object has the fields that it must have: a quick yes for the many, words for the few."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, NamedTuple

Json = dict[str, Any]

ANY: frozenset[type] = frozenset({str, int, float, bool, dict, list, type(None)})
"""Whatever a JSON value can be."""
_MISSING = object()


class Field(NamedTuple):
    """One key of the table. Types are exact, so that true is no integer."""

    name: str
    types: frozenset[type]
    inner: tuple[Field, ...] = ()
    """Keys of the object, or of each object of the list."""
    items: frozenset[type] = frozenset()
    """Types of a list's items, or of an object's values."""


class Form:
    """The fields of one kind of object. Lists of such objects are looked at field by field, not row by row."""

    __slots__ = ("_columns", "_fields", "_inner", "_items", "_types")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self._fields = fields
        self._types = tuple((field.name, field.types) for field in fields)
        self._columns = tuple((itemgetter(field.name), field.types) for field in fields)
        self._items = tuple((field.name, field.items) for field in fields if field.items)
        self._inner = tuple((field.name, Form(field.inner)) for field in fields if field.inner)

    def problem(self, body: Json) -> str | None:
        """A few words on the first field that is missing or has a wrong type; None if all are right."""
        return None if self._fits(body) else _problem(self._fields, body)

    def _fits(self, body: Json) -> bool:
        for name, types in self._types:
            if type(body.get(name, _MISSING)) not in types:
                return False
        for name, types in self._items:
            value = body[name]
            if not types.issuperset(map(type, value.values() if type(value) is dict else value)):
                return False
        return not self._inner or all(form._fit(body[name]) for name, form in self._inner)

    def _fit(self, value: Any) -> bool:
        """Whether ``value`` is such an object, or a list of nothing else."""
        if type(value) is not list:
            return type(value) is dict and self._fits(value)
        if self._items or self._inner:
            return all(type(row) is dict and self._fits(row) for row in value)
        try:
            for column, types in self._columns:
                if not types.issuperset(map(type, map(column, value))):
                    return False
        except (KeyError, TypeError):  # of all JSON values, only an object has a value under a name
            return False
        return True


def _problem(wanted: tuple[Field, ...], body: Json) -> str | None:
    for name, types, inner, items in wanted:
        value = body.get(name, _MISSING)
        if type(value) not in types:
            return f"{name} is missing" if value is _MISSING else f"{name} is {type(value).__name__}"
        problem = (inner or items) and _nested_problem(name, value, inner, items)
        if problem:
            return problem
    return None


def _nested_problem(name: str, value: Any, inner: tuple[Field, ...], items: frozenset[type]) -> str | None:
    if items:
        values = value.values() if type(value) is dict else value
        wrong = next((item for item in values if type(item) not in items), _MISSING)
        return None if wrong is _MISSING else f"{name} holds {type(wrong).__name__}"
    for row in value if type(value) is list else (value,):
        problem = _problem(inner, row) if type(row) is dict else f"holds {type(row).__name__}"
        if problem:
            return f"{name}: {problem}"
    return None

"""Judging a model or counterexample: every declared constant has a value of its sort, and every assertion holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import gcd
from typing import Any

from acgs_load.traffic.checks.findings import shown
from acgs_load.traffic.checks.smtlib import Term, Value, compile_term, parse_expressions

_REAL = re.compile(r"(0|-?[1-9][0-9]*)(?:/([1-9][0-9]*))?")


class Assertions:
    """Terms over declared constants, compiled once and evaluated for every model that a target offers."""

    __slots__ = ("_declarations", "_terms", "_texts")

    def __init__(
        self, declarations: Mapping[str, str], terms: Sequence[str], definitions: Mapping[str, str] | None = None
    ) -> None:
        self._declarations = dict(declarations)
        self._texts = tuple(terms)
        defined: dict[str, Term] = {}
        for name, body in (definitions or {}).items():
            defined[name] = compile_term(parse_expressions(body)[0], defined)
        self._terms = tuple(compile_term(parse_expressions(term)[0], defined) for term in terms)

    def problem(self, model: Mapping[str, Any]) -> str | None:
        """A few words on why ``model`` is none, or None if it satisfies every assertion."""
        values: dict[str, Value] = {}
        for name, sort in self._declarations.items():
            if name not in model:
                return f"has no value for {name}"
            value = sort_value(sort, model[name])
            if value is None:
                return f"{name} is {shown(model[name])}, which is no {sort}"
            values[name] = value
        for term, text in zip(self._terms, self._texts, strict=True):
            if not term(values):
                return f"does not satisfy {text[:120]}"
        return None


def sort_value(sort: str, spelled: Any) -> Value | None:
    """The value of a constant as the contract spells it, or None where the spelling is not that of the sort."""
    if sort == "Bool":
        return spelled if type(spelled) is bool else None
    if sort == "Int":
        return spelled if type(spelled) is int else None
    match = _REAL.fullmatch(spelled) if type(spelled) is str and len(spelled) <= 400 else None
    if match is None:
        return None
    numerator, denominator = int(match[1]), int(match[2] or 1)
    return Fraction(numerator, denominator) if gcd(numerator, denominator) == 1 else None

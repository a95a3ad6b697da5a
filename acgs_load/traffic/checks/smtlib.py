"""The part of SMT-LIB that the suite generates, evaluated exactly: Bool, Int as integers, Real as fractions.

A target's model is believed because this says that it satisfies every assertion, never because a solver says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any

Value = bool | int | Fraction
Term = Callable[[Mapping[str, Value]], Any]
Expression = str | list["Expression"]

_TOKEN = re.compile(r"[()]|[^\s()]+")
_NUMERAL = re.compile(r"\d+")
_DECIMAL = re.compile(r"\d+\.\d+")


def parse_expressions(text: str) -> list[Expression]:
    """The s-expressions of ``text``. Raises ValueError when its parentheses do not match."""
    open_lists: list[list[Expression]] = [[]]
    for token in _TOKEN.findall(text):
        if token == "(":
            open_lists.append([])
        elif token != ")":
            open_lists[-1].append(token)
        elif len(open_lists) > 1:
            closed = open_lists.pop()
            open_lists[-1].append(closed)
        else:
            raise ValueError(f"one parenthesis too many in {text[:60]!r}")
    if len(open_lists) > 1:
        raise ValueError(f"{len(open_lists) - 1} parentheses stay open in {text[:60]!r}")
    return open_lists[0]


def compile_term(expression: Expression, defined: Mapping[str, Term] | None = None) -> Term:
    """A function from constants' values to the term's value. ``defined`` holds the bodies of ``define-fun``.

    Raises ValueError for anything outside the subset; the compiled term raises KeyError for a constant without value.
    """
    if isinstance(expression, str):
        return _atom(expression, defined or {})
    if not expression or not isinstance(expression[0], str) or expression[0] not in _OPERATORS:
        raise ValueError(f"{expression!r} is outside the subset")
    operator = _OPERATORS[expression[0]]
    operands = [compile_term(operand, defined) for operand in expression[1:]]
    return lambda values: operator([operand(values) for operand in operands])


def _atom(token: str, defined: Mapping[str, Term]) -> Term:
    if token in defined:
        return defined[token]
    constant: Value
    if token in ("true", "false"):
        constant = token == "true"
    elif _NUMERAL.fullmatch(token):
        constant = int(token)
    elif _DECIMAL.fullmatch(token):
        constant = Fraction(token)
    else:
        return lambda values: values[token]
    return lambda _values: constant


def _minus(operands: Sequence[Any]) -> Any:
    return -operands[0] if len(operands) == 1 else reduce(lambda left, right: left - right, operands)


def _implies(operands: Sequence[Any]) -> bool:
    return operands[-1] or not all(operands[:-1])


def _distinct(operands: Sequence[Any]) -> bool:
    return len(set(operands)) == len(operands)


_OPERATORS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "and": all,
    "or": any,
    "not": lambda operands: not operands[0],
    "=>": _implies,
    "xor": lambda operands: reduce(lambda left, right: left != right, operands),
    "ite": lambda operands: operands[1] if operands[0] else operands[2],
    "=": lambda operands: all(left == right for left, right in pairwise(operands)),
    "distinct": _distinct,
    "<": lambda operands: all(left < right for left, right in pairwise(operands)),
    "<=": lambda operands: all(left <= right for left, right in pairwise(operands)),
    ">": lambda operands: all(left > right for left, right in pairwise(operands)),
    ">=": lambda operands: all(left >= right for left, right in pairwise(operands)),
    "+": sum,
    "-": _minus,
    "*": lambda operands: reduce(lambda left, right: left * right, operands),
    "/": lambda operands: reduce(lambda left, right: Fraction(left) / right, operands),
}

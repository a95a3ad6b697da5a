"""Reads a threshold as people write it. By hand, so that an error names the column and what would be legal there.

threshold = measure [ labels ] op limit [ "during" phase ] [ "over" duration [ "for" whole ] ]
            [ "abort" [ "after" duration ] ] [ "#" comment ] ;
labels    = "{" label "=" text { "," label "=" text } "}" ;
label     = "operation" | "scenario" | "region" ;
op        = "<=" | ">=" | "<" | ">" | "=" | "==" ;
limit     = number | number "*" "baseline" | "baseline" [ "*" number ] ;
phase     = word | text ;              text = quoted with " or ', no escapes ;
duration  = 500ms, 10s, 2m, 1h30m or whole seconds ;
"""

from __future__ import annotations

import re
from collections.abc import Collection
from math import isfinite
from typing import NoReturn, cast

from acgs_load.contract import AUTH_OPERATIONS, OPERATIONS, Scenario
from acgs_load.measures import MEASURES, MeasureKind
from acgs_load.threshold_dialects import translated
from acgs_load.threshold_terms import Operator, Threshold
from acgs_load.threshold_tokens import Token, fail, nearest, tokenized, without_comment
from acgs_load.timeline import LABELS
from acgs_load.units import parse_duration

_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d{1,3})?|\.\d+")
_OPERATORS = "<= >= < > ="
_WINDOW_MAX_S, _COUNT_MAX = 86_400, 10_000


def parse(expression: str, operations: Collection[str] | None = None) -> Threshold:
    """The threshold that ``expression`` says. Raises UsageError naming the column and what would be legal.

    What k6 or Taurus would write is translated first; the threshold then shows our words. ``operations``: those that
    a label may name where they are not the contract's.
    """
    return _Parser(translated(without_comment(expression)) or expression, operations).threshold()


class _Parser:
    """Goes through the tokens once, left to right."""

    def __init__(self, expression: str, operations: Collection[str] | None) -> None:
        self._operations = operations
        self._expression = without_comment(expression)
        self._tokens = tokenized(self._expression)
        self._position = 0

    def threshold(self) -> Threshold:
        """The whole expression."""
        at = self._next
        name = self._take("word", "a measure such as latency_p95_ms")
        kind = MEASURES.get(name)
        if kind is None:
            self._fail(at, f"{name} is no measure{nearest(name, list(MEASURES))}")
        labels = self._labels(name, kind) if self._next.value == "{" else {}
        op = self._operator()
        limit, relative = self._limit(name, kind)
        during = self._during(name, kind)
        over_s, count = self._over(name, kind)
        abort, after_s = self._abort(name, kind)
        if self._next.kind != "end":
            self._fail(self._next, f"{self._next.value} is out of place; {self._legal_now(during, over_s, abort)}")
        return Threshold(self._expression, name, op, limit, relative, labels, during, over_s, count, abort, after_s)

    def _labels(self, name: str, kind: MeasureKind) -> dict[str, str]:
        if not kind.labelled:
            self._fail(self._next, f"{name} has no labels")
        labels: dict[str, str] = {}
        self._position += 1
        while True:
            at = self._next
            label = self._take("word", f"a label: {', '.join(LABELS)}")
            if label not in LABELS:
                hint = "; write: during PHASE" if label == "phase" else nearest(label, list(LABELS))
                self._fail(at, f"{label} is no label{hint}")
            if label in labels:
                self._fail(at, f"{label} stands there twice")
            if self._take("op", f'= after {label}, as in {label}="…"') != "=":
                self._fail(self._tokens[self._position - 1], f'write {label}="…"; labels are compared with = only')
            labels[label] = self._label_value(label, name)
            mark = self._take("mark", "a comma or }")
            if mark == "}":
                return self._fitting(labels, at)
            if mark != ",":
                self._fail(self._tokens[self._position - 1], "expected a comma or }")

    def _label_value(self, label: str, name: str) -> str:
        at = self._next
        value = self._take("text", f'the {label} in quotes, as in {label}="…"')[1:-1]
        operations = list(OPERATIONS if self._operations is None else self._operations)
        known = {"operation": operations, "scenario": [str(s) for s in Scenario]}.get(label)
        if known is not None and value not in known:
            self._fail(at, f"{value!r} is no {label}{nearest(value, known)}")
        if value in AUTH_OPERATIONS and name not in {"error_ratio", "throttled_ratio", "hash_consistency", "resent"}:
            self._fail(at, f"{value} counts in errors and hash measures only, so {name} never has a value for it")
        return value

    def _fitting(self, labels: dict[str, str], at: Token) -> dict[str, str]:
        operation, scenario = labels.get("operation"), labels.get("scenario")
        if operation in OPERATIONS and scenario and OPERATIONS[operation].scenario != scenario:
            self._fail(at, f"operation {operation} is none of scenario {scenario}")
        return labels

    def _operator(self) -> Operator:
        op = self._take("op", f"a comparison: {_OPERATORS}")
        return cast(Operator, "=" if op == "==" else op)

    def _limit(self, name: str, kind: MeasureKind) -> tuple[float, bool]:
        if self._next.value == "baseline":
            self._position += 1
            if self._next.value != "*":
                return 1.0, True
            self._position += 1
            return self._number(name, kind), True
        at = self._next
        value = self._number(name, kind)
        if self._next.value == "*":
            self._position += 1
            if self._take("word", "baseline") != "baseline":
                self._fail(self._tokens[self._position - 1], "expected baseline")
            return value, True
        if kind.unit == "ratio" and value > 1:
            self._fail(at, f"{name} goes from 0 to 1; did you mean {value / 100:g}?")
        return value, False

    def _number(self, name: str, kind: MeasureKind) -> float:
        at = self._next
        text = self._take("word", f"a number ({kind.unit})")
        if _NUMBER.fullmatch(text) and isfinite(float(text)):
            return float(text)
        hint = f" ({kind.unit})"
        if text.endswith("%") and kind.unit == "ratio" and _NUMBER.fullmatch(text[:-1]):
            hint = f"; {name} is a ratio from 0 to 1: write {float(text[:-1]) / 100:g}"
        elif text[0] in ".0123456789":
            hint = f"; {name} is in {kind.unit}, written without a unit"
        return self._fail(at, f"expected a plain number, not {text}{hint}")

    def _during(self, name: str, kind: MeasureKind) -> str | None:
        if not self._accept("during"):
            return None
        if kind.read is None or name == "silence_max_s":
            self._fail(self._tokens[self._position - 1], f"{name} is known for the whole run only")
        token = self._next
        if token.kind not in {"word", "text"}:
            self._fail(token, "expected the name of a phase")
        self._position += 1
        return token.value.strip("\"'")

    def _over(self, name: str, kind: MeasureKind) -> tuple[int | None, int]:
        if not self._accept("over"):
            return None, 1
        if kind.read is None or name in {"silence_max_s", "throughput_peak_rps"}:
            self._fail(self._tokens[self._position - 1], f"{name} is not told window by window; leave out over …")
        at = self._next
        seconds = self._duration("a window such as 10s")
        if seconds != int(seconds) or not 1 <= seconds <= _WINDOW_MAX_S:
            self._fail(at, "a window is whole seconds, from 1s to 24h")
        if not self._accept("for"):
            return int(seconds), 1
        at = self._next
        text = self._take("word", "how many windows in a row, such as 3")
        if not re.fullmatch(r"\d{1,5}", text) or not 1 <= int(text) <= _COUNT_MAX:
            self._fail(at, f"{text} is no number of windows; write a whole number from 1 to {_COUNT_MAX:,}")
        return int(seconds), int(text)

    def _abort(self, name: str, kind: MeasureKind) -> tuple[bool, float]:
        if not self._accept("abort"):
            return False, 0.0
        if kind.read is None:
            self._fail(self._tokens[self._position - 1], f"{name} is known after the run only; leave out abort")
        return True, self._duration("a delay such as 30s") if self._accept("after") else 0.0

    def _legal_now(self, during: str | None, over_s: int | None, abort: bool) -> str:
        before, here = self._tokens[self._position - 1].value, self._next.value
        if here == ",":
            return "numbers are written without commas"
        if here == "baseline":
            return f"write {before} * baseline"
        if abort:
            return "legal here: after" if before == "abort" else "nothing may follow here"
        legal = ["abort"] if over_s else ["over", "abort"] if during else ["during", "over", "abort"]
        if over_s and self._tokens[self._position - 2].value == "over":
            legal.insert(0, "for")
        return f"legal here: {', '.join(legal)}"

    def _duration(self, wanted: str) -> float:
        at = self._next
        try:
            return parse_duration(self._take("word", wanted))
        except ValueError as error:
            self._fail(at, str(error))

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _accept(self, keyword: str) -> bool:
        if self._next.kind == "word" and self._next.value == keyword:
            self._position += 1
            return True
        return False

    def _take(self, kind: str, wanted: str) -> str:
        token = self._next
        if token.kind != kind:
            self._fail(token, f"expected {wanted}" + (f", not {token.value}" if token.value else ""))
        self._position += 1
        return token.value

    def _fail(self, at: Token, reason: str) -> NoReturn:
        fail(self._expression, at.column, reason)

"""Reads PromQL just far enough to know which metrics and labels a query speaks of."""

from __future__ import annotations

import re
from typing import NamedTuple

_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^{}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_WORD = re.compile(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)\b(?!\s*\()")
_KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset", "group_left", "group_right"}


class Query(NamedTuple):
    """What a query needs in order to say anything."""

    metrics: frozenset[str]
    matched: frozenset[tuple[str, str]]
    """(metric, label) pairs in braces."""
    grouped: frozenset[str]
    """Labels that results are grouped by."""


def read_query(expression: str) -> Query:
    """The metrics and labels of an expression; Grafana's variables may stand where numbers and strings do."""
    bare = _RANGE.sub("", _STRING.sub('""', expression))
    matched: set[tuple[str, str]] = set()
    metrics: set[str] = set()
    for metric, inside in _SELECTOR.findall(bare):
        metrics.add(metric)
        matched |= {(metric, label) for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)}
    bare = _SELECTOR.sub("", bare)
    grouped = {label.strip() for labels in _GROUPING.findall(bare) for label in labels.split(",") if label.strip()}
    metrics |= {word for word in _WORD.findall(_GROUPING.sub("", bare)) if word not in _KEYWORDS}
    return Query(frozenset(metrics), frozenset(matched), frozenset(grouped))

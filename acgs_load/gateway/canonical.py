"""Hashed content: the strict reading of JSON text, and the canonical form whose SHA-256 policies and entries carry.

Knows nothing of HTTP or storage. The checker has an implementation of its own; this one must never be shared with it.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, NoReturn

import orjson

INTEGER_LIMIT = 2**53
"""Greatest magnitude of an integer in hashed content (contract, section 4)."""


class ContentError(ValueError):
    """Content that has no canonical form: a float, an integer too great, a duplicate key, a lone surrogate."""


class DuplicateKeys(dict[str, Any]):
    """An object some key of which came more than once; the last value won. ``repeated`` names those keys."""

    repeated: frozenset[str] = frozenset()


def parse(text: str) -> Any:
    """The JSON value of ``text``; objects with a repeated key come back as DuplicateKeys.

    Integers are exact whatever their size. Raises ValueError for what is no JSON (NaN and Infinity are none),
    for a number out of the range of a double and for nesting that exceeds the reader's depth.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def canonical_json(value: Any) -> bytes:
    """The canonical JSON of ``value``: sorted keys, no spaces, UTF-8.

    Raises ContentError for a value that hashed content must not hold.
    """
    try:
        _check(value)
        return _written(value)
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise ContentError(f"no canonical form ({type(error).__name__})") from None


def content_sha256(value: Any) -> str:
    """The hex SHA-256 of the canonical JSON of ``value``. Raises ContentError."""
    return sha256(canonical_json(value)).hexdigest()


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # deeper than its limit of 254, or a lone surrogate, which the encoding below refuses, too
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _check(value: Any) -> None:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return  # lone surrogates are refused by the writer
    if kind is int:
        if not -INTEGER_LIMIT <= value <= INTEGER_LIMIT:
            raise ContentError("an integer is beyond 2^53")
    elif kind is dict:
        for item in value.values():
            _check(item)
    elif kind is list:
        for item in value:
            _check(item)
    elif kind is DuplicateKeys:
        raise ContentError(f"the key {sorted(value.repeated)[0]!a} comes twice")
    else:
        raise ContentError(f"a {kind.__name__} is not allowed in hashed content")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    marked = DuplicateKeys(plain)
    seen: set[str] = set()
    marked.repeated = frozenset(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return marked


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_no_constant)

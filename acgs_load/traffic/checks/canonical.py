"""The one spelling of a JSON value that gets hashed (contract, section 4), as the checker computes it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson


def canonical_bytes(value: Any) -> bytes:
    """UTF-8 JSON with keys sorted by code point, no spaces and only the escapes that JSON demands.

    Raises ValueError for what has no canonical spelling: lone surrogates, integers that no parser gives back, and
    values nested too deeply to be walked.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return _deep_bytes(value)  # orjson stops at 254 levels


def _deep_bytes(value: Any) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError(f"no canonical JSON: {type(error).__name__}") from error


def canonical_sha256(value: Any) -> str:
    """Lower-case hex SHA-256 of the canonical JSON. Raises ValueError as ``canonical_bytes`` does."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def sha256_or_reason(value: Any) -> str:
    """``canonical_sha256``, or a few words where there is none: never equal to any hash, so every comparison fails."""
    try:
        return canonical_sha256(value)
    except ValueError as error:
        return str(error)

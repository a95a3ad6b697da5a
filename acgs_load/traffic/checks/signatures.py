"""Ed25519 signatures over audit entries, verified under the keys that the target publishes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


def published_keys(config: bytes) -> dict[str, bytes] | None:
    """``signing_keys`` of a ``/gateway/config`` body, None where it has none; what is no key is there, but empty."""
    try:
        document = orjson.loads(config)
    except orjson.JSONDecodeError:
        return None
    keys = document.get("signing_keys") if type(document) is dict else None
    if type(keys) is not dict:
        return None
    return {key_id: _decoded(text, _KEY_BYTES) or b"" for key_id, text in keys.items()}


def signature_problem(keys: Mapping[str, bytes], key_id: str, signature: str, entry_hash: str) -> str | None:
    """A few words on why ``signature`` does not sign the hash under the published key, or None if it does."""
    if key_id not in keys:
        return f"key_id {key_id[:80]!a} is not published"
    if not keys[key_id]:
        return f"the published key {key_id[:80]!a} is no base64 of 32 bytes"
    raw = _decoded(signature, _SIGNATURE_BYTES)
    if raw is None:
        return "signature is no base64 of 64 bytes"
    try:
        _public_key(keys[key_id]).verify(raw, bytes.fromhex(entry_hash))
    except InvalidSignature:
        return f"signature does not verify under the published key {key_id[:80]!a}"
    return None


def with_one_bit_flipped(signature: str, bit: int) -> str:
    """``signature`` with another bit at position ``bit`` modulo its length; as it is where it is no base64."""
    try:
        raw = bytearray(base64.b64decode(signature, validate=True))
    except (binascii.Error, ValueError):
        return signature
    if raw:
        raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    return base64.b64encode(raw).decode()


def _decoded(text: Any, length_bytes: int) -> bytes | None:
    if type(text) is not str:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == length_bytes else None


@lru_cache(maxsize=64)
def _public_key(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)

"""Bodies as they were before gzip and deflate, never more than the limit of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from acgs_load.contract import Outcome
from acgs_load.traffic.transport.answer import BODY_LIMIT_BYTES
from acgs_load.traffic.transport.faults import BODY_TOO_BIG, Fault

_GZIP_WBITS = zlib.MAX_WBITS | 16
_UNKNOWN = Fault(Outcome.BAD_RESPONSE, "content coding not known")
_BROKEN = Fault(Outcome.BAD_RESPONSE, "content coding broken")


def decoded(headers: Mapping[str, str], body: bytes) -> bytes | Fault:
    """``body`` without the codings that ``headers`` name (gzip, deflate, identity), or ``bad_response``."""
    if headers.get("transfer-encoding", "chunked").strip().lower() not in ("chunked", "identity"):
        return _UNKNOWN
    if not body:
        return body
    for coding in reversed(headers.get("content-encoding", "identity").lower().split(",")):
        step = _without(coding.strip(), body)
        if isinstance(step, Fault):
            return step
        body = step
    return body


def _without(coding: str, body: bytes) -> bytes | Fault:
    if coding in ("identity", ""):
        return body
    if coding in ("gzip", "x-gzip"):
        return _inflated(body, _GZIP_WBITS)
    if coding == "deflate":
        # RFC 9110, 8.4.1.2: zlib format; some servers send the bare stream.
        return _inflated(body, zlib.MAX_WBITS if _is_zlib(body) else -zlib.MAX_WBITS)
    return _UNKNOWN


def _is_zlib(body: bytes) -> bool:
    return body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _inflated(body: bytes, wbits: int) -> bytes | Fault:
    """All members of a gzip body (RFC 1952, 2.2), or the one stream of another."""
    pieces: list[bytes] = []
    room_bytes = BODY_LIMIT_BYTES + 1
    try:
        while body:
            stream = zlib.decompressobj(wbits)
            pieces.append(stream.decompress(body, room_bytes))
            room_bytes -= len(pieces[-1])
            if room_bytes <= 0:
                return BODY_TOO_BIG
            if not stream.eof:
                return _BROKEN
            body = stream.unused_data
    except zlib.error:
        return _BROKEN
    return b"".join(pieces)

"""An answer on its way out, from object to bytes."""

from __future__ import annotations

import json
from typing import Any

import orjson

Headers = list[tuple[bytes, bytes]]


class Reply:
    """An answer on its way out; planted defects alter it here and nowhere else."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: dict[str, Any] | bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def rendered(reply: Reply) -> Reply:
    """The reply with its body as bytes and their length in the headers."""
    body = reply.body if isinstance(reply.body, bytes) else to_json(reply.body)
    reply.body = body
    reply.headers.append((b"content-length", b"%d" % len(body)))
    return reply


def to_json(body: dict[str, Any]) -> bytes:
    """The body as JSON, in UTF-8."""
    try:
        return orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits or a lone surrogate, echoed as it came
        return json.dumps(body, allow_nan=False).encode()

"""What the gateway answers: a success or a refusal, before either becomes bytes."""

from __future__ import annotations

import time
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """A success: status and body; the server adds the constitutional hash and its headers."""

    status: int
    body: dict[str, Any]
    score: float | None = None
    """The score that header and body both speak of; None: the gateway's own at that moment."""


class Refusal(Exception):  # noqa: N818  an answer of the contract, not a failure
    """An error of the contract: status, ``error`` code and a message for people. Never echoes what a client sent."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


def bad_json(message: str) -> Refusal:
    """400: the body is no JSON."""
    return Refusal(400, "bad_json", message)


def invalid_token(message: str) -> Refusal:
    """401: no token, a token of somebody else's making, an expired one, or a refused login."""
    return Refusal(401, "invalid_token", message)


def tenant_denied(message: str) -> Refusal:
    """403: the token is good for another tenant."""
    return Refusal(403, "tenant_access_denied", message)


def hash_mismatch(message: str) -> Refusal:
    """403: the constitutional hash is absent from the headers, or another one."""
    return Refusal(403, "constitutional_hash_mismatch", message)


def not_found(message: str) -> Refusal:
    """404: no such route, or no such thing."""
    return Refusal(404, "not_found", message)


def version_conflict(message: str) -> Refusal:
    """409: the version read is not the latest any more."""
    return Refusal(409, "version_conflict", message)


def too_large(message: str) -> Refusal:
    """413: the body, or the SMT-LIB in it."""
    return Refusal(413, "payload_too_large", message)


def invalid_field(message: str) -> Refusal:
    """422: a field is missing, of the wrong type or out of its range."""
    return Refusal(422, "invalid_field", message)


def throttled(message: str, retry_after_s: int = 1) -> Refusal:
    """429: more requests than the rate limit lets through."""
    return Refusal(429, "rate_limit_exceeded", message, retry_after_s)


def internal_error() -> Refusal:
    """500: the cause is in the gateway's log, not in the answer."""
    return Refusal(500, "internal_error", "the gateway failed; the cause is in its log")


def overloaded(message: str, retry_after_s: int = 1) -> Refusal:
    """503: not now."""
    return Refusal(503, "overloaded", message, retry_after_s)


def timestamp() -> str:
    """The present moment as the contract writes it: RFC 3339, UTC, ``Z``, milliseconds."""
    now_ms = time.time_ns() // 1_000_000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ms // 1000)) + f".{now_ms % 1000:03d}Z"

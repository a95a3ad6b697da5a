"""What ``requests`` and urllib3 raise, told in the words of the fast transport."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import gevent
import requests
import urllib3

from acgs_load.contract import Outcome
from acgs_load.traffic.transport.faults import (
    SILENT,
    SLOW,
    UNANSWERED,
    UNCONNECTED,
    UNRESOLVED,
    UNSENT,
    Fault,
    connection_fault,
    error_words,
)

_PROXY = Fault(Outcome.CONNECTION_ERROR, "proxy failed")
_FAILED = Fault(Outcome.CONNECTION_ERROR, "connection failed")


def fault_of(error: BaseException) -> Fault:
    """The outcome and words for what ended a sending (requests, or gevent's time-out)."""
    if isinstance(error, requests.ConnectTimeout):
        return UNCONNECTED
    if isinstance(error, (requests.ReadTimeout, gevent.Timeout)):
        return SILENT
    if isinstance(error, requests.exceptions.ProxyError):
        return _PROXY
    return _sending_fault(error)


def reading_fault(error: urllib3.exceptions.HTTPError) -> Fault:
    """The outcome and words for what ended the reading of a body (urllib3)."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return SLOW
    for cause in _causes(error):
        if isinstance(cause, http.client.IncompleteRead):
            return Fault(Outcome.BAD_RESPONSE, "closed in the body")
        if isinstance(cause, OSError):
            return Fault(Outcome.BAD_RESPONSE, f"{error_words(cause)} in the body")
    return _bad(error)


def was_unanswered(error: object) -> bool:
    """The peer closed before any byte of the answer, or under the request, as far as http.client tells."""
    if not isinstance(error, requests.ConnectionError) or not was_sent(error):
        return False
    return any(isinstance(cause, (ConnectionResetError, BrokenPipeError)) for cause in _causes(error))


def was_sent(error: BaseException) -> bool:
    """There was a connection to send on."""
    unconnected = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError, ssl.SSLError)
    return not any(isinstance(cause, unconnected) for cause in _causes(error))


def _sending_fault(error: BaseException) -> Fault:
    causes = list(_causes(error))
    for kind, fault in (
        (TimeoutError, UNSENT),
        (http.client.RemoteDisconnected, UNANSWERED),
        (urllib3.exceptions.NameResolutionError, UNRESOLVED),
        (socket.gaierror, UNRESOLVED),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return fault
    for cause in causes:
        if isinstance(cause, http.client.HTTPException):
            return Fault(Outcome.BAD_RESPONSE, f"not http: {type(cause).__name__}".lower())
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException):
            return connection_fault(cause)
    return _FAILED if isinstance(error, requests.ConnectionError) else _bad(error)


def _bad(error: BaseException) -> Fault:
    return Fault(Outcome.BAD_RESPONSE, f"not http: {type(error).__name__}".lower())


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and everything it wraps: both libraries hide the cause in ``args`` or ``reason``."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__]

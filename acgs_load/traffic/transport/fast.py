"""The transport that measures: as little as possible between the user's request and the socket."""

from __future__ import annotations

import time

from acgs_load.contract import Outcome
from acgs_load.traffic.transport.connection import Connection
from acgs_load.traffic.transport.content_coding import decoded
from acgs_load.traffic.transport.exchange import Reply
from acgs_load.traffic.transport.faults import CLOSED_HERE, Fault
from acgs_load.traffic.transport.opening import Opening
from acgs_load.traffic.transport.target import Target

RESEND_IDLE_S = 1.0
"""A request that is no GET is re-sent only on a connection idle for longer (contract, section 5)."""


class FastTransport:
    """One user's keep-alive connection on gevent's loop. Use it from one greenlet at a time."""

    __slots__ = ("_connection", "_opening", "_render", "_timeout_s")

    def __init__(self, target: Target, opening: Opening, timeout_s: float) -> None:
        self._render = target.render
        self._opening = opening
        self._timeout_s = timeout_s
        self._connection: Connection | None = None

    def exchange(self, method: str, path: str, headers: bytes, body: bytes | None) -> Reply:
        """As ``Transport.exchange``; ``sent_s`` is before the connecting, where the request has to connect."""
        request = self._render(method, path, headers, body)
        connection = self._connection
        asked_s = time.perf_counter()
        if connection is None or not connection.open:
            return self._on_fresh(method, request, asked_s)
        idle_s = asked_s - connection.done_s
        connection.talk(request, method == "HEAD", asked_s + self._timeout_s)
        sent_s, sent_bytes = connection.sent_s, len(request) - connection.unsent_bytes
        if _unanswered(connection) and (not sent_bytes or method == "GET" or idle_s > RESEND_IDLE_S):
            # what never left, because the peer closed just before, is sent for the first time now
            return self._on_fresh(method, request, sent_s, sent_bytes, resending=sent_bytes > 0)
        return _reply(connection, sent_s, len(request))

    def close(self) -> None:
        """Close the connection; a later exchange opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _on_fresh(
        self, method: str, request: bytes, sent_s: float, sent_bytes: int = 0, resending: bool = False
    ) -> Reply:
        """Exchange on a new connection. Re-sent is what was really sent again, not what found nobody to connect to."""
        self._connection = None
        opened = self._opening.connection(sent_s + self._timeout_s)
        if isinstance(opened, Fault):
            return Reply(0, {}, b"", sent_s, time.perf_counter(), opened.outcome, opened.detail, False, sent_bytes)
        self._connection = opened
        opened.talk(request, method == "HEAD", sent_s + self._timeout_s)
        return _reply(opened, sent_s, sent_bytes + len(request), resending)


def _unanswered(connection: Connection) -> bool:
    """The peer closed before any byte of the answer (a connection error on an open connection means just that)."""
    fault = connection.fault
    return fault is not None and fault.outcome is Outcome.CONNECTION_ERROR and fault is not CLOSED_HERE


def _reply(connection: Connection, sent_s: float, sent_bytes: int, resent: bool = False) -> Reply:
    answer = connection.answer
    received_bytes = connection.received_bytes
    fault = connection.fault
    headers = answer.headers
    if fault is None:
        body: bytes | Fault = answer.body
        if "content-encoding" in headers or "transfer-encoding" in headers:
            body = decoded(headers, answer.body)
        if not isinstance(body, Fault):
            # once per request: half the price of Reply(…)
            return tuple.__new__(
                Reply,
                (answer.status, headers, body, sent_s, connection.done_s, None, "", resent, sent_bytes, received_bytes),
            )
        fault = body
        connection.close()  # who spells a body wrongly may have ended it wrongly, too
    sent_bytes -= connection.unsent_bytes
    return Reply(
        answer.status_seen,
        headers,
        b"",
        sent_s,
        connection.done_s,
        fault.outcome,
        fault.detail,
        resent,
        max(0, sent_bytes),
        received_bytes,
    )

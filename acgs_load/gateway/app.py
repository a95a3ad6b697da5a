"""The ASGI callable: reads a request, runs the contract's checks in their order, answers, counts.

Plain ASGI on purpose: no framework stands between the contract and the bytes.
"""

from __future__ import annotations

import itertools
import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from acgs_load.contract import BODY_LIMIT_BYTES, COMPLIANT_HEADER, HASH_HEADER, SCORE_HEADER
from acgs_load.gateway.answers import Answer, Refusal, bad_json, internal_error, not_found, timestamp, too_large
from acgs_load.gateway.checks import Checks
from acgs_load.gateway.constitution import MINIMUM_SCORE, Constitution
from acgs_load.gateway.metrics import UNMATCHED, Metrics
from acgs_load.gateway.pages import Page
from acgs_load.gateway.replies import Headers, Reply, rendered
from acgs_load.gateway.request import Request
from acgs_load.gateway.request_log import RequestLog
from acgs_load.gateway.routes import Route, Routes

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_HASH = HASH_HEADER.lower().encode()
_SCORE = SCORE_HEADER.lower().encode()
_COMPLIANT = COMPLIANT_HEADER.lower().encode()
_JSON = (b"content-type", b"application/json")


class ClientGoneError(Exception):
    """The client left before its request was complete; there is nobody to answer."""


class Sabotage(Protocol):
    """Planted defects, around the truthful gateway."""

    async def respond(self, request: Request, respond: Callable[[Request], Awaitable[Answer | Page]]) -> Answer | Page:
        """The answer to an admitted or refused request, truthful or not."""

    def distort(self, request: Request, reply: Reply) -> Reply:
        """The reply as it leaves."""

    def drops(self, request: Request) -> bool:
        """Whether the connection is closed without an answer."""


class Application:
    """One worker's gateway."""

    def __init__(
        self,
        routes: Routes,
        checks: Checks,
        constitution: Constitution,
        metrics: Metrics,
        sabotage: Sabotage | None = None,
        log: RequestLog | None = None,
    ) -> None:
        self._routes = routes
        self._checks = checks
        self._constitution = constitution
        self._metrics = metrics
        self._sabotage = sabotage
        self._log = log
        self._hash_header = (_HASH, constitution.hash.encode())
        self._request_prefix = f"req-{secrets.token_hex(6)}-"
        self._request_numbers = itertools.count(1)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        received_s: float = scope["extensions"]["acgs.wire"]["received_s"]
        headers = _headers(scope["headers"])
        found = self._routes.find(scope["method"], scope["path"])
        route, argument = found or (_UNMATCHED, "")
        request = Request(route, argument, scope["path"], headers, scope["query_string"])
        try:
            request.body = await _read_body(headers, receive)
        except ClientGoneError:
            return
        except Refusal as refusal:
            reply = rendered(self._refused(refusal))
        else:
            reply = await self._reply(request)
        if self._sabotage is not None and self._sabotage.drops(request):
            self._count(request, 0, received_s)
            scope["extensions"]["acgs.wire"]["abort"]()
            self._note(request, 0, received_s, scope)
            while (await receive())["type"] != "http.disconnect":
                continue  # the server has not noticed yet, and would log that no answer came
            return
        self._count(request, reply.status, received_s)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})
        self._note(request, reply.status, received_s, scope)

    def malformed(self) -> tuple[Headers, bytes]:
        """Headers and body of the answer (400) to bytes that are no HTTP request; it is counted, too."""
        self._metrics.observe(UNMATCHED, 400, 0)
        if self._log is not None:
            self._log.note(time.monotonic(), 400, UNMATCHED, "-", b"-")
        reply = rendered(self._refused(bad_json("the bytes received are no HTTP request")))
        assert isinstance(reply.body, bytes)
        return reply.headers, reply.body

    def _count(self, request: Request, status: int, received_s: float) -> None:
        if not request.route.is_open or request.route is _UNMATCHED:
            self._metrics.observe(request.operation, status, int((time.monotonic() - received_s) * 1e9))

    def _note(self, request: Request, status: int, received_s: float, scope: dict[str, Any]) -> None:
        if self._log is not None:
            query = scope["query_string"]
            target = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
            self._log.note(received_s, status, request.operation, scope["method"], target)

    async def _reply(self, request: Request) -> Reply:
        if self._sabotage is None:
            return rendered(await self._answered(request, self._respond))
        respond = self._sabotage.respond
        reply = await self._answered(request, lambda asked: respond(asked, self._respond))
        return rendered(self._sabotage.distort(request, reply))

    async def _answered(self, request: Request, respond: Callable[[Request], Awaitable[Answer | Page]]) -> Reply:
        try:
            answer = await respond(request)
        except Refusal as refusal:
            return self._refused(refusal)
        except Exception:  # noqa: BLE001  counted as 500 and told in the log; a client never sees a traceback
            traceback.print_exc(file=sys.stderr)
            return self._refused(internal_error())
        if isinstance(answer, Page):
            headers = [(b"content-type", answer.content_type.encode()), self._hash_header, *self._score_headers(None)]
            return Reply(200, headers, answer.text.encode())
        answer.body["constitutional_hash"] = self._constitution.hash
        return Reply(answer.status, [_JSON, self._hash_header, *self._score_headers(answer.score)], answer.body)

    async def _respond(self, request: Request) -> Answer | Page:
        """The truth: the contract's checks, then the operation; the gateway takes note of its own conduct."""
        try:
            if request.route is _UNMATCHED:
                raise not_found("there is no such route")
            await self._checks.admit(request)
            answer = await request.route.respond(request)
        except Refusal as refusal:
            self._checks.note(request, refusal.status)
            raise
        except Exception:
            self._checks.note(request, 500)
            raise
        self._checks.note(request, 200)
        return answer

    def _score_headers(self, score: float | None) -> Headers:
        told = self._constitution.current_score() if score is None else score
        return [(_SCORE, repr(told).encode()), (_COMPLIANT, b"true" if told >= MINIMUM_SCORE else b"false")]

    def _refused(self, refusal: Refusal) -> Reply:
        headers = [_JSON, self._hash_header]
        if refusal.retry_after_s is not None:
            headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
        body = {
            "error": refusal.code,
            "message": refusal.message,
            "constitutional_hash": self._constitution.hash,
            "request_id": f"{self._request_prefix}{next(self._request_numbers)}",
            "timestamp": timestamp(),
        }
        return Reply(refusal.status, headers, body)


async def _no_route(request: Request) -> Answer:
    raise not_found("there is no such route")


_UNMATCHED = Route(UNMATCHED, _no_route, is_open=True)


def _headers(pairs: Headers) -> dict[bytes, bytes]:
    """Headers by lower-case name, without the blanks that the parser leaves after a value; repeated ones are joined."""
    headers = {name: value.strip(b" \t") for name, value in pairs}
    if len(headers) != len(pairs):
        headers = {}
        for name, value in pairs:
            told = value.strip(b" \t")
            headers[name] = headers[name] + b", " + told if name in headers else told
    return headers


async def _read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The whole body. Raises Refusal (413) as soon as it is known to be too large, ClientGoneError."""
    length = headers.get(b"content-length")
    if length is None and b"transfer-encoding" not in headers:
        return b""
    if length is not None and int(length) > BODY_LIMIT_BYTES:
        raise too_large(f"the body is over {BODY_LIMIT_BYTES} bytes")
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = message["body"]
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise too_large(f"the body is over {BODY_LIMIT_BYTES} bytes")
        if not message.get("more_body"):
            return body

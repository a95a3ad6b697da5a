"""The transport for targets behind a proxy: ``requests``, one connection pool per user, the same outcomes.

Some twenty times dearer than the fast one (0.4 ms of CPU an exchange). What the library does otherwise: it does not
tell what went over the wire (byte counts are close, not exact), it takes at most 100 headers of 64 KiB, forgives
headers that end early, and an interim answer other than 100 ends the exchange as ``bad_response``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import gevent
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import SKIP_HEADER, Timeout

from acgs_load.contract import Outcome
from acgs_load.traffic.transport.answer import BODY_LIMIT_BYTES, add_header
from acgs_load.traffic.transport.content_coding import decoded
from acgs_load.traffic.transport.exchange import Reply
from acgs_load.traffic.transport.fast import RESEND_IDLE_S
from acgs_load.traffic.transport.faults import BODY_TOO_BIG, SLOW, Fault
from acgs_load.traffic.transport.plain_faults import fault_of, reading_fault, was_sent, was_unanswered
from acgs_load.traffic.transport.target import Target, quotable

_READ_BYTES = 64 * 1024
_GRACE_S = 0.05
"""The library knows better what it was waiting for: it goes first, gevent ends what it does not notice."""
_LENGTH = Fault(Outcome.BAD_RESPONSE, "not http: content-length")
_INTERIM = Fault(Outcome.BAD_RESPONSE, "interim answer not understood")


class Route(NamedTuple):
    """How requests reach the target: the same for all users of a process."""

    target: Target
    url: str
    """Base URL, without a trailing slash."""
    verify: bool | str
    """False, or the file or directory of trusted authorities."""
    proxies: dict[str, str]

    @classmethod
    def to(cls, target: Target, url: str, verify: bool | str) -> Route:
        """The route to ``target`` that the environment (``HTTP_PROXY``, ``NO_PROXY`` …) asks for."""
        # Said once by the plan, not once per request by the library; and its own words would hold the target's URLs.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        if verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        with requests.Session() as session:
            settings = session.merge_environment_settings(url, {}, True, verify, None)
        return cls(target, url, verify, {scheme: str(proxy) for scheme, proxy in settings["proxies"].items()})


class _Adapter(HTTPAdapter):
    """Counts the connections that it opens: a request that opened none went over a kept-alive one."""

    def __init__(self) -> None:
        self.opened = 0
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """As requests has it; called once per request."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = _noting(pool.ConnectionCls, self._note)
        return pool

    def _note(self) -> None:
        self.opened += 1


def _noting(kind: type[Any], note: Callable[[], None]) -> type[Any]:
    def connect(self: Any) -> None:
        note()
        kind.connect(self)

    return type(kind.__name__, (kind,), {"connect": connect})


class PlainTransport:
    """One user's kept-alive connection through ``requests``. Use it from one greenlet at a time."""

    def __init__(self, route: Route, timeout_s: float) -> None:
        self._route = route
        self._timeout_s = timeout_s
        self._adapter = _Adapter()
        self._rendered = b""
        self._headers: dict[str, str] = {}
        self._done_s = 0.0

    def exchange(self, method: str, path: str, headers: bytes, body: bytes | None) -> Reply:
        """As ``Transport.exchange``; ``sent_s`` is before the connecting, where the request has to connect."""
        request = self._prepared(method, path, headers, body)
        sent_bytes = len(self._route.target.render(method, path, headers, body))
        sent_s = time.perf_counter()
        may_resend = method == "GET" or sent_s - self._done_s > RESEND_IDLE_S
        opened = self._adapter.opened
        result = self._tried(request, sent_s)
        times_sent = _times_sent(result)
        if may_resend and opened == self._adapter.opened and was_unanswered(result):
            result = self._tried(request, sent_s)
            times_sent += _times_sent(result)
        self._done_s = time.perf_counter()
        if not isinstance(result, Reply):
            fault = fault_of(result)
            result = Reply(0, {}, b"", 0.0, 0.0, fault.outcome, fault.detail)
        return result._replace(
            sent_s=sent_s, done_s=self._done_s, resent=times_sent > 1, sent_bytes=sent_bytes * times_sent
        )

    def close(self) -> None:
        """Close the connection; a later exchange opens a new one."""
        self._adapter.close()

    def _prepared(self, method: str, path: str, headers: bytes, body: bytes | None) -> requests.PreparedRequest:
        if headers is not self._rendered:
            self._rendered = headers
            # What urllib3 would add of its own is not asked for.
            self._headers = {"Accept-Encoding": SKIP_HEADER, "User-Agent": SKIP_HEADER, **_fields(headers)}
        request = requests.PreparedRequest()
        fields = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        request.prepare(method=method, url=self._route.url + quotable(path), headers=fields, data=body)
        return request

    def _tried(self, request: requests.PreparedRequest, sent_s: float) -> Reply | BaseException:
        """One sending. Under Locust (patched sockets) the time-out always holds, else between reads of the body."""
        left_s = max(0.001, sent_s + self._timeout_s - time.perf_counter())
        limit: Any = Timeout(total=left_s)  # requests takes it, its annotation does not say so
        timeout = gevent.Timeout.start_new(left_s + _GRACE_S)
        try:
            response = self._adapter.send(
                request,
                stream=True,
                timeout=limit,
                verify=self._route.verify,
                proxies=self._route.proxies,
            )
            return _read(response.raw, sent_s + self._timeout_s)
        except gevent.Timeout as expired:
            if expired is not timeout:
                raise
            late: BaseException = expired
            return late
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return error
        finally:
            timeout.close()


def _times_sent(result: Reply | BaseException) -> int:
    return int(isinstance(result, Reply) or was_sent(result))


def _fields(headers: bytes) -> dict[str, str]:
    lines = headers.decode("latin-1").split("\r\n")
    return dict(line.split(": ", 1) for line in lines if line)


def _read(raw: Any, deadline_s: float) -> Reply:
    """The answer, with its times and what was sent left open."""
    headers: dict[str, str] = {}
    for name, value in raw.headers.iteritems():
        add_header(headers, name.lower(), value)
    pieces: list[bytes] = []
    fault = _INTERIM if raw.status < 200 else _misframed(headers) or _read_body(raw, pieces, deadline_s)
    received_bytes = sum(map(len, pieces)) + sum(len(name) + len(value) + 4 for name, value in headers.items())
    body: bytes | Fault = fault or decoded(headers, b"".join(pieces))
    if isinstance(body, Fault):
        raw.close()
        return Reply(raw.status, headers, b"", 0.0, 0.0, body.outcome, body.detail, received_bytes=received_bytes)
    return Reply(raw.status, headers, body, 0.0, 0.0, received_bytes=received_bytes)


def _misframed(headers: Mapping[str, str]) -> Fault | None:
    """What http.client passes over: a length that is none, or one beside chunks (RFC 9112, 6.3)."""
    length = headers.get("content-length")
    if length is None or (length.isascii() and length.isdigit() and "transfer-encoding" not in headers):
        return None
    return _LENGTH


def _read_body(raw: Any, pieces: list[bytes], deadline_s: float) -> Fault | None:
    """Fill ``pieces``; what came in the way, if anything."""
    size_bytes = 0
    try:
        while piece := raw.read1(_READ_BYTES, decode_content=False):
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > BODY_LIMIT_BYTES:
                return BODY_TOO_BIG
            if time.perf_counter() > deadline_s:
                return SLOW
    except urllib3.exceptions.HTTPError as error:
        return reading_fault(error)
    return None

"""One HTTP response read three ways: by the fast transport's parser, by h11, and by http.client."""

from __future__ import annotations

import http.client
import io
import itertools
import socket
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import h11

from acgs_load.contract import Outcome
from acgs_load.traffic.transport.answer import Answer, add_header
from acgs_load.traffic.transport.content_coding import decoded
from acgs_load.traffic.transport.faults import Fault

_SIZE_LIMIT_BYTES = 1 << 22
_OF_THE_BODY = {"content-length", "transfer-encoding"}
"""h11 rewrites these as it understood them."""


class Reading(NamedTuple):
    """What a reader made of the bytes up to the end of the stream."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Sorted, without those that frame the body."""
    body: bytes


REFUSED = None
"""No whole response: not HTTP, or it ends too early."""


def ours(pieces: Iterable[bytes]) -> Reading | None:
    """By our parser, fed piece by piece, then closed. Any other fault than ``bad_response`` fails the test."""
    answer = Answer()
    for piece in pieces:
        fault = answer.take(piece)
        if fault is not None:
            assert fault.outcome is Outcome.BAD_RESPONSE
            assert fault.detail.isprintable()
            assert not answer.whole
            return REFUSED
        if answer.whole:
            break
    if not answer.whole and not answer.end():
        return REFUSED
    # what the transport does with codings of the transfer; those of the content are a layer above
    codings = {name: value for name, value in answer.headers.items() if name == "transfer-encoding"}
    body = decoded(codings, answer.body)
    return REFUSED if isinstance(body, Fault) else _reading(answer.status, answer.headers, body)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in pieces, cut at the places; none of them empty."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges) if begin < end]


def by_h11(data: bytes) -> Reading | None:
    """By h11, which follows RFC 9112 to the letter."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_SIZE_LIMIT_BYTES)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, headers, pieces, ended = 0, {}, [], False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if ended:
                    return REFUSED
                ended = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, _joined(event.headers)
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return _reading(status, headers, b"".join(pieces))
            elif not isinstance(event, h11.InformationalResponse):
                return REFUSED
    except h11.RemoteProtocolError:
        return REFUSED


def by_http_client(data: bytes) -> Reading | None:
    """By Python's own client, which forgives much."""
    response = http.client.HTTPResponse(_Stream(data), method="GET")  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, OSError, ValueError):
        return REFUSED
    pairs = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in response.getheaders())
    return _reading(response.status, _joined(pairs), body)


class _Stream(socket.socket):
    """A socket that has said all it will say."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object, **__: object) -> io.BytesIO:  # type: ignore[override]
        return io.BytesIO(self._data)

    def close(self) -> None:
        """Nothing was opened."""


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        add_header(headers, name.decode("latin-1").lower(), value.decode("latin-1"))
    return headers


def _reading(status: int, headers: object, body: bytes) -> Reading:
    pairs = dict(headers).items()  # type: ignore[call-overload]
    return Reading(status, tuple(sorted((n, v) for n, v in pairs if n not in _OF_THE_BODY)), body)

"""One HTTP response after another out of bytes, by llhttp. Knows no sockets and no clock."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from acgs_load.contract import Outcome
from acgs_load.traffic.transport.faults import BODY_TOO_BIG, HEADERS_TOO_BIG, Fault
from acgs_load.traffic.transport.heads import HeadMemory

HEADERS_LIMIT_BYTES = 1024 * 1024
BODY_LIMIT_BYTES = 64 * 1024 * 1024
_NAMES_LIMIT = 4096
_END = b"\r\n\r\n"
_LISTS = frozenset({"content-encoding", "transfer-encoding"})
"""Headers in which the same value twice means two things."""
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class _LowerNames(dict[bytes, str]):
    """Header name as received → lower-case text, remembered, since targets repeat themselves."""

    def __missing__(self, name: bytes) -> str:
        text = name.decode("latin-1").lower()
        if len(self) < _NAMES_LIMIT:
            self[name] = text
        return text


_LOWER_NAMES = _LowerNames()
_HEADS = HeadMemory()


def add_header(headers: dict[str, str], name: str, value: str) -> None:
    """Take ``value`` in without the blanks around it, which are no part of it (RFC 9112, 5).

    Different values of one name are joined, as HTTP joins them (RFC 9110, 5.3): a wrong one cannot hide behind a right
    one. The same value again says nothing new.
    """
    value = value.strip(" \t")
    before = headers.get(name)
    if before is not None and (before != value or name in _LISTS):
        value = f"{before}, {value}"
    headers[name] = value


class Answer:
    """The response awaited on a connection. ``expect`` before each; ``take`` bytes until it returns true or raises."""

    __slots__ = (
        "_chunks",
        "_fields",
        "_head",
        "_head_only",
        "_parser",
        "_taken_bytes",
        "body",
        "headers",
        "keep_alive",
        "on_body",
        "on_header",
        "status",
        "surplus",
        "whole",
    )

    def __init__(self) -> None:
        self._fields: dict[bytes, bytes] = {}
        self._head = b""
        self._chunks: list[bytes] = []
        # Bound C methods: the parser calls them per header and per piece of body without a Python frame.
        self.on_header = self._fields.__setitem__
        self.on_body = self._chunks.append
        self._parser = HttpResponseParser(self)
        self.surplus = False
        """Bytes came that belong to no request: the connection must not be used again."""
        self.expect(head_only=False)

    def expect(self, head_only: bool) -> None:
        """Forget the answer before; the next one is to a HEAD request if ``head_only``."""
        self._head_only = head_only
        self._taken_bytes = 0
        self.status = 0
        self.headers = _NO_HEADERS
        self.body = b""
        self.whole = False
        self.keep_alive = False

    def take(self, data: bytes) -> Fault | None:
        """Parse some more. What is wrong with the answer, if anything; afterwards look at ``whole``."""
        first = self._taken_bytes == 0
        self._taken_bytes += len(data)
        if first and not self._head_only:
            known = _HEADS.recall(data)
            if known is not None:
                self.status, self.headers, self.body = known
                self.whole = self.keep_alive = True
                return None
        if self.status == 0:
            self._head = data if first else self._head + data
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.whole:
                self.surplus = True
                return None
            return Fault(Outcome.BAD_RESPONSE, _parser_words(self.status, error))
        if self.whole:
            if first and self.keep_alive:
                _HEADS.learn(data, self.status, self.headers, self.body)
        elif self._taken_bytes > HEADERS_LIMIT_BYTES and self.status == 0:
            return HEADERS_TOO_BIG
        elif self._taken_bytes > HEADERS_LIMIT_BYTES + BODY_LIMIT_BYTES:
            return BODY_TOO_BIG
        return None

    def end(self) -> bool:
        """The peer has closed: true if that is how the answer says that it is complete."""
        if self.whole or self.status < 200:
            return self.whole
        if "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower():
            return False
        self._complete()
        return True

    @property
    def place(self) -> str:
        """Where in the answer the parser stands: ``headers`` or ``body``."""
        return "headers" if self.status < 200 else "body"

    @property
    def status_seen(self) -> int:
        """The status of an answer that stays incomplete; 0 where its status line did."""
        return self._parser.get_status_code() if self.status < 200 and self._fields else self.status

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self.whole:
            self.surplus = True

    def on_headers_complete(self) -> None:
        """Called by the parser. Trailers come after this and are left out."""
        if self.whole:
            return
        self.status = self._parser.get_status_code()
        # line ends before a status line are no head; the parser passes over them, too
        head, _, self._head = self._head.lstrip(b"\r\n").partition(_END)
        names = _LOWER_NAMES
        headers = {names[name]: value.decode("latin-1").rstrip(" \t") for name, value in self._fields.items()}
        self._fields.clear()
        # each line is a header of its own, unless some came more than once
        self.headers = headers if len(headers) == head.count(b"\r\n") else _joined(head)
        if self._head_only and self.status >= 200:
            self._complete()
            # The parser would wait for the body that the headers speak of.
            self.keep_alive = False

    def on_message_complete(self) -> None:
        """Called by the parser, after interim answers (1xx) too."""
        if self.whole:
            return
        if self.status >= 200:
            self.keep_alive = self._parser.should_keep_alive()
            self._complete()
        elif self.status != 101:
            self.status = 0
            self.headers = _NO_HEADERS

    def _complete(self) -> None:
        self.whole = True
        chunks = self._chunks
        self.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._fields.clear()


def _joined(head: bytes) -> dict[str, str]:
    """The headers of a head whose lines are not all of different names; the parser found each of them sound."""
    headers: dict[str, str] = {}
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and not name.startswith(b"HTTP/"):
            add_header(headers, _LOWER_NAMES[name], value.decode("latin-1"))
    return headers


def _parser_words(status: int, error: Exception) -> str:
    if status == 101:
        return "protocol switched unasked"
    return f"not http: {error}".lower()

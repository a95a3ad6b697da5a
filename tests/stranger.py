"""A target that somebody built from the contract page alone, to catch a client that relies on more than the page.

`python tests/stranger.py --port 0` prints `ready http://127.0.0.1:PORT` and serves until SIGTERM or its parent's end.
It answers truthfully, but in every lawful dress: lower-case headers, chunks, gzip, HTTP/1.0, foreign words, odd orders.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any, Final

from stranger_api import Api, Reply, gateway, split_target
from stranger_store import Meter, Store

BODY_LIMIT: Final = 256 * 1024
DRAIN_LIMIT: Final = 16 * 1024 * 1024
TYPES: Final = ("application/json", "application/json; charset=ISO-8859-1", "application/json;charset=utf-8")
REASONS: Final = ("", "Gut gemacht", "Nun ja", "OK")


class BadFramingError(Exception):
    """The body of a request cannot be told from what follows it."""


class Target(ThreadingHTTPServer):
    """One thread per connection, all of them at one store."""

    daemon_threads = True
    request_queue_size = 2048

    def __init__(self, port: int, constitution: str, lifetime: int) -> None:
        super().__init__(("127.0.0.1", port), Visitor)
        self.store = Store(constitution, lifetime)
        self.api = Api(self.store)
        self.meter = Meter()
        self.dice = random.Random(8128)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Visitor(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Target

    def handle_one_request(self) -> None:
        self.command, self.request_version, self.requestline = "", "HTTP/1.0", ""
        try:
            self.raw_requestline = self.rfile.readline(65537)
        except ConnectionError:
            self.raw_requestline = b""
        if not self.raw_requestline:
            self.close_connection = True
            return
        if len(self.raw_requestline) > 65536:
            self.send_error(414)
        elif self.parse_request():
            self._answer()

    def _answer(self) -> None:
        start = time.perf_counter()
        store, meter = self.server.store, self.server.meter
        try:
            raw = self._body()
        except BadFramingError:
            self.send_error(400)
            return
        page, _ = split_target(self.path)
        if raw is None:
            self.close_connection = True
            body = self.server.api.refusal(413, "payload_too_large", "höchstens 256 KiB")
            reply = Reply("unknown", 413, body)
        elif self.command == "GET" and page == "/gateway/metrics":
            self._send(200, meter.text().encode("utf-8"), "text/plain; version=0.0.4", 1)
            return
        elif self.command == "GET" and (told := gateway(page, store)) is not None:
            reply = Reply("", 200, told)
        else:
            reply = self._operate(raw)
        if reply.operation:
            meter.note(reply.operation, reply.status, time.perf_counter() - start)
        self._send(reply.status, self._dressed(reply.body), self.server.dice.choice(TYPES), reply.score)

    def _operate(self, raw: bytes) -> Reply:
        api = self.server.api
        try:
            return api.handle(self.command, self.path, self.headers, raw)
        except Exception:
            logging.exception("the stranger stumbled over %s %s", self.command, self.path)
            return Reply("unknown", 500, api.refusal(500, "internal_error", "das war unser Fehler"))

    def _body(self) -> bytes | None:
        """The body; None when it is over the limit (then most of what is still coming has been read away)."""
        parts = self._chunks() if "Transfer-Encoding" in self.headers else self._counted()
        kept: list[bytes] = []
        size = 0
        for part in parts:
            size += len(part)
            if size <= BODY_LIMIT:
                kept.append(part)
            elif size > DRAIN_LIMIT:
                break
        return b"".join(kept) if size <= BODY_LIMIT else None

    def _counted(self) -> Iterator[bytes]:
        length = self.headers.get("Content-Length", "0").strip(" \t")
        if not (length.isascii() and length.isdigit()) or len(length) > 12:
            raise BadFramingError
        yield from self._exactly(int(length))

    def _chunks(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").strip(" \t").lower() != "chunked":
            raise BadFramingError
        while True:
            digits = self.rfile.readline(4096).split(b";")[0].strip().decode("latin-1")
            if not digits or len(digits) > 8 or not set(digits) <= set("0123456789abcdefABCDEF"):
                raise BadFramingError
            if int(digits, 16) == 0:
                break
            yield from self._exactly(int(digits, 16))
            self.rfile.readline(3)
        while self.rfile.readline(65537).strip():
            pass

    def _exactly(self, length: int) -> Iterator[bytes]:
        while length:
            part = self.rfile.read(min(length, 65536))
            if not part:
                raise BadFramingError
            length -= len(part)
            yield part

    def _dressed(self, body: dict[str, Any]) -> bytes:
        """The body in one of the spellings that JSON allows."""
        turn = self.server.dice.randrange(4)
        if turn == 1:
            return json.dumps(body).encode("ascii")
        text = json.dumps(body, ensure_ascii=False, indent=1 if turn == 2 else None)
        try:
            return f"\r\n\t {text} \n".encode() if turn == 3 else text.encode()
        except UnicodeEncodeError:
            return json.dumps(body).encode("ascii")

    def _send(self, status: int, body: bytes, kind: str, score: float) -> None:
        turn = self.server.dice.getrandbits(24)
        modern = self.request_version == "HTTP/1.1"
        until_end = turn % 128 == 77
        chunked = modern and not until_end and turn % 3 == 1
        if not modern or until_end or turn % 64 == 5:
            self.close_connection = True
        fields = self._fields(turn, kind)
        if 200 <= status < 300:
            fields += [("X-CONSTITUTIONAL-SCORE", repr(score)), ("x-constitutional-compliant", "true")]
        if turn % 2 and self._takes_gzip():
            body = gzip.compress(body, 1)
            fields.append(("content-encoding", "gzip"))
        if self.close_connection:
            fields.append(("connection", "Close"))
        if chunked:
            fields.append(("transfer-encoding", "chunked"))
        elif not until_end:
            fields.append(("content-length", str(len(body))))
        version = "HTTP/1.0" if until_end else "HTTP/1.1"
        lines = [
            f"{version} {status} {REASONS[turn % 4]}",
            *(f"{name}:{' ' * (turn % 3)}{value}{_train(turn, name)}" for name, value in fields),
        ]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        pieces = [head, body] if turn % 2 else [head + body]
        if self.command == "HEAD":
            pieces = [head]
        elif chunked:
            half = len(body) // 2
            pieces = [head, _chunk(body[:half], ";teil=1"), _chunk(body[half:], ""), b"0\r\nx-ende: ja\r\n\r\n"]
        for piece in pieces:
            self.wfile.write(piece)

    def _fields(self, turn: int, kind: str) -> list[tuple[str, str]]:
        fields = [
            ("x-fremd", "ja"),
            ("content-type", kind),
            ("x-constitutional-hash", self.server.store.constitution),
            ("cache-control", "no-store"),
            ("vary", "accept-encoding"),
        ]
        if turn % 16 == 9:
            fields.append(("X-Constitutional-HASH", self.server.store.constitution))
        if turn % 16 == 3:
            fields.insert(0, ("x-ballast", "b" * 7000))
        return fields

    def _takes_gzip(self) -> bool:
        offered = self.headers.get("Accept-Encoding", "") if hasattr(self, "headers") else ""
        options = [option.replace(" ", "").lower() for option in offered.split(",")]
        return any(
            o.split(";")[0] == "gzip" and o.partition(";q=")[2] not in ("0", "0.0", "0.00", "0.000") for o in options
        )

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses before there is a request: in the contract's words."""
        self.close_connection = True
        status, name = (413, "payload_too_large") if code in (414, 431) else (400, "bad_json")
        body = self.server.api.refusal(status, name, message or explain or "das ist kein HTTP")
        self._send(status, self._dressed(body), TYPES[0], 0)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing about requests."""


def _train(turn: int, name: str) -> str:
    """Blanks after a value, which HTTP allows and takes for nothing."""
    return " \t" if turn % 5 == 2 and name.lower().startswith("x-") else ""


def _chunk(data: bytes, extension: str) -> bytes:
    return f"{len(data):X}{extension}\r\n".encode("ascii") + data + b"\r\n" if data else b""


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _follow_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.25)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--hash", dest="constitution", default="cdd01ef066bc6cf2", help="the constitutional hash")
    parser.add_argument("--expires-in", type=int, default=300, help="seconds that a token lives")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    parent = os.getppid()
    sys.set_int_max_str_digits(0)
    target = Target(options.port, options.constitution, options.expires_in)
    threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
    print(f"ready http://127.0.0.1:{target.server_address[1]}", flush=True)
    target.serve_forever()


if __name__ == "__main__":
    main()

"""The gateway on the wire: what is legal is handled, what is garbage is answered, and nobody blocks anybody."""

import json
import socket
import threading
import time
from unittest.mock import MagicMock

import pytest
import uvicorn
from test_gateway_support import HASH, Client, requests_counted
from uvicorn.server import ServerState

from acgs_load.gateway.wire import REQUEST_LIMIT_S
from acgs_load.gateway.wire import Wire as HttpConnection

pytestmark = pytest.mark.slow

LIMIT = 256 * 1024
LOGIN = json.dumps({"username": "u", "password": "p", "tenant_id": "t", "constitutional_hash": HASH}).encode()
HEAD = f"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nX-Constitutional-Hash: {HASH}\r\n".encode()
HEALTH = b"GET /gateway/health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def wire(gateway):
    with Wire(gateway.port) as connection:
        yield connection


class Wire(socket.socket):
    """A raw connection that reads whole answers."""

    def __init__(self, port):
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.settimeout(20)
        self.connect(("127.0.0.1", port))
        self.file = self.makefile("rb")

    def answer(self):
        """Status, headers and body of the next answer; None at the end of the connection."""
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (pair := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = pair.decode().partition(":")
            headers[name.lower()] = value.strip()
        return int(line.split()[1]), headers, json.loads(self.file.read(int(headers["content-length"])))

    def status(self):
        """Status of the next answer, whose hashes are looked at."""
        status, headers, body = self.answer()
        assert headers["x-constitutional-hash"] == body["constitutional_hash"] == HASH
        return status


def with_length(body, length=None):
    """A login with a Content-Length, the true one or another."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def chunked(*chunks):
    """A login in chunks."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def test_requests_follow_each_other_on_one_connection(wire):
    """HTTP/1.1 keeps the connection; pipelined requests are answered in order."""
    wire.sendall(HEALTH + with_length(LOGIN) + chunked(b"{") + HEALTH)
    assert [wire.status() for _ in range(4)] == [200, 200, 400, 200]


def test_chunked_bodies_are_read(wire):
    """In any portions."""
    wire.sendall(chunked(LOGIN))
    wire.sendall(chunked(*(LOGIN[place : place + 1] for place in range(len(LOGIN)))))
    assert [wire.status(), wire.status()] == [200, 200]


def test_http_1_0_closes(wire):
    """The answer, then the end of the connection."""
    wire.sendall(b"GET /gateway/health HTTP/1.0\r\n\r\n")
    assert wire.status() == 200
    assert wire.answer() is None


def test_connection_close_closes(wire):
    """As asked."""
    wire.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert wire.status() == 200
    assert wire.answer() is None


def test_expect_continue_is_obeyed_and_not_for_what_is_too_large(gateway, wire):
    """100 before a body that will be read, 413 at once before one that will not."""
    wire.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(LOGIN))
    assert wire.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert wire.file.readline() == b"\r\n"
    wire.sendall(LOGIN)
    assert wire.status() == 200
    wire.sendall(HEAD + b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
    assert wire.status() == 413


def test_big_headers_are_read(wire):
    """Sixteen of four thousand characters."""
    big = b"".join(b"X-Big-%d: %b\r\n" % (number, b"x" * 4000) for number in range(16))
    wire.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\n" + big + b"\r\n"))
    assert wire.status() == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_garbage_is_400_with_the_hash_and_the_end(gateway, wire, garbage):
    """Even bytes that are no HTTP get the contract's error; they are counted under none."""
    before = requests_counted(Client(gateway.port)).get(("none", 400), 0)
    wire.sendall(garbage)
    status, headers, body = wire.answer()
    assert (status, body["error"], headers["x-constitutional-hash"]) == (400, "bad_json", HASH)
    assert all(body[name] for name in ("message", "request_id", "timestamp", "constitutional_hash"))
    assert wire.answer() is None
    assert requests_counted(Client(gateway.port))["none", 400] == before + 1


def test_garbage_after_a_request_does_not_take_its_answer(wire):
    """A Content-Length that is too short: the request is answered by what it said, then the connection ends."""
    wire.sendall(with_length(LOGIN + b"more and more", len(LOGIN)))
    assert wire.status() == 200
    assert wire.answer() is None


def test_a_body_that_ends_too_early_is_nobodys(gateway):
    """A Content-Length that is too long and a client that leaves: nothing is answered, counted or broken."""
    before = requests_counted(Client(gateway.port))
    with Wire(gateway.port) as wire:
        wire.sendall(with_length(LOGIN, len(LOGIN) + 10))
        wire.shutdown(socket.SHUT_WR)
        assert wire.file.read() == b""
    assert requests_counted(Client(gateway.port)) == before


def test_too_large_is_told_before_it_is_sent(wire):
    """413 on the Content-Length alone; the connection serves on once the body is through."""
    wire.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1))
    assert wire.status() == 413
    wire.sendall(b"x" * (LIMIT + 1) + HEALTH)
    assert wire.status() == 200


def test_too_large_in_chunks_is_told_as_soon_as_it_is(wire):
    """413 without the end of the body ever coming; then the sender is cut off, not served for ever."""
    wire.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(5):
        wire.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    assert wire.status() == 413
    with pytest.raises(OSError):  # noqa: PT011, PT012  reset or broken pipe, whenever the gateway is through with it
        while True:
            wire.sendall(b"1\r\nx\r\n")
            time.sleep(0.05)


def test_slow_senders_block_nobody(gateway):
    """Fifty connections that dribble, and one that is answered in between."""
    slow = [Wire(gateway.port) for _ in range(50)]
    for place in range(0, len(LOGIN), 10):
        for connection in slow:
            connection.sendall(with_length(LOGIN)[:40] if place == 0 else b"")
        assert Client(gateway.port).call("GET", "/gateway/health", headers={}).status == 200
    for connection in slow:
        connection.close()


def test_many_connections_at_once(gateway):
    """Two hundred clients, each answered."""
    statuses = []

    def ask():
        with Wire(gateway.port) as wire:
            wire.sendall(with_length(LOGIN) + HEALTH)
            statuses.extend([wire.status(), wire.status()])

    threads = [threading.Thread(target=ask) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 400


def test_head_is_a_wrong_method_without_a_body(wire):
    """404 as every wrong method; HTTP forbids the body."""
    wire.sendall(b"HEAD /gateway/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head = wire.file.read()
    assert head.startswith(b"HTTP/1.1 404")
    assert head.endswith(b"\r\n\r\n")
    assert f"x-constitutional-hash: {HASH}".encode() in head


def test_upgrade_requests_are_answered_plainly(wire):
    """There is no other protocol to change to."""
    wire.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
    assert wire.status() == 200


async def nothing(scope, receive, send):
    """An application that is never reached."""


class Timer:
    """A call that waits."""

    def __init__(self, delay_s, call):
        self.delay_s, self.call, self.cancelled = delay_s, call, False

    def cancel(self):
        self.cancelled = True


class Loop:
    """An event loop that remembers what was to be called later."""

    def __init__(self):
        self.timers = []

    def call_later(self, delay_s, call):
        self.timers.append(Timer(delay_s, call))
        return self.timers[-1]

    def create_task(self, coroutine):
        coroutine.close()
        return MagicMock()


def test_a_request_that_never_completes_is_cut_off():
    """The clock runs from the first byte, is not reset by further ones, and stops with the last."""
    loop, transport = Loop(), MagicMock()
    config = uvicorn.Config(nothing, lifespan="off", ws="none", log_config=None)
    connection = HttpConnection(config, ServerState(), {}, _loop=loop)
    connection.connection_made(transport)
    connection.data_received(HEAD)
    connection.data_received(b"Content-Length: 2\r\n")
    (timer,) = loop.timers
    assert (timer.delay_s, timer.cancelled) == (REQUEST_LIMIT_S, False)
    connection.data_received(b"\r\n{")
    assert not timer.cancelled
    connection.data_received(b"}")
    assert (timer.cancelled, len(loop.timers)) == (True, 1)
    transport.abort.assert_not_called()
    timer.call()
    transport.abort.assert_called_once_with()

"""One table of peers, well-behaved and broken, for both transports; ``plain`` says where the library differs."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable
from typing import NamedTuple

import pytest
from broken_peers import (
    OK,
    Line,
    Peer,
    Script,
    answers,
    hears_and_closes,
    hears_and_resets,
    says,
    says_and_closes,
    says_and_resets,
)

from acgs_load.contract import Outcome
from acgs_load.plan import Plan
from acgs_load.traffic.transport.door import transport_for
from acgs_load.traffic.transport.exchange import Reply, Transport
from acgs_load.traffic.transport.plain import PlainTransport, Route
from acgs_load.traffic.transport.target import Target

BAD, LOST, LATE = Outcome.BAD_RESPONSE, Outcome.CONNECTION_ERROR, Outcome.TIMEOUT
KINDS = ("fast", "plain")


def maker(kind: str, url: str, timeout_s: float = 10.0, tls_verify: bool = True) -> Callable[[], Transport]:
    """What makes transports of that kind to that target."""
    plan = Plan(
        name="t", test_type="smoke", target=url, embedded=False, load="closed", stages=(), users_max=1, spawn_rate=1.0,
        seed=1, nodes=(), thresholds=(), target_rps=None, folder="", timeout_s=timeout_s, tls_verify=tls_verify,
        transport="plain" if kind == "plain" else "fast",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "*")  # of the machine that runs the tests
        return transport_for(plan)


def transport(kind: str, url: str, timeout_s: float = 10.0, tls_verify: bool = True) -> Transport:
    """One of them."""
    return maker(kind, url, timeout_s, tls_verify)()


def words(reply: Reply) -> tuple[int, Outcome | None, bytes]:
    """What a table row expects of a reply."""
    return reply.status, reply.failure, reply.body


class Case(NamedTuple):
    """A peer's script and what a transport must make of it: status, failure, body."""

    script: Script
    want: tuple[int, Outcome | None, bytes] = (200, None, b"ok")
    plain: tuple[int, Outcome | None, bytes] | None = None
    """What the plain transport makes of it, where that differs."""
    method: str = "GET"
    timeout_s: float = 10.0


def head(*lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/{version} {status}", *lines, "")).encode("latin-1")


def one_by_one(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def too_early(line: Line) -> None:
    """Answers before the body is taken and closes, as gateways do with 413."""
    line.say(head("Content-Length: 4", "Connection: close", status="413 Too Large") + b"huge")
    line.half_close()
    line.hold()


MEGABYTE = b"0123456789abcdef" * 65536
CHUNKED = head("Transfer-Encoding: chunked")
GZIP_OK, RAW = gzip.compress(b"ok"), zlib.compressobj(wbits=-15)
RAW_OK = RAW.compress(b"ok") + RAW.flush()
BOMB = gzip.compress(bytes(65 * 1024 * 1024), 9)

CASES = {
    "content-length": Case(says(OK)),
    "no content": Case(says(head(status="204 No Content")), (204, None, b"")),
    "not modified, with a length": Case(says(head("Content-Length: 9", status="304 Not Modified")), (304, None, b"")),
    "empty body": Case(says(head("Content-Length: 0")), (200, None, b"")),
    "head": Case(says(head("Content-Length: 9")), (200, None, b""), method="HEAD"),
    "error status": Case(says(head("Content-Length: 2", status="503 Overloaded") + b"ok"), (503, None, b"ok")),
    "no reason phrase": Case(says(head("Content-Length: 2", status="200") + b"ok")),
    "redirect is not followed": Case(
        says(head("Location: http://[broken", "Content-Length: 2", status="302 Found") + b"ok"), (302, None, b"ok")
    ),
    "chunked": Case(says(CHUNKED + b"1\r\no\r\n1;extension=1\r\nk\r\n0\r\n\r\n")),
    "chunked with trailer": Case(says(CHUNKED + b"2\r\nok\r\n0\r\nX-Late: yes\r\n\r\n")),
    "gzip": Case(says(head("Content-Encoding: gzip", f"Content-Length: {len(GZIP_OK)}") + GZIP_OK)),
    "gzip in two members": Case(
        says_and_closes(head("Content-Encoding: GZIP", "Connection: close") + gzip.compress(b"o") + gzip.compress(b"k"))
    ),
    "gzip chunked": Case(
        says(CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(GZIP_OK), GZIP_OK))
    ),
    "deflate": Case(says_and_closes(head("Content-Encoding: deflate", "Connection: close") + zlib.compress(b"ok"))),
    "deflate without its header": Case(says_and_closes(head("Content-Encoding: deflate", version="1.0") + RAW_OK)),
    "gzip over deflate": Case(
        says_and_closes(head("Content-Encoding: deflate, gzip", version="1.0") + gzip.compress(zlib.compress(b"ok")))
    ),
    "gzip broken": Case(says(head("Content-Encoding: gzip", "Content-Length: 5") + b"never"), (200, BAD, b"")),
    "gzip cut short": Case(
        says(head("Content-Encoding: gzip", f"Content-Length: {len(GZIP_OK) - 4}") + GZIP_OK[:-4]), (200, BAD, b"")
    ),
    "gzip of too much": Case(
        says(head("Content-Encoding: gzip", f"Content-Length: {len(BOMB)}") + BOMB), (200, BAD, b"")
    ),
    "unknown coding": Case(says(head("Content-Encoding: zip", "Content-Length: 2") + b"ok"), (200, BAD, b"")),
    "http/1.0 ends by closing": Case(says_and_closes(head(version="1.0"), b"o", b"k")),
    "http/1.0 with a length": Case(says(head("Content-Length: 2", version="1.0") + b"ok")),
    "connection: close": Case(says_and_closes(head("Connection: close", "Content-Length: 2") + b"ok")),
    "ends by closing": Case(says_and_closes(head() + b"ok")),
    "100 before": Case(says(head(status="100 Continue"), OK)),
    "102 and 103 before": Case(
        says(head("X: y", status="102 Processing") + head("Link: </s>", status="103 Early Hints") + OK),
        plain=(102, BAD, b""),  # http.client takes any interim answer but 100 for the last
    ),
    "101 unasked": Case(
        says(head("Upgrade: x", "Connection: upgrade", status="101 Switching Protocols")), (101, BAD, b"")
    ),
    "huge headers": Case(
        says(head(*(f"X-{n}: {'v' * 8000}" for n in range(120)), "Content-Length: 2") + b"ok"),
        plain=(0, BAD, b""),  # http.client takes 100 headers
    ),
    "one header of 900 KB": Case(
        says(head(f"X: {'v' * 900_000}", "Content-Length: 2") + b"ok"),
        plain=(0, BAD, b""),  # http.client takes lines of 64 KiB
    ),
    "headers without end": Case(
        says(head("X: y")[:-2] + b"X: %b\r\n" % (b"v" * 20_000) * 150), (200, BAD, b""), plain=(0, BAD, b"")
    ),
    "byte by byte": Case(says(*one_by_one(head("X-Empty:", "X-A: b", "Content-Length: 2") + b"ok"), pause_s=0.001)),
    "megabyte": Case(says(head(f"Content-Length: {len(MEGABYTE)}") + MEGABYTE), (200, None, MEGABYTE)),
    "answer before the end of the request": Case(too_early, (413, None, b"huge"), method="POST"),
    "body cut short": Case(says_and_closes(head("Content-Length: 9") + b"ok"), (200, BAD, b"")),
    "chunks cut short": Case(says_and_closes(CHUNKED + b"9\r\nok"), (200, BAD, b"")),
    "last chunk missing": Case(says_and_closes(CHUNKED + b"2\r\nok\r\n"), (200, BAD, b"")),
    "broken chunk size": Case(says(CHUNKED + b"zz\r\nok\r\n"), (200, BAD, b"")),
    "headers cut short": Case(
        says_and_closes(b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Le"),
        (200, BAD, b""),
        plain=(200, None, b""),  # http.client takes the end of the stream for the end of the headers
    ),
    "status line cut short": Case(says_and_closes(b"HTTP/1.1 2"), (0, BAD, b"")),
    "not http": Case(says(b"SSH-2.0-OpenSSH_9.2\r\n"), (0, BAD, b"")),
    "status is no number": Case(says(head(status="2xx OK")), (0, BAD, b"")),
    "nothing at all": Case(hears_and_closes, (0, LOST, b"")),
    "reset before the answer": Case(hears_and_resets, (0, LOST, b"")),
    "closed after 100": Case(
        says_and_closes(head(status="100 Continue")),
        (0, BAD, b""),
        plain=(0, LOST, b""),  # http.client does not tell an interim answer from none
    ),
    "reset in the body": Case(says_and_resets(head("Content-Length: 9") + b"ok"), (200, BAD, b"")),
    "silence": Case(says(), (0, LATE, b""), timeout_s=0.2),
    "silence in the body": Case(says(head("Content-Length: 9") + b"ok"), (200, LATE, b""), timeout_s=0.2),
    "slow body": Case(
        says(head("Content-Length: 99"), *one_by_one(b"x" * 99), pause_s=0.05), (200, LATE, b""), timeout_s=0.3
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_makes_the_right_outcome_of_every_peer(name, kind):
    """Status, failure and body are as the table says, times are in order, and no failure comes without words."""
    case = CASES[name]
    want = case.plain if kind == "plain" and case.plain is not None else case.want
    body = b"x" * 300_000 if case.method == "POST" else None
    with Peer(case.script) as peer:
        user = transport(kind, peer.url, case.timeout_s)
        begun_s = time.perf_counter()
        reply = user.exchange(case.method, "/path", b"X-A: b\r\n", body)
        ended_s = time.perf_counter()
        user.close()
    assert words(reply) == want, reply._replace(body=reply.body[:99], headers={})
    assert begun_s <= reply.sent_s <= reply.done_s <= ended_s
    assert bool(reply.detail) == (reply.failure is not None)
    assert not reply.resent
    assert str(peer.port) not in reply.detail


@pytest.mark.parametrize("kind", KINDS)
def test_sends_what_the_contract_says(kind):
    """Host, the rendered headers, and type and length with a body only; nothing that the user did not ask for."""
    with Peer(answers) as peer:
        user = transport(kind, f"{peer.url}/base/")
        user.exchange("GET", "/a?b=c%20d", b"X-A: b\r\nX-C: d\r\n", None)
        reply = user.exchange("PUT", "/e", b"X-A: b\r\n", b'{"f":1}')
        user.close()
    lines = [set(request.head.decode().split("\r\n")) for request in peer.requests]
    host = f"Host: 127.0.0.1:{peer.port}"
    assert lines[0] == {"GET /base/a?b=c%20d HTTP/1.1", host, "X-A: b", "X-C: d"}
    assert lines[1] == {"PUT /base/e HTTP/1.1", host, "X-A: b", "Content-Type: application/json", "Content-Length: 7"}
    assert reply.body == b'/base/e {"f":1}'
    assert peer.connections == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (("X-HASH: a", "X-Hash: b"), "a, b"),
        (("X-HASH: a", "X-Hash: b", "x-hash: a"), "a, b, a"),
        (("X-Hash: a", "x-HASH:a "), "a"),
        (("X-Hash: \t a b \t ",), "a b"),
        (("X-Hash: a   ",), "a"),
        (("X-Hash:",), ""),
    ],
)
def test_a_header_is_found_in_any_case_without_blanks_and_with_all_its_values(kind, lines, value):
    """Whatever case the target writes; a wrong value before a right one is not overlooked."""
    with Peer(says(head(*lines, "Content-Length: 2") + b"ok")) as peer:
        user = transport(kind, peer.url)
        reply = user.exchange("GET", "/", b"", None)
        user.close()
    assert reply.headers == {"x-hash": value, "content-length": "2"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/a b", "/a\r\nX-Evil: 1", "/ä"])
def test_a_path_cannot_break_the_request(path, kind):
    """Ids that a target chose go into paths: what would break the line is escaped."""
    with Peer(answers) as peer:
        user = transport(kind, peer.url)
        assert user.exchange("GET", path, b"", None).failure is None
        user.close()
    assert len(peer.requests) == 1
    assert b"X-Evil" not in peer.requests[0].head.split(b"\r\n", 1)[1]


def test_the_plain_one_obeys_the_proxy_of_the_environment(monkeypatch):
    """``http_proxy`` gets the whole URL; the target's name is never looked up here."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Peer(answers) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        user = PlainTransport(Route.to(Target.parse("http://acgs.test"), "http://acgs.test", True), 10.0)
        reply = user.exchange("POST", "/path", b"", b"x")
        user.close()
    assert reply.body == b"http://acgs.test/path x"


@pytest.mark.parametrize("kind", KINDS)
def test_connects_over_ipv6(kind):
    """A literal address in brackets works, and stands in brackets in Host."""
    with Peer(answers, host="::1") as peer:
        user = transport(kind, peer.url)
        assert user.exchange("GET", "/six", b"", None).body == b"/six "
        user.close()
    assert f"Host: [::1]:{peer.port}".encode() in peer.requests[0].head


@pytest.mark.parametrize("kind", KINDS)
def test_sends_a_large_body_to_a_slow_reader(kind):
    """Eight megabytes through a small window arrive whole, in many partial sends."""

    def slow(line: Line) -> None:
        line.sleep(0.1)
        answers(line)

    body = MEGABYTE * 8
    with Peer(slow, receive_bytes=4096) as peer:
        user = transport(kind, peer.url)
        reply = user.exchange("POST", "/big", b"", body)
        again = user.exchange("POST", "/small", b"", b"x")
        user.close()
    assert reply.body == b"/big " + body
    assert again.body == b"/small x"
    assert peer.connections == 1

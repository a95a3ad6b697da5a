"""Peers that mean harm or know no better: what each is taken for, by both transports.

Where else the kinds of hostility are tested: HTTP/1.0, chunks, trailers, interim answers, codings, cut bodies, slow
bytes, resets, redirects in ``test_transport``; keep-alive and sending again in ``test_transport_reuse``; TLS in
``test_transport_tls`` and ``test_tls_runs``; names and addresses in ``test_transport_parts``; arbitrary bytes in
``test_fuzz_parser``.
"""

from __future__ import annotations

import time

import pytest
from broken_peers import OK, Line, Peer, answers, says, says_and_closes
from test_transport import BAD, CHUNKED, GZIP_OK, KINDS, LATE, Case, head, transport, words

FINE, REFUSED, SPOILT = (200, None, b"ok"), (0, BAD, b""), (200, BAD, b"")
LENGTH = "Content-Length: 2"


def endless(line: Line) -> None:
    """A header line without an end."""
    line.hear()
    line.say(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        line.say(b"x" * 65536)


CASES = {
    "content-length twice, equal": Case(says(head(LENGTH, LENGTH) + b"ok"), SPOILT, plain=FINE),
    "content-length twice, unlike": Case(says(head(LENGTH, "Content-Length: 3") + b"ok"), SPOILT, plain=REFUSED),
    "content-length as a list": Case(says(head("Content-Length: 2, 2") + b"ok"), REFUSED, plain=SPOILT),
    "content-length negative": Case(says(head("Content-Length: -2") + b"ok"), REFUSED, plain=SPOILT),
    "content-length signed": Case(says(head("Content-Length: +2") + b"ok"), REFUSED, plain=SPOILT),
    "content-length in hex": Case(says(head("Content-Length: 0x2") + b"ok"), REFUSED, plain=SPOILT),
    "content-length of 30 digits": Case(
        says_and_closes(head(f"Content-Length: {'9' * 30}") + b"ok"), REFUSED, plain=SPOILT
    ),
    "content-length too short": Case(says(head(LENGTH) + b"ok and more")),
    "content-length and chunks": Case(
        says_and_closes(head(LENGTH, "Transfer-Encoding: chunked") + b"2\r\nok\r\n0\r\n\r\n"), SPOILT
    ),
    "chunked twice": Case(
        says_and_closes(head("Transfer-Encoding: chunked, chunked") + b"2\r\nok\r\n0\r\n\r\n"), (200, BAD, b"")
    ),
    "chunk size of 20 digits": Case(says_and_closes(CHUNKED + b"f" * 20 + b"\r\nok"), (200, BAD, b"")),
    "chunk size negative": Case(says_and_closes(CHUNKED + b"-2\r\nok\r\n0\r\n\r\n"), (200, BAD, b"")),
    "chunk longer than it says": Case(says_and_closes(CHUNKED + b"1\r\nok\r\n0\r\n\r\n"), (200, BAD, b"")),
    "transfer coded with gzip": Case(
        says_and_closes(head("Transfer-Encoding: gzip", version="1.0") + GZIP_OK), (200, BAD, b"")
    ),
    "header folded": Case(says(b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok"), REFUSED, plain=FINE),
    "header without a colon": Case(says_and_closes(head("nonsense", LENGTH) + b"ok"), REFUSED, plain=FINE),
    "header with a blank before the colon": Case(says_and_closes(head("X-A : b", LENGTH) + b"ok"), REFUSED, plain=FINE),
    "header with a zero byte": Case(says_and_closes(head("X-A: b\0c", LENGTH) + b"ok"), REFUSED, plain=FINE),
    "lines that end in LF alone": Case(
        says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), REFUSED, plain=FINE
    ),
    "line ends before the status line": Case(says(b"\r\n\r\n" + OK), FINE, plain=REFUSED),
    "a header of 200 KB": Case(says(head(f"X-A: {'b' * 200_000}", LENGTH) + b"ok"), FINE, plain=REFUSED),
    "2,000 headers": Case(says(head(*[f"X-{n}: b" for n in range(2000)], LENGTH) + b"ok"), FINE, plain=REFUSED),
    "headers of 2 MB": Case(
        says(head(*[f"X-{n}: {'b' * 2000}" for n in range(1000)], LENGTH) + b"ok"), SPOILT, plain=REFUSED
    ),
    "a header without an end": Case(endless, REFUSED),
    "protocol switched unasked": Case(
        says(head("Upgrade: h2c", "Connection: Upgrade", status="101 Switching Protocols") + b"..."), (101, BAD, b"")
    ),
    "redirect to itself": Case(says(head("Location: /path", LENGTH, status="307 Again") + b"ok"), (307, None, b"ok")),
    "status 999": Case(says(head(LENGTH, status="999 Odd") + b"ok"), (999, None, b"ok")),
    "status of four digits": Case(says_and_closes(head(LENGTH, status="2000 OK") + b"ok"), REFUSED),
    "http/3.7": Case(says_and_closes(head(LENGTH, version="3.7") + b"ok"), REFUSED),
    "a request instead of an answer": Case(says_and_closes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), REFUSED),
    "a thousand interim answers": Case(
        says(head(status="100 Continue") * 1000 + OK), FINE
    ),
    "slow status line": Case(
        says(*[bytes([byte]) for byte in OK], pause_s=0.06), (0, LATE, b""), plain=(200, LATE, b""), timeout_s=0.3
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_makes_the_right_outcome_of_hostile_peers(name, kind):
    """The exact outcome, in time, with words; and the next exchange is clean."""
    case = CASES[name]
    want = case.plain if kind == "plain" and case.plain is not None else case.want
    with Peer(case.script, answers) as peer:
        user = transport(kind, peer.url, case.timeout_s)
        begun_s = time.perf_counter()
        reply = user.exchange("GET", "/path", b"", None)
        took_s = time.perf_counter() - begun_s
        again = user.exchange("POST", "/next", b"", b"x") if reply.failure is not None else None
        user.close()
    assert words(reply) == want, reply._replace(body=reply.body[:99], headers={})
    assert took_s < 9
    assert bool(reply.detail) == (reply.failure is not None)
    if again is not None:
        assert words(again) == (200, None, b"/next x")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("told", [True, False])
def test_a_peer_that_keeps_a_connection_for_three_requests_loses_none(told, kind):
    """Said (``Connection: close`` on the third) or not (it just closes): twelve requests, four connections."""

    def three(line: Line) -> None:
        for number in range(3):
            line.hear()
            line.say(head(LENGTH, *(["Connection: close"] if told and number == 2 else ["Keep-Alive: max=3"])) + b"ok")

    with Peer(three) as peer:
        user = transport(kind, peer.url)
        replies = []
        for number in range(12):
            replies.append(user.exchange("GET", f"/{number}", b"", None))
            time.sleep(0.02)
        user.close()
    assert {words(reply) for reply in replies} == {FINE}
    assert peer.connections == 4
    assert [request.path for request in peer.requests] == [f"/{number}" for number in range(12)]

"""Kept-alive connections: when they are used again, re-opened, and when a request is sent a second time."""

from __future__ import annotations

import time
from typing import NamedTuple

import gevent
import pytest
from broken_peers import (
    OK,
    Line,
    Peer,
    Script,
    answers,
    answers_once_then,
    hears_and_closes,
    hears_and_resets,
    says,
    says_and_closes,
)
from test_transport import BAD, KINDS, LATE, LOST, MEGABYTE, Outcome, head, transport, words

from acgs_load.traffic.transport import fast, plain

NOW_OK = (200, None, b"ok")


class Second(NamedTuple):
    """A second request on a connection that answered one: what the peer does, and what comes of it."""

    method: str
    script: Script
    want: tuple[int, Outcome | None, bytes]
    resent: bool
    idle_s: float = 0.0
    again: Script = says(OK)
    """What the peer does on the next connection."""


def closes(line: Line) -> None:
    """Closes at once, without hearing."""


SECOND = {
    "get, closed: sent again": Second("GET", hears_and_closes, NOW_OK, True),
    "get, reset: sent again": Second("GET", hears_and_resets, NOW_OK, True),
    "post, closed: lost": Second("POST", hears_and_closes, (0, LOST, b""), False),
    "put, reset: lost": Second("PUT", hears_and_resets, (0, LOST, b""), False),
    "post, idle for long, closed: sent again": Second("POST", hears_and_closes, NOW_OK, True, idle_s=0.15),
    "post, idle for long, reset: sent again": Second("POST", hears_and_resets, NOW_OK, True, idle_s=0.15),
    "get, closed twice: lost": Second("GET", hears_and_closes, (0, LOST, b""), True, again=hears_and_closes),
    "get, garbage: not sent again": Second("GET", says_and_closes(b"HTT"), (0, BAD, b""), False),
    "get, cut in the headers: not sent again": Second(
        "GET", says_and_closes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX"), (200, BAD, b""), False
    ),
    "closed while idle: opened again, nothing sent again": Second("POST", closes, NOW_OK, False, idle_s=0.05),
    "reset while idle: opened again, nothing sent again": Second("POST", Line.reset, NOW_OK, False, idle_s=0.05),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SECOND)
def test_sends_again_exactly_what_the_contract_allows(name, kind, monkeypatch):
    """Kept alive, closed before any byte: a GET, or after over a second idle (here 0.1 s); never anything else."""
    monkeypatch.setattr(fast, "RESEND_IDLE_S", 0.1)
    monkeypatch.setattr(plain, "RESEND_IDLE_S", 0.1)
    case = SECOND[name]
    with Peer(answers_once_then(case.script), case.again) as peer:
        user = transport(kind, peer.url)
        first = user.exchange("POST", "/first", b"", b"{}")
        gevent.sleep(case.idle_s)
        begun_s = time.perf_counter()
        second = user.exchange(case.method, "/second", b"", b"{}" if case.method != "GET" else None)
        user.close()
    assert words(first) == NOW_OK
    assert (words(second), second.resent) == (case.want, case.resent)
    assert peer.connections == (2 if case.resent or case.idle_s else 1)
    heard = [request.path for request in peer.requests]
    assert heard.count("/second") <= 1 + case.resent
    assert begun_s <= second.sent_s <= second.done_s


def test_the_rule_says_one_second():
    """The contract's figure."""
    assert fast.RESEND_IDLE_S == plain.RESEND_IDLE_S == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_what_could_not_be_sent_again_is_not_counted_as_resent(kind):
    """The second connection is refused: one request reached the target, so ``resent`` stays false."""
    with Peer(answers_once_then(hears_and_closes)) as peer:
        user = transport(kind, peer.url)
        user.exchange("GET", "/", b"", None)
        peer.refuse()
        reply = user.exchange("GET", "/", b"", None)
    assert (reply.failure, reply.resent) == (LOST, False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_bytes_that_nobody_asked_for_never_become_the_next_answer(pause_s, kind):
    """A response said twice, in one piece or later, costs the connection and nothing else."""

    def twice(line: Line) -> None:
        line.hear()
        wrong = head("Content-Length: 5") + b"wrong"
        line.say(*((OK, wrong) if pause_s else (OK + wrong,)), pause_s=pause_s)
        answers(line)

    with Peer(twice, answers) as peer:
        user = transport(kind, peer.url)
        first = user.exchange("GET", "/first", b"", None)
        gevent.sleep(0.1)
        second = user.exchange("POST", "/second", b"", b"x")
        user.close()
    assert words(first) == NOW_OK
    assert (words(second), second.resent) == ((200, None, b"/second x"), False)
    assert peer.connections == 2 or kind == "plain"  # http.client forgets what it has read too much


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_again_is_timed_from_the_first_send(kind):
    """The time that the first connection took to fail is the user's too."""

    def slow(line: Line) -> None:
        line.hear()
        line.sleep(0.1)

    with Peer(answers_once_then(slow), says(OK)) as peer:
        user = transport(kind, peer.url)
        user.exchange("GET", "/", b"", None)
        reply = user.exchange("GET", "/", b"", None)
        user.close()
    assert (words(reply), reply.resent) == (NOW_OK, True)
    assert reply.done_s - reply.sent_s >= 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_with_half_a_request_on_it_is_not_used_again(kind):
    """Answered before the body was taken: the rest of the body must not stand before the next request."""

    def early(line: Line) -> None:
        line.sleep(0.1)
        line.say(OK)
        line.sleep(0.2)
        line.reset()

    with Peer(early, answers, receive_bytes=4096) as peer:
        user = transport(kind, peer.url)
        first = user.exchange("POST", "/big", b"", MEGABYTE * 8)
        second = user.exchange("POST", "/next", b"", b"x")
        user.close()
    assert words(first) == NOW_OK or (kind == "plain" and first.failure is LOST)  # http.client sends it all first
    assert second.body == b"/next x"
    assert peer.connections == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "last", [head("Connection: close", "Content-Length: 2") + b"ok", head("Content-Length: 2", version="1.0") + b"ok"]
)
def test_a_connection_that_the_peer_will_close_is_not_used_again(last, kind):
    """``Connection: close`` and HTTP/1.0 count even where the peer keeps the connection open."""
    with Peer(says(last), answers) as peer:
        user = transport(kind, peer.url)
        user.exchange("GET", "/", b"", None)
        assert user.exchange("POST", "/next", b"", b"x").body == b"/next x"
        user.close()
    assert peer.connections == 2


@pytest.mark.parametrize("kind", KINDS)
def test_after_every_failure_the_next_exchange_is_clean(kind):
    """Time-out, cut body, garbage: whatever is still to come of them stays on a connection that is gone."""

    def late(line: Line) -> None:
        line.hear()
        line.sleep(0.3)
        line.say(head("Content-Length: 4") + b"late")
        line.hold()

    scripts = (late, says_and_closes(head("Content-Length: 9") + b"cut"), says(b"garbage\r\n"), answers)
    with Peer(*scripts) as peer:
        user = transport(kind, peer.url, timeout_s=0.2)
        failures = [user.exchange("GET", f"/{n}", b"", None).failure for n in range(3)]
        gevent.sleep(0.2)
        assert user.exchange("GET", "/clean", b"", None).body == b"/clean "
        user.close()
    assert failures == [LATE, BAD, BAD]

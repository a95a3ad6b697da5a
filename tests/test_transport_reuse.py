"""Kept-alive connections: when they are used again, re-opened, and when a request is sent a second time."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
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
from test_transport import BAD, KINDS, LATE, LOST, Outcome, head, maker, transport, words

from acgs_load.traffic import fast, plain

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


def test_two_hundred_users_each_get_their_own_answers():
    """Fast: every request is answered once, in order, to the one who asked."""

    def life(number: int) -> list[bytes]:
        user = make_user()
        bodies = [user.exchange("POST", f"/{number}/{turn}", b"", b"%d" % number).body for turn in range(25)]
        user.close()
        return bodies

    with Peer(answers) as peer:
        make_user = maker("fast", peer.url, 30.0)
        lives = [gevent.spawn(life, number) for number in range(200)]
        gevent.joinall(lives, timeout=60)
    for number, user in enumerate(lives):
        assert user.value == [b"/%d/%d %d" % (number, turn, number) for turn in range(25)]
    assert peer.connections == 200
    assert len(peer.requests) == 5000


def test_a_killed_user_leaves_nothing_behind():
    """Fast: killed while it waits for the answer or the connection, its connection is closed and nobody is woken."""
    with Peer(says(head("Content-Length: 9"), b"late", pause_s=0.1), answers) as peer:
        user = transport("fast", peer.url)
        waiting = gevent.spawn(user.exchange, "GET", "/killed", b"", None)
        gevent.sleep(0.05)
        waiting.kill()
        gevent.sleep(0.15)
        assert isinstance(waiting.value, gevent.GreenletExit)
        assert user.exchange("GET", "/after", b"", None).body == b"/after "
        user.close()


def test_a_user_who_is_killed_while_connecting_leaves_nothing_behind():
    """Fast: a listener whose queue is full answers no connection; the kill ends the waiting at once."""
    with full_listener() as url:
        user = transport("fast", url)
        waiting = gevent.spawn(user.exchange, "GET", "/", b"", None)
        gevent.sleep(0.05)
        waiting.kill(timeout=1)
        assert waiting.ready()


@pytest.mark.parametrize("kind", KINDS)
def test_connecting_counts_into_the_time_out(kind):
    """A listener whose queue is full is a time-out, in words that say so."""
    with full_listener() as url:
        reply = transport(kind, url, timeout_s=0.2).exchange("GET", "/", b"", None)
    assert (reply.failure, reply.detail) == (LATE, "no connection in time")
    assert reply.done_s - reply.sent_s >= 0.2


def test_closing_ends_an_exchange_of_another_greenlet():
    """Fast: a user that is stopped from outside gets an outcome instead of waiting for its time-out."""
    with Peer(says()) as peer:
        user = transport("fast", peer.url)
        waiting = gevent.spawn(user.exchange, "GET", "/", b"", None)
        gevent.sleep(0.05)
        user.close()
        reply = waiting.get(timeout=5)
    assert (reply.failure, reply.detail, reply.resent) == (LOST, "closed by its own user", False)


def test_one_exchange_at_a_time():
    """Fast: two greenlets on one connection would read each other's answers; the second is told so."""
    with Peer(answers_once_then(says())) as peer:
        user = transport("fast", peer.url)
        user.exchange("GET", "/", b"", None)
        first = gevent.spawn(user.exchange, "GET", "/", b"", None)
        gevent.sleep(0.05)
        with pytest.raises(RuntimeError, match="one exchange at a time"):
            user.exchange("GET", "/", b"", None)
        first.kill()


def test_slow_headers_run_into_the_time_out():
    """Fast: bytes that keep coming do not prolong the time (unpatched, the plain one notices between reads only)."""
    with Peer(says(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 20, pause_s=0.05)) as peer:
        reply = transport("fast", peer.url, timeout_s=0.3).exchange("GET", "/", b"", None)
    assert (reply.status, reply.failure, reply.detail) == (200, LATE, "answer not complete in time")


_PATCHED = """
import sys
from gevent import monkey
monkey.patch_all()
sys.path[:0] = {paths!r}
from broken_peers import Peer, answers, answers_once_then, says, hears_and_closes, OK
from test_transport import maker
import gevent
for kind in ("fast", "plain"):
    with Peer(answers) as peer:
        make_user = maker(kind, peer.url)
        def life(number):
            user = make_user()
            return [user.exchange("POST", f"/{{number}}/{{turn}}", b"", b"x").body for turn in range(3)]
        lives = [gevent.spawn(life, number) for number in range(10)]
        gevent.joinall(lives)
        for number, user in enumerate(lives):
            assert user.value == [b"/%d/%d x" % (number, turn) for turn in range(3)], user.value
    with Peer(says(b"HTTP/1.1 200 OK\\r\\n", *[b"X: y\\r\\n"] * 40, pause_s=0.05)) as peer:
        reply = maker(kind, peer.url, 0.3)().exchange("GET", "/", b"", None)
        assert reply.failure == "timeout", reply
        assert reply.done_s - reply.sent_s < 1.5, reply
    with Peer(answers_once_then(hears_and_closes), says(OK)) as peer:
        user = maker(kind, peer.url)()
        assert [user.exchange("GET", "/", b"", None).resent for _ in range(2)] == [False, True]
print("fine")
"""


def test_both_work_where_locust_has_patched_the_process():
    """Patched sockets, threads and TLS: the same answers, and no exchange stops the others."""
    paths = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
    ran = subprocess.run(
        [sys.executable, "-c", _PATCHED.format(paths=paths)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout == "fine\n", ran.stderr


@contextlib.contextmanager
def full_listener():
    """A listener that lets nobody in: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as crowd:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            sock = crowd.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        gevent.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"

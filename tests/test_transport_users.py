"""Many users, killed users, users of a patched process: the transports among greenlets."""

from __future__ import annotations

import os
import subprocess
import sys

import gevent
import pytest
from broken_peers import Peer, answers, answers_once_then, full_listener, says
from test_transport import KINDS, LATE, LOST, head, maker, transport, words


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_nobody_takes_runs_into_the_time_out(kind):
    """Connected, but the peer never reads: said in words of its own."""
    with Peer(lambda line: line.sleep(1), receive_bytes=4096) as peer:
        reply = transport(kind, peer.url, timeout_s=0.3).exchange("POST", "/", b"", bytes(8 * 1024 * 1024))
    assert (words(reply), reply.detail) == ((0, LATE, b""), "request not taken in time")


def test_closing_ends_an_exchange_of_another_greenlet():
    """Fast: a user that is stopped from outside gets an outcome instead of waiting for its time-out."""
    with Peer(answers_once_then(says())) as peer:
        user = transport("fast", peer.url)
        user.exchange("GET", "/", b"", None)
        waiting = gevent.spawn(user.exchange, "GET", "/", b"", None)
        gevent.sleep(0.05)
        user.close()
        reply = waiting.get(timeout=30)
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

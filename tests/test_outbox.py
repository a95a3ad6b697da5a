"""Requests leave together at the end of a turn of the loop, users with an answer go on together, given-up ones not."""

import time
from types import SimpleNamespace

import gevent
import pytest
from gevent import monkey

from acgs_load.traffic.transport.connection import Connection
from acgs_load.traffic.transport.deadlines import DeadlineWheel
from acgs_load.traffic.transport.fast import FastTransport
from acgs_load.traffic.transport.faults import CLOSED_HERE, UNANSWERED, UNSENT
from acgs_load.traffic.transport.inbox import Inbox
from acgs_load.traffic.transport.outbox import Outbox

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Held(Outbox):
    """An outbox that is emptied by hand."""

    def __init__(self):
        self.put_in = []

    def put(self, sender):
        self.put_in.append(sender)


def pair(outbox, inbox=None):
    """A connection on one end of a socket pair, and the other end."""
    hub = gevent.get_hub()
    inbox = inbox or Inbox(hub.loop)
    near, far = monkey.get_original("socket", "socketpair")()
    near.setblocking(False)
    far.settimeout(30)
    return Connection(near, None, hub, DeadlineWheel(hub.loop), inbox, outbox), far


def talking(connection, timeout_s=5.0):
    """A user who talks."""
    user = gevent.spawn(connection.talk, b"GET", False, time.perf_counter() + timeout_s)
    gevent.sleep(0.01)
    return user


def test_what_is_put_in_within_a_turn_leaves_at_its_end_and_in_order():
    """Nothing leaves while others are still getting ready."""
    order = []

    class Sender:
        def leave(self):
            order.append(self)

    outbox, senders = Outbox(gevent.get_hub().loop), [Sender(), Sender(), Sender()]

    def turn():
        for sender in senders:
            outbox.put(sender)
        assert order == []

    gevent.spawn(turn).get()
    gevent.sleep(0)
    assert order == senders
    gevent.spawn(turn).kill()
    gevent.sleep(0)
    assert order == senders


def test_a_request_is_sent_when_it_leaves():
    """The time before that is not the target's."""
    outbox = Held()
    connection, far = pair(outbox)
    user = talking(connection)
    asked_s = time.perf_counter()
    outbox.put_in[0].leave()
    assert far.recv(10) == b"GET"
    far.sendall(ANSWER)
    user.get(timeout=30)
    assert asked_s <= connection.sent_s <= connection.done_s
    assert (connection.fault, connection.open, connection.unsent_bytes) == (None, True, 0)


def test_a_request_whose_user_was_stopped_does_not_leave():
    """The connection is closed, and the target sees nothing but that."""
    outbox = Held()
    connection, far = pair(outbox)
    talking(connection).kill()
    outbox.put_in[0].leave()
    assert far.recv(10) == b""
    assert (connection.open, connection.sent_s) == (False, 0.0)


def test_a_request_that_never_left_counts_as_unsent():
    """Its deadline passed, the connection was closed, or the peer said something that was no answer to it."""
    for end, fault in (
        (lambda connection, far: connection.expire(), UNSENT),
        (lambda connection, far: connection.close(), CLOSED_HERE),
        (lambda connection, far: far.sendall(ANSWER), UNANSWERED),
        (lambda connection, far: far.close(), UNANSWERED),
    ):
        outbox = Held()
        connection, far = pair(outbox)
        user = talking(connection)
        gevent.get_hub().loop.run_callback(end, connection, far)
        user.get(timeout=30)
        outbox.put_in[0].leave()
        assert (connection.fault, connection.unsent_bytes, connection.open) == (fault, 3, False)
        assert connection.sent_s == connection.done_s
        far.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_never_left_is_sent_once_and_not_called_resent(method):
    """Requests at the target = samples + resent, also when the peer closes in the turn a request is put in."""
    outbox = Held()
    first, gone = pair(outbox)
    second, far = pair(Outbox(gevent.get_hub().loop))
    transport = FastTransport.__new__(FastTransport)
    transport._connection, transport._timeout_s = first, 5.0
    transport._render = lambda *_: b"REQUEST"
    transport._opening = SimpleNamespace(connection=lambda _deadline_s: second)
    first.done_s = time.perf_counter()
    user = gevent.spawn(transport.exchange, method, "/", b"", None)
    gevent.sleep(0.01)
    gone.close()
    gevent.sleep(0.01)
    outbox.put_in[0].leave()
    gevent.sleep(0.01)
    assert far.recv(100) == b"REQUEST"
    far.sendall(ANSWER)
    reply = user.get(timeout=30)
    assert (reply.status, reply.failure, reply.resent) == (200, None, False)


def test_answers_of_one_turn_are_all_read_before_a_user_goes_on():
    """What one user does with its answer is no part of another's latency."""
    work_s = 0.05
    outbox = Outbox(gevent.get_hub().loop)
    inbox = Inbox(gevent.get_hub().loop)
    lines = [pair(outbox, inbox) for _ in range(4)]

    def work(connection):
        connection.talk(b"GET", False, time.perf_counter() + 5.0)
        until_s = time.perf_counter() + work_s
        while time.perf_counter() < until_s:
            pass

    users = [gevent.spawn(work, connection) for connection, _ in lines]
    gevent.sleep(0.01)
    for _, far in lines:
        far.sendall(ANSWER)
    gevent.joinall(users, timeout=30, raise_error=True)
    dones_s = [connection.done_s for connection, _ in lines]
    assert max(dones_s) - min(dones_s) < work_s


def test_a_user_that_was_stopped_with_its_answer_there_does_not_go_on_twice():
    """It is thrown out of the exchange once; the answer wakes nobody, and nobody else in its place."""
    connection, far = pair(Outbox(gevent.get_hub().loop))
    woken = []

    def user():
        try:
            connection.talk(b"GET", False, time.perf_counter() + 5.0)
        finally:
            gevent.sleep(0.05)
            woken.append(time.perf_counter())

    talker = gevent.spawn(user)
    gevent.sleep(0.01)
    stopped_s = time.perf_counter()
    gevent.get_hub().loop.run_callback(lambda: talker.kill(block=False))
    gevent.get_hub().loop.run_callback(connection.expire)
    talker.join(5)
    assert len(woken) == 1
    assert woken[0] - stopped_s >= 0.05
    assert not connection.open
    far.close()

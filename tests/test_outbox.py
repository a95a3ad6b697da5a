"""Requests leave together at the end of a turn of the loop, and those that were given up do not leave."""

import time
from types import SimpleNamespace

import gevent
import pytest
from gevent import monkey

from acgs_load.traffic.transport.connection import Connection
from acgs_load.traffic.transport.deadlines import DeadlineWheel
from acgs_load.traffic.transport.fast import FastTransport
from acgs_load.traffic.transport.faults import CLOSED_HERE, UNANSWERED, UNSENT
from acgs_load.traffic.transport.outbox import Outbox

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Held(Outbox):
    """An outbox that is emptied by hand."""

    def __init__(self):
        self.put_in = []

    def put(self, sender):
        self.put_in.append(sender)


def pair(outbox):
    """A connection on one end of a socket pair, and the other end."""
    hub = gevent.get_hub()
    near, far = monkey.get_original("socket", "socketpair")()
    near.setblocking(False)
    far.settimeout(2)
    return Connection(near, None, hub, DeadlineWheel(hub.loop), outbox), far


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
    user.get(timeout=2)
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
        user.get(timeout=2)
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
    reply = user.get(timeout=2)
    assert (reply.status, reply.failure, reply.resent) == (200, None, False)

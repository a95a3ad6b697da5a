"""A refusal is heard whenever it comes, also one that was over before anybody listened."""

from __future__ import annotations

import socket

import gevent
import pytest
import zmq

from acgs_load.secret import SECRET_VARIABLE
from acgs_load.traffic.engine.wire import SealedSocket, watch_refusals

CURVE_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\x01" + bytes(31)
"""What a sealed master says first (https://rfc.zeromq.org/spec/23/, greeting)."""


def _told_within(side, seconds):
    """What is told of refusals on a socket until the first of them was."""
    told = []
    ear = gevent.spawn(watch_refusals, side.socket, lambda *what: told.append(what))
    with gevent.Timeout(seconds, AssertionError("no refusal was heard")):
        while not told:
            gevent.sleep(0.01)
    ear.kill()
    return told


def test_a_refusal_before_anybody_listened_is_heard(monkeypatch):
    """A busy worker first looks at what became of its connection when that has long failed, for good: libzmq does not
    try again where one side is sealed and the other is not."""
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as master:
        client = SealedSocket(zmq.DEALER, True)
        client.socket.connect(f"tcp://127.0.0.1:{master.getsockname()[1]}")
        connection, _ = master.accept()
        with connection:
            connection.sendall(CURVE_GREETING)
            while connection.recv(64):
                pass  # the other side's greeting; then it hangs up
        told = _told_within(client, 5)
        client.close(0)
    assert told == [(1, True)]


@pytest.mark.parametrize("secret", ["a secret of the test, long enough", ""])
def test_a_master_hears_of_its_refusals_too(monkeypatch, secret):
    """Whoever comes with another secret or none at all."""
    monkeypatch.setenv(SECRET_VARIABLE, "the master's secret, long enough")
    master = SealedSocket(zmq.ROUTER, True)
    port = master.socket.bind_to_random_port("tcp://127.0.0.1")
    monkeypatch.setenv(SECRET_VARIABLE, secret)
    client = SealedSocket(zmq.DEALER, True)
    client.socket.connect(f"tcp://127.0.0.1:{port}")
    told = _told_within(master, 10)
    client.close(0)
    master.close(0)
    assert told[0][0] == 1

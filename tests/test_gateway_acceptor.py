"""Newcomers are let in while the gateway is busy with those who are there already."""

import asyncio
import errno
import selectors
import socket

import pytest
from test_gateway_support import Gateway

from acgs_load.gateway import acceptor

pytestmark = pytest.mark.slow

ASK, ANSWER = b"GET /gateway/health HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK"
REGULARS, NEWCOMERS = 64, 300
WAITING = 20
"""Requests that every regular has under way, so that the gateway is never out of work."""


class Crowd:
    """Connections of two kinds, and how many answers each kind had."""

    def __init__(self, port, selector):
        self._port, self._selector = port, selector
        self.answers = {"regular": 0, "newcomer": 0}

    def arrive(self, kind, asks):
        line = socket.create_connection(("127.0.0.1", self._port))
        line.sendall(ASK * asks)
        self._selector.register(line, selectors.EVENT_READ, kind)

    def serve(self):
        for key, _ in self._selector.select(10):
            answers = key.fileobj.recv(65536).count(ANSWER)
            self.answers[key.data] += answers
            if key.data == "regular":
                key.fileobj.sendall(ASK * answers)

    def leave(self):
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()


def test_newcomers_do_not_wait_for_a_turn_of_the_loop_each():
    """While 64 connections always have requests waiting, 300 new ones are all answered within a few turns.

    Counted in answers to the 64, not in seconds, so that a slow machine makes no difference: were one let in a turn,
    as libuv would have it, they got some 300 × 64.
    """
    with Gateway() as gateway, selectors.DefaultSelector() as selector:
        crowd = Crowd(gateway.port, selector)
        for _ in range(REGULARS):
            crowd.arrive("regular", WAITING)
        while crowd.answers["regular"] < 2 * WAITING * REGULARS:
            crowd.serve()
        before = crowd.answers["regular"]
        for _ in range(NEWCOMERS):
            crowd.arrive("newcomer", 1)
        while crowd.answers["newcomer"] < NEWCOMERS:
            crowd.serve()
        turns = (crowd.answers["regular"] - before) / REGULARS
        crowd.leave()
    assert turns < 100


class Exhausted(socket.socket):
    """A listening socket in a process that has no descriptor left, for a while."""

    refusals = 2

    def accept(self):
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_want_of_descriptors_is_told_and_passes(monkeypatch, capsys):
    """Whoever comes while there is none is let in later; the gateway does not spin meanwhile."""
    monkeypatch.setattr(acceptor, "PAUSE_S", 0.05)

    class Greeting(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(b"welcome")

    async def come(listener):
        door = acceptor.Acceptor(listener, Greeting)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        assert await reader.readexactly(7) == b"welcome"
        writer.close()
        door.close()

    with Exhausted() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        asyncio.run(asyncio.wait_for(come(listener), 10))
    assert capsys.readouterr().err == "gateway: connections wait outside: Too many open files\n" * 2

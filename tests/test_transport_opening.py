"""Opening connections: names that are looked up, addresses that are tried in turn, time that runs out."""

from __future__ import annotations

import math
import socket
import time
from types import SimpleNamespace

import gevent
import pytest
from broken_peers import Peer, answers, full_listener
from test_transport import KINDS, LOST, transport

from acgs_load.traffic.transport import resolution
from acgs_load.traffic.transport.resolution import Address, Addresses


class Resolver:
    """Answers with what it is given, slowly, and counts."""

    def __init__(self, monkeypatch, *addresses):
        self.addresses, self.asked = addresses, 0
        monkeypatch.setattr(resolution, "gevent", SimpleNamespace(get_hub=lambda: SimpleNamespace(resolver=self)))

    def getaddrinfo(self, *_, **__):
        self.asked += 1
        gevent.sleep(0.01)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in self.addresses]


def test_users_who_start_together_ask_once(monkeypatch):
    """The first asks the name server, the others wait for it, later ones know."""
    resolver = Resolver(monkeypatch, ("127.0.0.1", 1))
    addresses = Addresses("acgs.test", 1)
    users = [gevent.spawn(addresses.known) for _ in range(50)]
    gevent.joinall(users)
    assert {len(user.value) for user in users} == {1}
    assert (addresses.known(), resolver.asked) == ([Address(socket.AF_INET, ("127.0.0.1", 1))], 1)


def test_a_name_that_fails_is_asked_for_again_only_after_a_while(monkeypatch):
    """Fifty users, one question; then the name exists and is found."""
    resolver = Resolver(monkeypatch)
    addresses = Addresses("acgs.test", 1)
    gevent.joinall([gevent.spawn(addresses.known) for _ in range(50)])
    assert (addresses.known(), resolver.asked) == ([], 1)
    resolver.addresses = (("127.0.0.1", 1),)
    addresses._failed_s = time.monotonic() - resolution._FAILURE_HOLDS_S
    assert len(addresses.known()) == 1


def test_every_address_is_tried_and_the_one_that_answered_is_first_next_time(monkeypatch):
    """The first refuses; nobody has to find that out twice."""
    with Peer(answers) as peer:
        Resolver(monkeypatch, ("127.0.0.3", peer.port), ("127.0.0.2", peer.port), ("127.0.0.1", peer.port))
        user = transport("fast", f"http://acgs.test:{peer.port}")
        assert user.exchange("GET", "/x", b"", None).body == b"/x "
        known = user._opening._addresses.known()
        user.close()
    assert [address.place[0] for address in known] == ["127.0.0.1", "127.0.0.3", "127.0.0.2"]


def test_a_slow_name_server_counts_into_the_time_out(monkeypatch):
    """Looking up is a part of connecting."""
    resolver = Resolver(monkeypatch)
    monkeypatch.setattr(resolver, "getaddrinfo", lambda *_, **__: gevent.sleep(3))
    reply = transport("fast", "http://acgs.test", timeout_s=0.1).exchange("GET", "/", b"", None)
    assert (reply.failure, reply.detail) == ("timeout", "no connection in time")
    assert reply.done_s - reply.sent_s < 2


def test_a_black_hole_does_not_eat_the_time_of_the_other_addresses(monkeypatch):
    """Each address gets its share of what is left."""
    with full_listener() as url, Peer(answers) as peer:
        hole = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        Resolver(monkeypatch, hole, ("127.0.0.1", peer.port))
        user = transport("fast", "http://acgs.test", timeout_s=1.0)
        assert user.exchange("GET", "/x", b"", None).body == b"/x "
        user.close()


def test_a_time_out_of_somebody_else_is_none_of_ours(monkeypatch):
    """Who put one around the exchange gets it; the address that was being tried has not failed by it."""
    with full_listener() as url:
        hole = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        Resolver(monkeypatch, hole, hole)
        user = transport("fast", "http://acgs.test", timeout_s=5.0)
        with pytest.raises(gevent.Timeout) as seen, gevent.Timeout(0.2) as theirs:
            user.exchange("GET", "/x", b"", None)
    assert seen.value is theirs


@pytest.mark.parametrize("kind", KINDS)
def test_refused_is_a_connection_error(kind):
    """Nobody listens: said at once, in words without the address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        user = transport(kind, f"http://127.0.0.1:{unused.getsockname()[1]}")
        reply = user.exchange("GET", "/", b"", None)
    assert (reply.failure, reply.detail, reply.resent, reply.sent_bytes) == (LOST, "connection refused", False, 0)
    assert math.isfinite(reply.done_s)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_name_is_a_connection_error(kind):
    """The name server's no (or absence) is an outcome, not an exception."""
    reply = transport(kind, "http://nowhere.invalid").exchange("GET", "/", b"", None)
    assert (reply.failure, reply.detail) == (LOST, "name not resolved")

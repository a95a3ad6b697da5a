"""Opening connections: name, addresses in turn, TCP, TLS, all within one deadline and without blocking the loop."""

from __future__ import annotations

import errno
import functools
import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from gevent import Timeout, get_hub, monkey

from acgs_load.traffic.transport.connection import Connection
from acgs_load.traffic.transport.deadlines import DeadlineWheel
from acgs_load.traffic.transport.faults import CLOSED_IN_HANDSHAKE, UNCONNECTED, UNRESOLVED, Fault, connection_fault
from acgs_load.traffic.transport.inbox import Inbox
from acgs_load.traffic.transport.outbox import Outbox
from acgs_load.traffic.transport.resolution import Address, Addresses
from acgs_load.traffic.transport.target import Target
from acgs_load.traffic.transport.tls import TlsLayer

_RawSocket: type[socket.socket] = monkey.get_original("socket", "socket")
"""The system's socket class even where Locust has patched it: gevent's own would wait where we must not."""
_READABLE, _WRITABLE = 1, 2
_READ_BYTES = 64 * 1024


class Opening:
    """Makes connections to one target; shared by all users of a process."""

    def __init__(self, target: Target, context: ssl.SSLContext | None) -> None:
        self._target = target
        self._context = context
        self._addresses = Addresses(target.host, target.port)
        self._wheel: DeadlineWheel | None = None
        self._boxes: tuple[Inbox, Outbox] | None = None

    def connection(self, deadline_s: float) -> Connection | Fault:
        """An open connection, or why there is none by ``deadline_s`` (``perf_counter``)."""
        return _within(_left_s(deadline_s), lambda: self._by_any_address(deadline_s))

    def _by_any_address(self, deadline_s: float) -> Connection | Fault:
        fault = UNRESOLVED
        addresses = self._addresses.known()
        for tried, address in enumerate(addresses):
            # A black hole must not eat the time of the addresses after it.
            share_s = _left_s(deadline_s) / (len(addresses) - tried)
            result = _within(share_s, functools.partial(self._by, address))
            if isinstance(result, Connection):
                self._addresses.prefer(address)
                return result
            fault = result
        return fault

    def _by(self, address: Address) -> Connection | Fault:
        try:
            sock = _RawSocket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            return connection_fault(error)
        connection: Connection | Fault | None = None
        try:
            connection = self._prepared(sock, address)
        except OSError as error:
            connection = connection_fault(error)
        finally:
            if not isinstance(connection, Connection):
                sock.close()
        return connection

    def _prepared(self, sock: socket.socket, address: Address) -> Connection | Fault:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        progress = sock.connect_ex(address.place)
        if progress == errno.EINPROGRESS:
            _await(sock, _WRITABLE)
            progress = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if progress:
            raise OSError(progress, os.strerror(progress))
        tls = None
        if self._context is not None:
            tls = TlsLayer(self._context, self._target.host)
            if not _shaken(sock, tls):
                return CLOSED_IN_HANDSHAKE
        hub = get_hub()
        if self._wheel is None or self._boxes is None:
            self._wheel, self._boxes = DeadlineWheel(hub.loop), (Inbox(hub.loop), Outbox(hub.loop))
        return Connection(sock, tls, hub, self._wheel, *self._boxes)


def _left_s(deadline_s: float) -> float:
    return max(0.001, deadline_s - time.perf_counter())


def _within(limit_s: float, attempt: Callable[[], Connection | Fault]) -> Connection | Fault:
    """What the attempt comes to, cut off after ``limit_s``. Raises Timeout where somebody else's has run out."""
    timeout = Timeout.start_new(limit_s)
    try:
        return attempt()
    except Timeout as expired:
        if expired is not timeout:
            raise
        return UNCONNECTED
    finally:
        timeout.close()


def _await(sock: socket.socket, events: int) -> None:
    hub = get_hub()
    watcher: Any = hub.loop.io(sock.fileno(), events)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()


def _shaken(sock: socket.socket, tls: TlsLayer) -> bool:
    """True when the handshake is done, false when the peer closes first. Raises OSError (ssl.SSLError is one)."""
    raw = b""
    while True:
        try:
            done = tls.shake(raw)
        finally:
            _send_whole(sock, tls.owed())  # the alert too that tells the peer what we dislike
        if done:
            return True
        _await(sock, _READABLE)
        raw = sock.recv(_READ_BYTES)
        if not raw:
            return False


def _send_whole(sock: socket.socket, data: bytes) -> None:
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            _await(sock, _WRITABLE)

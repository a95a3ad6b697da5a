"""From a host name to addresses: once per process, by gevent's resolver, with everybody else waiting for the first."""

from __future__ import annotations

import socket
import time
from typing import Any, NamedTuple

import gevent
from gevent.lock import Semaphore

_FAILURE_HOLDS_S = 1.0
"""So long nobody asks again after a failure: a dead name server must not be asked once per user."""


class Address(NamedTuple):
    """What a socket needs to connect."""

    family: int
    place: Any
    """``sockaddr`` of the family."""


class Addresses:
    """All addresses of a host, the one that connected last first."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._known: list[Address] = []
        self._failed_s = -_FAILURE_HOLDS_S
        self._asking = Semaphore(1)

    def known(self) -> list[Address]:
        """The addresses in the order to try; empty if the name cannot be resolved. May switch greenlets."""
        if not self._known:
            with self._asking:
                if not self._known and time.monotonic() - self._failed_s >= _FAILURE_HOLDS_S:
                    self._ask()
        return list(self._known)

    def prefer(self, address: Address) -> None:
        """``address`` connected: try it first from now on."""
        if self._known[0] != address and address in self._known:
            self._known.remove(address)
            self._known.insert(0, address)

    def _ask(self) -> None:
        try:
            rows = gevent.get_hub().resolver.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:  # gaierror; reported as the fault "name not resolved" of every exchange it stops
            self._failed_s = time.monotonic()
            return
        self._known = list(dict.fromkeys(Address(row[0], row[4]) for row in rows))

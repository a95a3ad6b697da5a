"""Locust's sockets, sealed with the run's secret (CurveZMQ): who does not know it gets no message in or out.

Both key pairs are derived from the secret. The handshake of CurveZMQ asks the client for the server's public key, and
nobody knows that one but who knows the secret (https://rfc.zeromq.org/spec/26/).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import zmq.green as zmq
from locust.rpc import zmqrpc
from locust.rpc.zmqrpc import BaseSocket
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from acgs_load.secret import secret_from

REFUSALS = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_AUTH


def sealed() -> bool:
    """Whether this process was given a secret. Raises UsageError for one that is none."""
    return secret_from(os.environ) is not None


def seal() -> None:
    """From now on Locust's sockets in this process are sealed, where there is a secret."""
    # both of Locust's sockets call this class by its name before they bind or connect
    setattr(zmqrpc, "BaseSocket", SealedSocket)  # noqa: B010  # mypy takes classes for constants


class SealedSocket(BaseSocket):
    """Locust's socket with keys, which count from its bind or connect on."""

    def __init__(self, sock_type: int, ipv4_only: bool) -> None:
        BaseSocket.__init__(self, sock_type, ipv4_only)  # type: ignore[no-untyped-call]
        if sock_type == zmq.DEALER:
            # before it dials: libzmq tells a mismatch once and does not dial again, however late somebody listens
            self.socket.get_monitor_socket(REFUSALS)
        secret = secret_from(os.environ)
        if secret is None:
            return
        master_public, master_secret = _keys(secret, "master")
        if sock_type == zmq.ROUTER:
            self.socket.curve_server = True
            self.socket.curve_secretkey = master_secret
            return
        self.socket.curve_serverkey = master_public
        self.socket.curve_publickey, self.socket.curve_secretkey = _keys(secret, "worker")


def watch_refusals(socket: Any, told: Callable[[int, bool], None]) -> None:
    """Call ``told`` for each handshake that fails on ``socket``; a greenlet's work, for ever.

    It is told how many have failed, and whether this one shows that the two sides do not speak the same: one is sealed
    and the other is not. Of a worker's socket none is missed, of a master's only those from now on are heard.
    """
    monitor, failures = socket.get_monitor_socket(REFUSALS), 0
    while True:
        event = parse_monitor_message(monitor.recv_multipart())
        failures += 1
        told(failures, event["event"] == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)


def _keys(secret: str, side: str) -> tuple[bytes, bytes]:
    """Public and secret key of one side, both in Z85."""
    private = z85.encode(hashlib.sha256(f"acgs-load {side}\0{secret}".encode()).digest())
    return zmq.curve_public(private), private

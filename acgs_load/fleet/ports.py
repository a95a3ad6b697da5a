"""TCP ports on this machine: is one free, and which one is."""

from __future__ import annotations

import errno
import socket


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago; who starts a server on it checks that it is its own that answers."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])

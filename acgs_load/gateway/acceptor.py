"""Lets newcomers in, many a turn of the event loop.

libuv, and with it uvloop's servers, accepts one connection a turn (libuv pull request 3696). A gateway that is busy
takes long over a turn, 100 ms and more with thousands of users: at ten newcomers a second a crowd that logs in waits
for minutes in the accept queue, each of them a time-out.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable

ACCEPTS_MOST = 64
"""Newcomers let in at one turn; more would keep those waiting who are there."""
PAUSE_S = 1.0
"""How long nobody is let in after the system has run out of descriptors or memory."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Accepts on a listening, non-blocking socket until closed; ``new_protocol`` makes what serves a connection."""

    def __init__(self, listener: socket.socket, new_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._new_protocol = new_protocol
        self._loop = asyncio.get_running_loop()
        self._openings: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._open()

    def close(self) -> None:
        """Let nobody in any more; the socket stays its owner's."""
        self._loop.remove_reader(self._listener.fileno())
        if self._retry is not None:
            self._retry.cancel()

    def _open(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTS_MOST):
            try:
                newcomer, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # nobody else is waiting, another process was quicker, or the newcomer has left
            except OSError as error:
                self._pause(error)
                return
            newcomer.setblocking(False)
            opening = self._loop.create_task(self._let_in(newcomer))
            self._openings.add(opening)
            opening.add_done_callback(self._openings.discard)

    async def _let_in(self, newcomer: socket.socket) -> None:
        await self._loop.connect_accepted_socket(self._new_protocol, newcomer)

    def _pause(self, error: OSError) -> None:
        """Raises what is no shortage: then the socket itself is broken."""
        if error.errno not in _EXHAUSTED:
            raise error
        print(f"gateway: connections wait outside: {error.strerror}", file=sys.stderr, flush=True)
        self._loop.remove_reader(self._listener.fileno())
        self._retry = self._loop.call_later(PAUSE_S, self._open)

"""One TCP or TLS connection to the target: requests out, answers in, until either side closes it.

The loop calls ``_on_readable`` whenever bytes are there; the user's greenlet is switched to, by the inbox, only when
the answer is whole or known to have failed. A connection is opened once and never again: whoever needs another makes
one.
"""

from __future__ import annotations

import errno
import math
import time
from typing import Any, Protocol

from gevent import getcurrent

from acgs_load.contract import Outcome
from acgs_load.traffic.transport.answer import Answer
from acgs_load.traffic.transport.deadlines import DeadlineWheel
from acgs_load.traffic.transport.faults import (
    CLOSED_HERE,
    SILENT,
    SLOW,
    UNANSWERED,
    UNSENT,
    Fault,
    connection_fault,
    error_words,
)
from acgs_load.traffic.transport.inbox import Inbox
from acgs_load.traffic.transport.outbox import Outbox
from acgs_load.traffic.transport.tls import TlsLayer

_READ_BYTES = 64 * 1024
_READABLE, _WRITABLE = 1, 2
"""gevent's (libev's) event numbers."""
_PEER_CLOSED = frozenset({errno.EPIPE, errno.ECONNRESET})


class Socket(Protocol):
    """What is used of a non-blocking C socket."""

    def recv(self, size: int, /) -> bytes:
        """Some bytes, none at the end; BlockingIOError if there are none yet."""
        ...

    def send(self, data: bytes | memoryview, /) -> int:
        """How many bytes were taken; BlockingIOError if none."""
        ...

    def fileno(self) -> int:
        """Its number."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class Connection:
    """An open connection. After ``talk`` look at ``fault``; if there is none, ``answer`` is whole."""

    __slots__ = (
        "_hub",
        "_inbox",
        "_outbox",
        "_reading",
        "_recv",
        "_request",
        "_send",
        "_socket",
        "_tls",
        "_unsent",
        "_waiting",
        "_wheel",
        "_writing",
        "answer",
        "deadline_s",
        "done_s",
        "enrolled_s",
        "fault",
        "open",
        "received_bytes",
        "sent_s",
    )

    def __init__(
        self, socket: Socket, tls: TlsLayer | None, hub: Any, wheel: DeadlineWheel, inbox: Inbox, outbox: Outbox
    ) -> None:
        self.answer = Answer()
        self.open = True
        self.fault: Fault | None = None
        self.received_bytes = 0
        """Bytes of the current answer."""
        self.sent_s = 0.0
        """When the last request left, or was given up before it did."""
        self.done_s = 0.0
        """When the last answer was whole or known to have failed."""
        self.deadline_s = math.inf
        self.enrolled_s = math.inf
        self._socket, self._tls, self._hub, self._wheel = socket, tls, hub, wheel
        self._inbox, self._outbox = inbox, outbox
        self._recv, self._send = socket.recv, socket.send
        self._request: bytes | None = None
        """What has not left yet."""
        self._waiting: Any = None
        """The greenlet that awaits an answer; None as soon as that is there."""
        self._unsent: memoryview | None = None
        self._writing: Any = None
        self._reading = hub.loop.io(socket.fileno(), _READABLE)
        self._reading.start(self._on_readable)

    def talk(self, request: bytes, head_only: bool, deadline_s: float) -> None:
        """Send ``request`` and wait until its answer is whole or has failed. Closes if the greenlet is killed."""
        if self._waiting is not None:
            raise RuntimeError("a connection carries one exchange at a time; give each user a transport of its own")
        answer = self.answer
        answer.expect(head_only)
        self.received_bytes = 0
        self.deadline_s = deadline_s
        if deadline_s < self.enrolled_s:
            self._wheel.enrol(self)
        self._waiting = user = getcurrent()
        self._request = request
        self._outbox.put(self)
        try:
            while self._waiting is not None:
                self._hub.switch()
        except BaseException:  # a user is stopped by GreenletExit or gevent.Timeout, which are no Exceptions
            self._waiting = self._request = None
            self._inbox.drop(user)
            self.close()
            raise
        if not answer.keep_alive or self._unsent is not None or answer.surplus:
            self.close()

    @property
    def unsent_bytes(self) -> int:
        """What the peer did not take of the last request (over TLS: of its records)."""
        return 0 if self._unsent is None else len(self._unsent)

    def expire(self) -> None:
        """The deadline has passed."""
        if self._unsent is not None or self._request is not None:
            self._fail(UNSENT)
        else:
            self._fail(SLOW if self.received_bytes else SILENT)

    def close(self) -> None:
        """Close for good; an exchange in flight fails."""
        if not self.open:
            return
        self.open = False
        self._reading.stop()
        self._reading.close()
        self._stop_writing()
        self._socket.close()
        if self._waiting is not None:
            self._hub.loop.run_callback(self._fail, CLOSED_HERE)

    def leave(self) -> None:
        """Send the request, unless the exchange is over already. For the outbox to call."""
        request = self._request
        if request is None:
            return
        self._request = None
        self.sent_s = time.perf_counter()
        try:
            wire = request if self._tls is None else self._tls.seal(request)
            sent = self._send(wire)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._unsendable(error)
            return
        if sent < len(wire):
            self._unsent = memoryview(wire)[sent:]
            self._writing = self._hub.loop.io(self._socket.fileno(), _WRITABLE)
            self._writing.start(self._on_writable)

    def _on_writable(self) -> None:
        unsent = self._unsent
        if unsent is None:
            return
        try:
            sent = self._send(unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._stop_writing()
            self._unsendable(error)
            return
        if sent < len(unsent):
            self._unsent = unsent[sent:]
        else:
            self._unsent = None
            self._stop_writing()

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.stop()
            self._writing.close()
            self._writing = None

    def _unsendable(self, error: OSError) -> None:
        # A peer that closed may have said why before (413, 503): the readable side tells, at once.
        if error.errno not in _PEER_CLOSED:
            self._break(error)
        elif self._unsent is None:
            self._unsent = memoryview(b"")

    def _on_readable(self) -> None:
        try:
            data = self._recv(_READ_BYTES)
            if self._tls is not None:
                data = self._tls.unseal(data)
                if not data and not self._tls.ended:
                    return
        except BlockingIOError:
            return
        except OSError as error:
            self._break(error)
            return
        if data:
            self._take(data)
        else:
            self._end()

    def _take(self, data: bytes) -> None:
        if self._waiting is None:
            self.close()  # Nobody asked for these bytes; they must not become the next answer.
            return
        if self._request is not None:
            self._fail(UNANSWERED)
            return
        self.received_bytes += len(data)
        answer = self.answer
        fault = answer.take(data)
        last = self._tls is not None and self._tls.ended
        if fault is not None:
            self._fail(fault)
        elif answer.whole:
            if last:
                answer.keep_alive = False
            self._wake()
        elif last:
            self._end()

    def _end(self) -> None:
        if self._waiting is None:
            self.close()
        elif self.answer.end():
            self._wake()
        elif self.received_bytes == 0:
            self._fail(UNANSWERED)
        else:
            self._fail(Fault(Outcome.BAD_RESPONSE, f"closed in the {self.answer.place}"))

    def _break(self, error: OSError) -> None:
        if self._waiting is None:
            self.close()
        elif self.received_bytes == 0:
            self._fail(connection_fault(error))
        else:
            self._fail(Fault(Outcome.BAD_RESPONSE, f"{error_words(error)} in the {self.answer.place}"))

    def _fail(self, fault: Fault) -> None:
        if self._waiting is None:
            return
        self.fault = fault
        self._wake()

    def _wake(self) -> None:
        """End the exchange."""
        self.done_s = time.perf_counter()
        if self._request is not None:
            self.sent_s, self._unsent, self._request = self.done_s, memoryview(self._request), None
        self.deadline_s = math.inf
        waiting, self._waiting = self._waiting, None
        self._inbox.put(waiting)

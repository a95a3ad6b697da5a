"""The HTTP/1 connection: uvicorn's protocol on llhttp, with the contract's answer to garbage, and bounded patience."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from acgs_load.gateway.joined import JoinedWrites

REQUEST_LIMIT_S = 30.0
"""A request that is not complete after so long costs its sender the connection (slow senders, lying lengths)."""
LEFTOVER_LIMIT_S = 2.0
"""How long the rest of a body is read and thrown away after the answer is out, so that a sender can read it."""


class Wire(HttpToolsProtocol):
    """One connection. ``self.app`` is the Application, which says what malformed bytes are answered."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._incomplete = False
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """From now on an answer's head waits for its body."""
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; a request left incomplete starts the clock."""
        super().data_received(data)
        if self._incomplete:
            if self._patience is None:
                self._patience = self.loop.call_later(REQUEST_LIMIT_S, self.transport.abort)
        elif self._patience is not None:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clock."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins: when, and how the planted defect that drops connections gets out, stand in the scope."""
        super().on_message_begin()
        self._incomplete = True
        told: dict[object, object] = {"abort": self.transport.abort, "received_s": time.monotonic()}
        self.scope["extensions"] = {"acgs.wire": told}

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._incomplete = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is out; if its request is still coming in, the rest is given little time."""
        super().on_response_complete()
        if self._incomplete and not self.transport.is_closing():
            self._stop_waiting()
            self._patience = self.loop.call_later(LEFTOVER_LIMIT_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answers bytes that are no HTTP, unless a complete request before them still waits for its own answer."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False  # its answer is the last on this connection
            return
        if self.transport.is_closing():
            return
        headers, body = self.app.malformed()
        lines = [STATUS_LINE[400], *(b"%b: %b\r\n" % pair for pair in headers), b"connection: close\r\n\r\n", body]
        self.transport.write(b"".join(lines))
        self.transport.close()

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

"""A transport that sends an answer's head together with its body: one system call and one packet in place of two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_HEAD_END = b"\r\n\r\n"
_INTERIM = b"HTTP/1.1 100 "


class JoinedWrites(asyncio.Transport):
    """Holds a head back until the next write, or until the event loop's next turn when none comes (HEAD)."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.is_closing: Callable[[], bool] = transport.is_closing
        self.pause_reading: Callable[[], None] = transport.pause_reading
        self.resume_reading: Callable[[], None] = transport.resume_reading

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Sends ``data`` after a head that was held back; a head is held back itself."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif isinstance(data, bytes) and data.endswith(_HEAD_END) and not data.startswith(_INTERIM):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Closes once everything is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        self._head = b""
        self._transport.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport below knows."""
        return self._transport.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

"""The gateway's own log: one line a request, so that what a load generator claims can be held against it.

A line is ``EPOCH MONOTONIC DURATION STATUS OPERATION METHOD PATH``: when the request's first bytes were read (seconds
since the epoch; seconds of the monotonic clock that all processes of a machine share), how many seconds later its
answer was written, and what was asked and said. Status 0: closed without an answer. Times of a gateway are its own,
so a request that waits in the system's buffers is not here yet. Nothing of a header or body is in it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from acgs_load.errors import UsageError

FLUSH_INTERVAL_S = 0.2
LINES_MOST = 512
"""So many lines are kept before they are written, whatever the time; each process writes whole lines."""


class RequestLog:
    """A file that several processes append to. Make it before the workers are forked; ``close`` it in each."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError where the file cannot be written."""
        self._path = path
        self._lines: list[str] = []
        self._anchor_s = time.time() - time.monotonic()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(f"--log {path}: {error.strerror}; name a file that can be written") from None

    def note(self, received_s: float, status: int, operation: str, method: str, target: bytes) -> None:
        """A request for ``target`` (path and query as sent) that came at ``received_s`` and is answered now."""
        path = target.decode("ascii", "backslashreplace")
        took_s = time.monotonic() - received_s
        epoch_s = received_s + self._anchor_s
        self._lines.append(f"{epoch_s:.6f} {received_s:.6f} {took_s:.6f} {status} {operation} {method} {path}\n")
        if len(self._lines) >= LINES_MOST:
            self.flush()

    def flush(self) -> None:
        """Write what is kept. Where the disk refuses, the log ends here with a word on stderr: the gateway goes on."""
        text, self._lines = "".join(self._lines), []
        if not text:
            return
        try:
            os.write(self._file, text.encode("ascii"))
        except OSError as error:
            print(f"gateway: --log {self._path}: {error.strerror}; lines are lost", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Write the rest; nothing may be noted after this."""
        self.flush()
        os.close(self._file)

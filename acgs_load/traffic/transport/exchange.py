"""The seam between those who decide what to send and those who move bytes: one method, plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from acgs_load.contract import Outcome


class Reply(NamedTuple):
    """What came back for one request, or how it failed. Times are ``time.perf_counter()`` seconds."""

    status: int
    """0 where no complete status line arrived."""
    headers: Mapping[str, str]
    """Names in lower case; different values of one name joined by commas, blanks around a value left out."""
    body: bytes
    """Decoded from chunked and gzip; empty on failure."""
    sent_s: float
    """First send of the request (the first try, where it was re-sent)."""
    done_s: float
    """Taken when the last byte was read in the loop, or when the failure was known."""
    failure: Outcome | None = None
    """``connection_error``, ``timeout`` or ``bad_response`` (no complete HTTP response); None where it is whole."""
    detail: str = ""
    """A few words on the failure, free of addresses and ids: ``connection refused``, ``closed in the body``."""
    resent: bool = False
    sent_bytes: int = 0
    received_bytes: int = 0


class Transport(Protocol):
    """One user's keep-alive connection to the target. ``exchange`` never raises for what a peer can do."""

    def exchange(self, method: str, path: str, headers: bytes, body: bytes | None) -> Reply:
        """Send one request and wait for the whole answer, the failure or the time-out.

        ``headers`` are rendered lines (``b"Name: value\\r\\n"`` each) without Host, Content-Type, Content-Length;
        those three are the transport's own (the last two only with a body).
        """
        ...

    def close(self) -> None:
        """Close the connection; a later exchange opens a new one."""
        ...

"""What is begun must be known to whoever ends it: signals wait until both have happened."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a process to end. The last is a terminal that was closed, or a connection to one that broke."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """SIGINT, SIGTERM, SIGHUP that come within the block mean what they mean when it is over, in the order they came.

    A handler that raises between the fork of a child and the line that notes it would leave the child to nobody. The
    signals are not blocked but received, as children inherit the one and not the other. Threads other than the main one
    are never interrupted, so nothing is done there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: handler for number in ENDINGS if (handler := signal.getsignal(number)) is not signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for received in came:
            signal.raise_signal(received)

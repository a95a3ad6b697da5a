"""SIGINT and SIGTERM end a run in order, whenever they come; Locust's own handlers come too late or not at all.

The handlers are Python's, not the event loop's: they do next to nothing and leave the rest to a greenlet.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

import gevent

on_signal: Callable[[int], None] | None = None
"""What to do about a signal, once this process knows what it is; until then it simply ends."""


def install() -> None:
    """Take both signals over."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _received)


def follow(react: Callable[[int], None]) -> None:
    """From now on, ``react`` to signals; it runs in a greenlet of its own."""
    global on_signal
    on_signal = react


def _received(number: int, _frame: FrameType | None) -> None:
    gevent.spawn(_react, number)


def _react(number: int) -> None:
    if on_signal is None:
        sys.exit(128 + number)
    on_signal(number)

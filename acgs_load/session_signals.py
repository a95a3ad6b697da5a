"""Signals while a run lasts: they end it in order, whatever it is doing."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Protocol

from acgs_load.uninterrupted import ENDINGS


class Interruptible(Protocol):
    """What can be ended before its time."""

    def interrupt(self) -> None:
        """End in order; asked again, at once."""


class OrderlyEnd:
    """``ENDINGS`` mean "end in order" within the ``with`` block, and what they meant before after it.

    Under nohup SIGHUP stays ignored.
    """

    def __init__(self, run: Interruptible) -> None:
        self._run = run

    def __enter__(self) -> None:
        wanted = [one for one in ENDINGS if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._on_signal) for number in wanted}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._run.interrupt()

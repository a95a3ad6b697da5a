"""Standard output and error, which may be closed, full, gone or ASCII: no run and no exit code hangs on a reader."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, TextIO, cast


class Outlet:
    """A stream that goes on when nobody can be told any more: what cannot be written from then on is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop."""
        try:
            self._stream.write(text)
        except OSError:
            let_go(self._stream)
        return len(text)

    def flush(self) -> None:
        """Send what was written, or drop it."""
        try:
            self._stream.flush()
        except OSError:
            let_go(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def let_go(stream: TextIO) -> None:
    """Have the stream, and what it still holds, end in nothing: Python flushes it once more at exit, and would fail."""
    with suppress(OSError, ValueError):  # io.UnsupportedOperation, of streams without a descriptor, is both
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def spell_any_letter() -> None:
    """Have standard output and error write ``?`` for letters that their encoding lacks, rather than raise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def lasting_output() -> TextIO | None:
    """Standard output as an Outlet; None where it was closed from the beginning."""
    return cast("TextIO", Outlet(sys.stdout)) if sys.stdout is not None else None


def complain(program: str, text: str) -> None:
    """One line on standard error; where nobody can be told, the exit code says it alone."""
    if sys.stderr is not None:
        print(f"{program}: {text}", file=Outlet(sys.stderr), flush=True)

"""A process on a real pseudo-terminal, and what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

import pyte
from running import PROJECT


class Terminal:
    """``run_load_test.py`` on a terminal of so many columns and lines; always ended."""

    def __init__(self, columns: int, lines: int, *options: str, **environ: str) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=2_000)
        self._stream = pyte.ByteStream(self.screen)
        self.told = b""
        """Every byte that was written."""
        self._own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ACGS_", "LOCUST_"))}
        for name in ("CI", "NO_COLOR", "COLUMNS", "LINES"):
            clean.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "run_load_test.py", *options],
            cwd=PROJECT,
            env={**clean, "TERM": "xterm-256color", **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            # the terminal is theirs: what is typed on it reaches them as signals
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def read(self, seconds: float) -> None:
        """Take in what is written for so long, or until nobody writes any more."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if not select.select([self._own], [], [], left_s)[0]:
                return
            try:
                told = os.read(self._own, 65_536)
            except OSError:  # Linux: nobody has the other end open any more
                return
            self.told += told
            self._stream.feed(told)

    def when(self, met: Callable[[str], bool], within_s: float = 60.0) -> str:
        """Wait until the screen is as wanted; gives it."""
        deadline_s = time.monotonic() + within_s
        while not met(self.text):
            assert time.monotonic() < deadline_s, self.everything
            assert self.process.poll() is None, self.everything
            self.read(0.2)
        return self.text

    def type(self, keys: bytes) -> None:
        """Press these keys."""
        os.write(self._own, keys)

    def finish(self, within_s: float = 90.0) -> int:
        """Wait for the end; gives the exit status."""
        deadline_s = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, self.everything
            self.read(0.2)
        self.read(0.5)
        return self.process.returncode

    def close(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        os.close(self._own)

    @property
    def text(self) -> str:
        """What stands on the screen now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def everything(self) -> str:
        """What has scrolled away, too."""
        gone = ("".join(line[place].data for place in range(self.screen.columns)) for line in self.screen.history.top)
        return "\n".join([*(line.rstrip() for line in gone), self.text])

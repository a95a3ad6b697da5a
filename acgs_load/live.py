"""What a person sees while the run goes on: one calm view on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.live import Live
from rich.text import Text

from acgs_load.live_line import line_of
from acgs_load.live_screen import screen
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder
from acgs_load.snapshot import Snapshot

PLAIN_EVERY_S = 10.0
"""Without a terminal, one line every ten seconds is enough for a log."""
PLAIN_VARIABLES = ("CI", "NO_COLOR")
"""Who sets one of them reads a log, or wants no screen that moves."""


def is_calm_enough(plan: Plan, console: Console, environ: Mapping[str, str]) -> bool:
    """Whether a view that redraws itself is wanted and possible."""
    plain = any(environ.get(name) for name in PLAIN_VARIABLES)
    return plan.live and console.is_terminal and not console.is_dumb_terminal and not plain


class LiveView:
    """Follows the ``progress.json`` that the master writes. Use as a context manager; ``update`` now and then."""

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        console: Console,
        *,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._console = console
        self._clock = clock
        self._live: Live | None = None
        if is_calm_enough(plan, console, environ):
            # no thread redraws it: what is shown changes once a second at most
            self._live = Live(console=console, auto_refresh=False, transient=True)
        self._written: tuple[int, int] | None = None
        self._snapshot: Snapshot | None = None
        self._printed_s = float("-inf")
        self._warned = 0
        self._pending: list[Text] = []

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        if self._live is not None:
            self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """Have a line said above the view at its next update; callable from signal handlers and threads."""
        self._pending.append(Text(text, style=style))

    def update(self) -> None:
        """Read what is new, say what has to be said, and show how the run stands."""
        fresh = self._read()
        self._flush()
        if self._snapshot is None or (not fresh and self._live is not None):
            return
        if self._live is not None:
            self._show(self._live, self._snapshot)
        elif self._clock() - self._printed_s >= PLAIN_EVERY_S:
            self._printed_s = self._clock()
            self._console.print(line_of(self._snapshot, self._plan), highlight=False, soft_wrap=True)

    def _show(self, live: Live, snapshot: Snapshot) -> None:
        if not live.is_started:
            live.start()
        size = self._console.size
        live.update(screen(snapshot, size.width, size.height - 1, self._plan.compliance_monitoring), refresh=True)

    def _read(self) -> bool:
        """Whether there is a newer snapshot. A file that is replaced while it is read is complete, old or new."""
        try:
            stat = self._folder.progress.stat()
        except FileNotFoundError:
            return False
        written = (stat.st_ino, stat.st_mtime_ns)
        if written == self._written:
            return False
        self._written = written
        self._snapshot = Snapshot.from_json(self._folder.progress.read_bytes())
        for warned in self._snapshot.warnings[self._warned :]:
            self.say(f"warning: at {warned.at_s:.0f} s: {warned.text}", "yellow")
        self._warned = len(self._snapshot.warnings)
        return True

    def _flush(self) -> None:
        while self._pending:
            self._console.print(self._pending.pop(0), soft_wrap=True, highlight=False)

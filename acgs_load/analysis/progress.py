"""A progress bar for what takes longer than two seconds; what is quicker, or is no terminal, shows none."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PATIENCE_S = 2.0


class Bar:
    """Hears how far the work is, and draws it once it has taken ``PATIENCE_S``. A context; gone at its end."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(file=sys.stderr)
        self._clock = clock
        self._began_s = clock()
        self._drawn: Progress | None = None
        self._stage = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn is not None:
            self._drawn.stop()

    def stage(self, name: str) -> None:
        """What is done from now on; how far is not known until ``told``."""
        self._stage = name
        self.told(None)

    def told(self, share: float | None) -> None:
        """How far the stage is, 0–1; None where nobody knows."""
        if not self._console.is_terminal or self._clock() - self._began_s < PATIENCE_S:
            return
        if self._drawn is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._drawn = Progress(*columns, console=self._console, transient=True)
            self._drawn.add_task(self._stage, total=None)
            self._drawn.start()
        task = self._drawn.task_ids[0]
        self._drawn.update(task, description=self._stage, total=None if share is None else 1.0, completed=share or 0.0)

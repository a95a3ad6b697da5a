"""What a person sees while the run goes on: one line that says where it stands and how it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import IO, Any

from rich.console import Console

from acgs_load.measures import Slice, measure
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder
from acgs_load.samples import Window, WindowKey
from acgs_load.timeline import Timeline
from acgs_load.units import format_duration

RECENT_S = 10
"""The line speaks of the last ten seconds that are complete."""
PLAIN_EVERY_S = 10.0
"""Without a terminal, one line every ten seconds is enough for a log."""


class LiveLine:
    """Follows a run folder that the master is writing, and says how the run goes."""

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._console = console
        self._clock = clock
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._timeline = Timeline(0.0, ())
        self._totals = Window()
        self._users: dict[str, int] = {}
        self._health: IO[str] | None = None
        self._first_second: int | None = None
        self._last_second = 0
        self._printed_s = float("-inf")

    def update(self) -> None:
        """Read what is new and show the line: in place on a terminal, now and then elsewhere."""
        self._read_windows()
        self._read_users()
        if self._first_second is None:
            return
        if self._console.is_terminal and self._plan.live:
            self._console.print(self.text(), end="\r", no_wrap=True, overflow="crop", highlight=False)
        elif self._clock() - self._printed_s >= PLAIN_EVERY_S:
            self._printed_s = self._clock()
            self._console.print(self.text(), highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the last line standing and let go of the files."""
        if self._first_second is not None and self._console.is_terminal and self._plan.live:
            self._console.print()
        for file in (self._file, self._health):
            if file is not None:
                file.close()

    def text(self) -> str:
        """``[ 12s/30s hold] 20 users · 55 RPS · p95 12 ms · errors 0.0 % · compliance 98.2 % · violations 0``."""
        begin = self._first_second or 0
        elapsed_s = self._last_second - begin + 1
        recent = self._timeline.slice(from_second=self._last_second - RECENT_S + 1, to_second=self._last_second + 1)
        recent = Slice(recent.by_operation, float(min(RECENT_S, elapsed_s)))
        parts = [
            f"[{elapsed_s:>4}s/{format_duration(self._plan.duration_s)} {self._plan.phase_at(elapsed_s)}]"
            f" {sum(self._users.values())} users",
            _number(measure("throughput_rps", recent).value, "{:,.0f} RPS"),
            _number(measure("latency_p95_ms", recent).value, "p95 {:,.0f} ms"),
            _number(_percent(measure("error_ratio", recent).value), "errors {:.1f} %"),
        ]
        if self._plan.compliance_monitoring:
            parts.append(_number(_percent(measure("compliance_score", recent).value), "compliance {:.1f} %"))
        parts.append(f"violations {sum(self._totals.violations.values()):,}")
        return " · ".join(part for part in parts if part)

    def _read_windows(self) -> None:
        if self._file is None:
            if not self._folder.windows.exists():
                return
            self._file = self._folder.windows.open("rb")
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            raw: dict[str, Any] = json.loads(line)
            key = WindowKey(*(raw[name] for name in WindowKey._fields))
            window = Window.from_wire(raw)
            self._totals.merge(window)
            self._timeline.add(key, window)
            self._first_second = key.second if self._first_second is None else min(self._first_second, key.second)
            self._last_second = max(self._last_second, key.second)
        self._timeline.forget_before(self._last_second - 2 * RECENT_S)

    def _read_users(self) -> None:
        if self._health is None:
            if not self._folder.generators.exists():
                return
            self._health = self._folder.generators.open(encoding="utf-8")
            self._columns = self._health.readline().strip().split(",")
        for line in self._health.readlines():
            row = dict(zip(self._columns, line.strip().split(","), strict=False))
            if row.get("process", "").startswith(("worker", "local")) and row.get("users", "").isdigit():
                self._users[row["process"]] = int(row["users"])


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _number(value: float | None, pattern: str) -> str:
    return "" if value is None else pattern.format(value)

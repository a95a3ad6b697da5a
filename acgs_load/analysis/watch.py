"""Analyses every finished run under a folder, and each new one as it appears: the container's way of working."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from acgs_load.analysis.judge import analyse
from acgs_load.analysis.terminal import print_report
from acgs_load.analysis.write import JSON_NAME
from acgs_load.errors import ExitCode, LoadTestError, UsageError
from acgs_load.run_folder import RunFolder
from acgs_load.salvage import salvage

INTERVAL_S = 2.0
DEPTH = 3
"""Runs lie at ``<folder>/<test-name>/<stamp>``; one level more is looked into."""


def watch(folder: Path, console: Console) -> ExitCode:
    """Analyse until SIGTERM or SIGINT; a run that is being analysed then is finished first."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    console.print(f"watching {folder} for finished runs", soft_wrap=True, highlight=False)
    watch_until(folder, console, ended.wait, ended.is_set)
    console.print("ended", highlight=False)
    return ExitCode.PASSED


def watch_until(folder: Path, console: Console, wait: Callable[[float], object], ended: Callable[[], bool]) -> None:
    """Look, analyse, wait, until ``ended``. A run that cannot be analysed is said once, and again when it changes."""
    refused: dict[Path, int] = {}
    while not ended():
        _salvage_lost(folder)
        for path in finished(folder):
            if ended():
                return
            changed_ns = _changed_ns(path)
            if refused.get(path) == changed_ns:
                continue
            try:
                print_report(analyse(RunFolder(path)), console)
            except LoadTestError as error:
                refused[path] = changed_ns
                console.print(f"not analysed: {error.line}", style="red", soft_wrap=True, highlight=False, markup=False)
        wait(INTERVAL_S)


def _salvage_lost(folder: Path) -> None:
    """A run whose master was lost is finished once its workers' spools are put together."""
    for depth in range(DEPTH + 1):
        for spools in folder.glob("/".join(["*"] * depth + ["spools"])):
            if not (spools.parent / "run.json").exists():
                with suppress(UsageError):  # told when somebody asks for its report
                    salvage(RunFolder(spools.parent))


def finished(folder: Path) -> Iterator[Path]:
    """Run folders that are complete and have no report yet, the oldest first by name."""
    for depth in range(DEPTH + 1):
        for record in sorted(folder.glob("/".join(["*"] * depth + ["run.json"]))):
            if not (record.parent / JSON_NAME).exists():
                yield record.parent


def _changed_ns(path: Path) -> int:
    """When the files that an analysis may refuse were last written."""
    names = ("run.json", "plan.json", "windows.jsonl", "generators.csv", "resources.csv", "violations.jsonl")
    return max((file.stat().st_mtime_ns for name in names if (file := path / name).exists()), default=0)

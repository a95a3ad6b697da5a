"""Where a run's files are: ``<output>/<test-name>/<stamp>/``, and the names of everything in it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acgs_load.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a test may be called, and what the folder of a run is called."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder. Paths only; who writes each file is said beside it."""

    path: Path

    @property
    def plan(self) -> Path:
        """The resolved plan; written before anything starts."""
        return self.path / "plan.json"

    @property
    def windows(self) -> Path:
        """One JSON object a line: a WindowKey's fields and the Window's wire fields; appended by the master."""
        return self.path / "windows.jsonl"

    @property
    def violations(self) -> Path:
        """One JSON object a line: violation, operation, second, region, text; at most a few each; by the master."""
        return self.path / "violations.jsonl"

    @property
    def generators(self) -> Path:
        """CSV of HealthRow; appended by the master."""
        return self.path / "generators.csv"

    @property
    def roster(self) -> Path:
        """One JSON object a line: each worker as it joined, and when the run began; by the master, as it happens."""
        return self.path / "roster.jsonl"

    @property
    def spools(self) -> Path:
        """What workers kept on their own disks (``spool``), theirs or collected from other machines."""
        return self.path / "spools"

    @property
    def resources(self) -> Path:
        """CSV of the target's CPU and memory; by the runner's sampler."""
        return self.path / "resources.csv"

    @property
    def progress(self) -> Path:
        """How the run stands (a Snapshot); by the master, once a second."""
        return self.path / "progress.json"

    @property
    def run(self) -> Path:
        """How the run went; written last by the master, so its presence means the measurement is complete."""
        return self.path / "run.json"

    @property
    def stats_prefix(self) -> Path:
        """Prefix of Locust's own CSV files: ``stats_stats.csv``, ``stats_stats_history.csv`` …"""
        return self.path / "stats"

    @property
    def preflight(self) -> Path:
        """What the target's health and configuration answered; by the runner."""
        return self.path / "preflight.json"

    @property
    def target_metrics(self) -> Path:
        """The target's own counts after the run (Prometheus text), where it publishes them; by the runner."""
        return self.path / "target_metrics.txt"

    @property
    def logs(self) -> Path:
        """A log file a process."""
        return self.path / "logs"

    @property
    def charts(self) -> Path:
        """PNG charts; by the analyzer."""
        return self.path / "charts"

    def report(self, suffix: str) -> Path:
        """``report.html``, ``report.json``, ``report.md``; by the analyzer."""
        return self.path / f"report.{suffix}"


def create_run_folder(output: Path, name: str, now: datetime | None = None) -> RunFolder:
    """A new, empty folder ``output/name/<UTC stamp>``. Raises UsageError for a bad name or an unwritable place."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--test-name {name!r}: letters, digits, dot, dash and underscore only, 100 at most")
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    for attempt in range(100):
        path = (output / name / (stamp if not attempt else f"{stamp}-{attempt}")).absolute()
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(
                f"--output {output}: cannot create {path} ({error.strerror}); name a writable folder"
            ) from error
        (path / "logs").mkdir()
        return RunFolder(path)
    raise UsageError(f"--output {output}: a hundred runs named {name} within one second; wait a moment")


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or all of the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def shown(path: Path | str) -> str:
    """The path as a person here would type it: relative within the current folder, whole outside of it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative

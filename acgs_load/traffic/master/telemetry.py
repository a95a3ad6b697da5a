"""Everything that workers tell while the run goes on, merged and written down by the master."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any

import orjson

from acgs_load.health import HealthRow
from acgs_load.run_folder import RunFolder
from acgs_load.sample_pages import pages_of
from acgs_load.samples import Window, WindowKey, status_label
from acgs_load.traffic.worker.recorder import EXAMPLES_MAX, Batch

Seen = Callable[[WindowKey, Window], None]
SETTLING_S = 3
"""How long a second is held back for workers that are behind; what comes later is appended later."""


class Telemetry:
    """Appends ``windows.jsonl``, ``violations.jsonl``, ``generators.csv`` and ``roster.jsonl`` of one run."""

    def __init__(self, folder: RunFolder) -> None:
        self._windows: dict[WindowKey, Window] = {}
        self._examples: dict[tuple[str, str, str], int] = {}
        self._windows_file: IO[str] = folder.windows.open("a", encoding="utf-8")
        self._violations_file: IO[str] = folder.violations.open("a", encoding="utf-8")
        self._generators_file: IO[str] = folder.generators.open("a", encoding="utf-8", newline="")
        self._roster_file: IO[str] = folder.roster.open("a", encoding="utf-8")
        self._generators = csv.writer(self._generators_file, lineterminator="\n")
        self._generators.writerow(HealthRow._fields)
        self._generators_file.flush()

    def windows(self, rows: Iterable[Sequence[Any]], seen: Iterable[Seen] = ()) -> int:
        """Merge windows as ``to_rows`` spells them, each shown to ``seen`` before; gives how many samples they hold."""
        samples = 0
        for second, region, scenario, operation, phase, wire in rows:
            key, window = WindowKey(second, region, scenario, operation, phase), Window.from_wire(wire)
            samples += window.samples
            for see in seen:
                see(key, window)
            if key in self._windows:
                self._windows[key].merge(window)
            else:
                self._windows[key] = window
        return samples

    def enrol(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write down at once who takes part and when the run began, for the case that this process does not end it."""
        for row in rows:
            self._roster_file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._roster_file.flush()

    def examples(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the first examples of each (kind, operation, status)."""
        for row in rows:
            key = (row["kind"], row["operation"], status_label(row["status"]))
            count = self._examples[key] = self._examples.get(key, 0) + 1
            if count <= EXAMPLES_MAX:
                self._violations_file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._violations_file.flush()

    def health(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows of processes' health."""
        self._generators.writerows(rows)
        self._generators_file.flush()

    def settle(self, now_s: float) -> Batch:
        """Write and return the windows whose seconds are over long enough."""
        last = int(now_s) - SETTLING_S
        return self._write([key for key in self._windows if key.second < last])

    def close(self) -> Batch:
        """Write and return what is left, and close the files."""
        batch = self._write(list(self._windows))
        for file in (self._windows_file, self._violations_file, self._generators_file, self._roster_file):
            file.close()
        return batch

    def _write(self, keys: list[WindowKey]) -> Batch:
        batch = [(key, self._windows.pop(key)) for key in sorted(keys)]
        for page in pages_of(batch):
            self._windows_file.write(orjson.dumps(page).decode() + "\n")
        if batch:
            self._windows_file.flush()
        return batch


def to_rows(batch: Batch) -> list[list[Any]]:
    """Windows as plain lists for the wire: the five labels, then the window."""
    return [[*key, window.to_wire()] for key, window in batch]

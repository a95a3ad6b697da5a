"""Folds samples into windows the moment they are known. Everything else a worker says comes from these windows."""

from __future__ import annotations

import time
from typing import Any

from acgs_load.contract import Outcome
from acgs_load.samples import Sample, Window, WindowKey, status_label
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.phases import PhaseBook

EXAMPLES_MAX = 5
"""Examples kept of each (kind, operation, status)."""

Batch = list[tuple[WindowKey, Window]]
_OK = Outcome.OK  # an enum's member costs ten times a global


class WindowRecorder:
    """A ``seams.Recorder`` that keeps a window for each second, scenario, operation and phase."""

    def __init__(self, clock: Clock, phases: PhaseBook, region: str, started_epoch_s: float) -> None:
        self._clock = clock
        self._phases = phases
        self._region = region
        self._started_s = clock.counter_at(started_epoch_s)
        self._windows: dict[tuple[int, str, str, str], Window] = {}
        self._labels: dict[tuple[str, str], int] = {}
        self._examples: list[dict[str, Any]] = []
        self._example_counts: dict[tuple[str, str, str], int] = {}
        self.samples = 0
        """Samples recorded since the start; what the master must have received in the end."""
        self.tally: memoryview | None = None
        """Where the number is kept beyond the life of this process."""

    def record(self, sample: Sample) -> None:
        """Count one sample in the window of the second it was done in and the phase it was due in."""
        done_epoch_s = sample.done_s + self._clock.anchor_s
        phase = self._phases.phase_at(sample.due_s - self._started_s)
        self._window(int(done_epoch_s), sample.scenario, sample.operation, phase).add(sample, done_epoch_s)
        self.samples += 1
        if self.tally is not None:
            self.tally[0] = self.samples
        if sample.outcome is not _OK:
            label = sample.violations[0] if sample.violations else sample.outcome
            key = (sample.operation, label)
            self._labels[key] = self._labels.get(key, 0) + 1

    def skip(self, operation: str, scenario: str) -> None:
        """Count a request that was not sent."""
        now_s = time.perf_counter()
        phase = self._phases.phase_at(now_s - self._started_s)
        self._window(int(now_s + self._clock.anchor_s), scenario, operation, phase).skipped += 1

    def example(self, kind: str, operation: str, text: str, status: int = 0) -> None:
        """Keep one of the first examples of ``kind`` at ``operation`` with ``status``."""
        key = (kind, operation, status_label(status))
        count = self._example_counts.get(key, 0)
        if count < EXAMPLES_MAX:
            self._example_counts[key] = count + 1
            row = {"kind": kind, "operation": operation, "status": status, "second": int(self._clock.now_s())}
            self._examples.append({**row, "region": self._region, "text": text[:300]})

    def _window(self, second: int, scenario: str, operation: str, phase: str) -> Window:
        key = (second, scenario, operation, phase)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window()
        return window

    def take(self, everything: bool = False) -> Batch:
        """Remove and return the windows of seconds that are over, or ``everything``."""
        now = int(self._clock.now_s())
        keys = [key for key in self._windows if everything or key[0] < now]
        return [
            (WindowKey(second, self._region, scenario, operation, phase), self._windows.pop(key))
            for key in keys
            for second, scenario, operation, phase in (key,)
        ]

    def take_labels(self) -> dict[tuple[str, str], int]:
        """Remove and return how often (operation, label) went wrong: violation or error outcome."""
        labels, self._labels = self._labels, {}
        return labels

    def take_examples(self) -> list[dict[str, Any]]:
        """Remove and return the examples that are new."""
        examples, self._examples = self._examples, []
        return examples

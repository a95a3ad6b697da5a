"""The run cut once into equal buckets of time, by region, scenario and operation: what every chart is drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from acgs_load.analysis.load import Run
from acgs_load.contract import AUTH_OPERATIONS
from acgs_load.samples import Window

POINTS_MAX = 240
"""More points than this are not seen on a page."""


class Part(NamedTuple):
    """Whose requests a window counts, at one place in the row of buckets."""

    place: int
    region: str
    scenario: str
    operation: str


@dataclass(frozen=True, slots=True)
class Buckets:
    """Windows by bucket. Look at them, do not change them."""

    width_s: int
    count: int
    """Buckets from the start of the run to the last that holds anything."""
    shift_s: float
    """From the start of the run to the middle of the first bucket."""
    cells: Mapping[Part, Window]

    @property
    def times_s(self) -> tuple[float, ...]:
        """Middle of each bucket, seconds since the start of the run."""
        return tuple(place * self.width_s + self.shift_s for place in range(self.count))

    def coarser(self, count_max: int) -> Buckets:
        """The same, with neighbours merged until there are at most ``count_max`` buckets."""
        factor = max(1, math.ceil(self.count / count_max))
        cells: dict[Part, Window] = {}
        for part, window in self.cells.items():
            cells.setdefault(part._replace(place=part.place // factor), Window()).merge(window)
        shift_s = self.shift_s + (factor - 1) * self.width_s / 2
        return Buckets(self.width_s * factor, math.ceil(self.count / factor), shift_s, cells)

    def traffic_by(self, name: Callable[[Part], str]) -> dict[str, list[Window]]:
        """For each name, a window a bucket with everything but logging in."""
        rows: dict[str, list[Window]] = {}
        for part, window in self.cells.items():
            if part.operation not in AUTH_OPERATIONS:
                row = rows.setdefault(name(part), [])
                if not row:
                    row += [Window() for _ in range(self.count)]
                row[part.place].merge(window)
        return rows

    def whole(self) -> list[Window]:
        """A window a bucket with everything, logging in too."""
        row = [Window() for _ in range(self.count)]
        for part, window in self.cells.items():
            row[part.place].merge(window)
        return row


def buckets_of(run: Run) -> Buckets:
    """The run in at most ``POINTS_MAX`` buckets of whole seconds (one more where it lasted longer than planned)."""
    begin, width_s = math.floor(run.record.started_s), max(1, math.ceil(run.record.duration_s / POINTS_MAX))
    cells: dict[Part, Window] = {}
    for place, key, window in run.timeline.grouped(width_s, begin):
        part = Part(place, key.region, key.scenario, key.operation)
        cells.setdefault(part, Window()).merge(window)
    count = max((part.place for part in cells), default=-1) + 1
    return Buckets(width_s, count, begin - run.record.started_s + width_s / 2, cells)

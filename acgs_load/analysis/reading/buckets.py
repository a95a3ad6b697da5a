"""The run cut once into equal buckets of time, by region, scenario and operation: what every chart is drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acgs_load.analysis.reading.load import Run
from acgs_load.contract import AUTH_OPERATIONS
from acgs_load.samples import Window, WindowKey
from acgs_load.timeline import Name, Timeline

POINTS_MAX = 240
"""More points than this are not seen on a page."""


Part = WindowKey
"""Whose requests are counted: region, scenario, operation, phase; its second is 0."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Windows by bucket. Look at them, do not change them."""

    width_s: int
    count: int
    """Buckets from the start of the run to the last that holds anything."""
    shift_s: float
    """From the start of the run to the middle of the first bucket."""
    begin: int
    """Epoch second of the first bucket."""
    timeline: Timeline

    @property
    def times_s(self) -> tuple[float, ...]:
        """Middle of each bucket, seconds since the start of the run."""
        return tuple(place * self.width_s + self.shift_s for place in range(self.count))

    def coarser(self, count_max: int) -> Buckets:
        """The same, with neighbours merged until there are at most ``count_max`` buckets."""
        factor = max(1, math.ceil(self.count / count_max))
        shift_s = self.shift_s + (factor - 1) * self.width_s / 2
        width_s, count = self.width_s * factor, math.ceil(self.count / factor)
        return Buckets(width_s, count, shift_s, self.begin, self.timeline)

    def traffic_by(self, *names: Callable[[Part], str]) -> list[dict[str, list[Window]]]:
        """For each way to name parts: by name, a window a bucket with everything but logging in."""
        return self._rows([_but_logging_in(name) for name in names])

    def traffic_and_whole(self) -> tuple[list[Window], list[Window]]:
        """A window a bucket with everything but logging in, and one with that, too."""
        traffic, whole = self._rows([_but_logging_in(_anything), _anything])
        return traffic.get("") or self._empty(), whole.get("") or self._empty()

    def _rows(self, names: Sequence[Name]) -> list[dict[str, list[Window]]]:
        rows: list[dict[str, list[Window]]] = [{} for _ in names]
        for place, way, named, window in self.timeline.grouped_by(self.width_s, self.begin, names):
            row = rows[way].setdefault(named, [])
            if not row:
                row += self._empty()
            row[place] = window
        return rows

    def _empty(self) -> list[Window]:
        return [Window() for _ in range(self.count)]


def _anything(_: Part) -> str:
    return ""


def _but_logging_in(name: Callable[[Part], str]) -> Name:
    return lambda part: None if part.operation in AUTH_OPERATIONS else name(part)


def buckets_of(run: Run) -> Buckets:
    """The run in at most ``POINTS_MAX`` buckets of whole seconds (one more where it lasted longer than planned)."""
    begin, width_s = math.floor(run.record.started_s), max(1, math.ceil(run.record.duration_s / POINTS_MAX))
    seconds = run.timeline.seconds
    count = max(0, seconds[-1] - begin) // width_s + 1 if seconds else 0
    return Buckets(width_s, count, begin - run.record.started_s + width_s / 2, begin, run.timeline)

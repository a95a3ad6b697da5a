"""How every threshold stands while a run goes on, in memory that does not grow with the run.

Most thresholds speak of sums, which merging keeps exact: at the end they stand as the verdict does. Those that speak of
single seconds (windows, peaks, silences) are read as the seconds settle, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from acgs_load.contract import AUTH_OPERATIONS
from acgs_load.measures import MEASURES, Measure
from acgs_load.samples import Window, WindowKey
from acgs_load.threshold_judge import Finding, found, judge
from acgs_load.threshold_live import Watch, watch_of
from acgs_load.threshold_terms import Threshold
from acgs_load.timeline import PEAK_WINDOW_S, Phase, Timeline

SECOND_BY_SECOND = frozenset({"throughput_peak_rps", "silence_max_s"})
"""Measures that sums do not tell."""


class Standings:
    """Told every window, says at any time how each threshold stands."""

    def __init__(
        self, thresholds: Iterable[Threshold], started_epoch_s: float, phases: Callable[[], Sequence[Phase]]
    ) -> None:
        self._thresholds = tuple(thresholds)
        self._started_epoch_s = started_epoch_s
        self._phases = phases
        self._counts: dict[WindowKey, Window] = {}
        self._latencies: dict[WindowKey, Window] = {}
        """Apart, because merging them costs most: by no more labels than thresholds speak of."""
        self._labels = frozenset(label for threshold in self._thresholds for label in threshold.labels)
        self._recent = Timeline(started_epoch_s, ())
        self._watches: dict[int, Watch] = {
            place: watch_of(threshold) for place, threshold in enumerate(self._thresholds) if _needs_seconds(threshold)
        }
        """By the threshold's place."""
        self._read_to = int(started_epoch_s)

    def see(self, key: WindowKey, window: Window) -> None:
        """Count a settled window; they come in order of time, but for those that are late."""
        place = key._replace(second=int(self._started_epoch_s))
        self._counts.setdefault(place, Window()).merge(window.without_latency())
        if key.operation not in AUTH_OPERATIONS:
            region, scenario, operation = (
                getattr(key, label) if label in self._labels else "" for label in ("region", "scenario", "operation")
            )
            pool = place._replace(region=region, scenario=scenario, operation=operation)
            self._latencies.setdefault(pool, Window()).merge(window.only_latency())
        if self._watches:
            # a copy: the timeline keeps what it is given, and others were shown this window too
            copy = Window()
            copy.merge(window)
            self._recent.add(key, copy)
            if key.second > self._read_to:
                self._read(key.second)

    def sums(self) -> dict[WindowKey, Window]:
        """What was counted by region, scenario, operation and phase, latencies aside; look, do not change."""
        return self._counts

    def findings(self, settled_second: int, machine: Mapping[str, Measure] | None = None) -> list[Finding]:
        """How each threshold stands, of the epoch seconds before ``settled_second``.

        ``machine`` has the measures that windows do not tell, as far as they are known by now.
        """
        timeline = self._timeline(settled_second)
        self._read(settled_second)
        return [self._finding(place, timeline, machine or {}) for place in range(len(self._thresholds))]

    def _finding(self, place: int, timeline: Timeline, machine: Mapping[str, Measure]) -> Finding:
        threshold = self._thresholds[place]
        if place not in self._watches:
            return judge(threshold, timeline, machine)
        value, samples = self._watches[place].value
        value = value if samples else None  # a peak of nothing is none
        return found(threshold, Measure(value, MEASURES[threshold.measure].unit, samples, "windows"), threshold.limit)

    def _timeline(self, settled_second: int) -> Timeline:
        """The sums as if all of them were of the first second; exact for all that does not speak of seconds."""
        settled_s = settled_second - self._started_epoch_s
        phases = [p._replace(to_s=min(p.to_s, settled_s)) for p in self._phases() if p.from_s < settled_s]
        timeline = Timeline(self._started_epoch_s, phases)
        for key, window in self._counts.items():
            timeline.add(key, window.without_latency())  # a copy: latencies of the same key are merged into it
        for key, window in self._latencies.items():
            copy = Window()
            copy.merge(window)
            timeline.add(key, copy)
        return timeline

    def _read(self, settled_second: int) -> None:
        self._recent.phases = tuple(self._phases())
        for watch in self._watches.values():
            watch.read(self._recent, settled_second)
        widest_s = max((watch.threshold.over_s or PEAK_WINDOW_S for watch in self._watches.values()), default=0)
        self._recent.forget_before(settled_second - widest_s - 1)
        self._read_to = settled_second


def _needs_seconds(threshold: Threshold) -> bool:
    return not threshold.relative and (threshold.over_s is not None or threshold.measure in SECOND_BY_SECOND)

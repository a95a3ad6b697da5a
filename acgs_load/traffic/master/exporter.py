"""The run so far for Prometheus. Values are read when it asks, and counted nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from acgs_load.samples import Window, WindowKey
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.exporter_latency import LatencyBuckets
from acgs_load.traffic.master.exporter_protobuf import CONTENT_TYPE as PROTOBUF
from acgs_load.traffic.master.exporter_protobuf import encoded
from acgs_load.traffic.master.exporter_run import health_families, run_families, standing_families
from acgs_load.traffic.master.exporter_text import CONTENT_TYPE as TEXT
from acgs_load.traffic.master.exporter_text import written
from acgs_load.traffic.master.exporter_windows import Total, measure_families, native_family, window_families
from acgs_load.traffic.master.lookout import Lookout
from acgs_load.traffic.passport import versions


class Exporter:
    """The metrics of the present run, or of the last one until the next begins. Every series names its run.

    A run's series thus begin at 0 and end with the report's numbers, whoever else was scraped at the same place.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._course: Course | None = None
        self._lookout: Lookout | None = None
        self._totals: dict[tuple[str, str, str], Total] = {}
        self._scrapes, self._scrape_s = 0, 0.0

    def follow(self, course: Course) -> None:
        """A run has begun."""
        self._course, self._lookout, self._totals = course, None, {}
        course.listeners.append(self._see)

    def heed(self, lookout: Lookout) -> None:
        """It knows how the thresholds of the run stand."""
        self._lookout = lookout

    def exposition(self, accept: str) -> tuple[str, bytes]:
        """Content type and body in the best format that ``accept`` (an HTTP header) has room for."""
        began_s = self._clock()
        if PROTOBUF.partition(";")[0] in accept:
            content_type, body = PROTOBUF, encoded(self.collect(native=True))
        else:
            content_type, body = TEXT, written(self.collect())
        self._scrapes += 1
        self._scrape_s += self._clock() - began_s
        return content_type, body

    def collect(self, native: bool = False) -> Iterator[Metric]:
        """Every metric; ``native`` histograms too, where the format can spell them."""
        build = GaugeMetricFamily("acgs_load_build_info", "Versions of the suite: always 1.", labels=tuple(versions()))
        build.add_metric(tuple(versions().values()), 1)
        yield build
        yield SummaryMetricFamily(
            "acgs_load_exposition_seconds", "Time spent on answering scrapes.", self._scrapes, self._scrape_s
        )
        course = self._course
        if course is None:
            return
        run = f"{course.folder.path.parent.name}/{course.folder.path.name}"
        yield from run_families(run, course)
        yield from health_families(run, course.health.values())
        if self._lookout is not None:
            yield from standing_families(run, self._lookout.latest.thresholds)
        yield from measure_families(run, self._totals)
        yield from window_families(run, self._totals)
        if native:
            yield native_family(run, self._totals)

    def _see(self, key: WindowKey, window: Window) -> None:
        place = (key.operation, key.scenario, key.region)
        if place not in self._totals:
            self._totals[place] = Total(Window(), LatencyBuckets())
        self._totals[place].add(window)

"""The run so far for Prometheus, on a port of its own. Values are read when it asks, and counted nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from acgs_load.contract import Outcome
from acgs_load.health import HealthRow
from acgs_load.histogram import Histogram, bucket_middle_us
from acgs_load.samples import Window, WindowKey

if TYPE_CHECKING:
    from acgs_load.traffic.master.course import Course

PORT_VARIABLE = "ACGS_EXPORTER_PORT"
LABELS = ("operation", "scenario", "region")
PROCESS_LABELS = ("process", "region")
HEALTH: tuple[tuple[str, str, Callable[[HealthRow], float]], ...] = (
    ("acgs_load_generator_cpu_ratio", "CPU of one core that a process uses.", lambda row: row.cpu),
    (
        "acgs_load_generator_loop_lag_seconds",
        "Longest that the event loop of a process was held up within the last second.",
        lambda row: row.loop_lag_max_ms / 1e3,
    ),
    ("acgs_load_generator_memory_bytes", "Memory of a process.", lambda row: float(row.memory_bytes)),
    ("acgs_load_generator_descriptors", "Open file descriptors of a process.", lambda row: float(row.descriptors)),
    (
        "acgs_load_arrivals_waiting",
        "Arrivals that are due without a free user.",
        lambda row: float(row.arrivals_waiting),
    ),
)
"""From the latest row of each process."""
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class RunTotals:
    """What the settled windows of the present run add up to, by operation, scenario and region."""

    def __init__(self) -> None:
        self.course: Course | None = None
        self.windows: dict[tuple[str, str, str], Window] = {}

    def follow(self, course: Course) -> None:
        """A run has begun."""
        self.course, self.windows = course, {}
        course.listeners.append(self._see)

    def _see(self, key: WindowKey, window: Window) -> None:
        self.windows.setdefault((key.operation, key.scenario, key.region), Window()).merge(window)

    def collect(self) -> Iterator[Metric]:
        """Every metric, as prometheus_client asks for them."""
        course = self.course
        if course is None:
            return
        yield GaugeMetricFamily("acgs_load_users", "Users running now.", value=course.users_now)
        yield GaugeMetricFamily("acgs_load_users_logged_in", "Users with a token.", course.crew.total("logged_in"))
        yield GaugeMetricFamily("acgs_load_workers_lost", "Workers lost so far.", len(course.crew.lost))
        yield self._requests()
        yield self._violations()
        yield self._sums("acgs_load_compliance_score_sum", "Compliance scores, added up.", lambda w: w.score_sum)
        yield self._sums("acgs_load_compliance_score_count", "Answers with a score.", lambda w: float(w.score_count))
        yield self._latencies()
        for name, text, told in HEALTH:
            family = GaugeMetricFamily(name, text, labels=PROCESS_LABELS)
            for row in course.health.values():
                family.add_metric([row.process, row.region], told(row))
            yield family

    def _requests(self) -> Metric:
        family = CounterMetricFamily("acgs_load_requests", "Requests by outcome.", labels=[*LABELS, "outcome"])
        for labels, window in self.windows.items():
            for outcome in Outcome:
                family.add_metric([*labels, outcome.value], window.outcomes.get(outcome, 0))
        return family

    def _violations(self) -> Metric:
        family = CounterMetricFamily("acgs_load_violations", "Violations by kind.", labels=[*LABELS, "violation"])
        for labels, window in self.windows.items():
            for violation, count in window.violations.items():
                family.add_metric([*labels, violation], count)
        return family

    def _sums(self, name: str, text: str, read: Callable[[Window], float]) -> Metric:
        family = GaugeMetricFamily(name, text, labels=LABELS)
        for labels, window in self.windows.items():
            family.add_metric(labels, read(window))
        return family

    def _latencies(self) -> Metric:
        family = HistogramMetricFamily("acgs_load_latency_seconds", "Latency as it is judged.", labels=LABELS)
        for labels, window in self.windows.items():
            latency = window.latency
            family.add_metric(labels, buckets=_buckets(latency), sum_value=latency.sum_us / 1e6)
        return family


def _buckets(latency: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts up to each of ``BUCKETS_S``, and all."""
    counts = [0] * len(BUCKETS_S)
    for index, count in latency.counts.items():
        value_s = bucket_middle_us(index) / 1e6
        for place, bound_s in enumerate(BUCKETS_S):
            if value_s <= bound_s:
                counts[place] += count
    rows = [(f"{bound_s:g}", float(count)) for bound_s, count in zip(BUCKETS_S, counts, strict=True)]
    return [*rows, ("+Inf", float(latency.total))]


def serve(totals: RunTotals) -> None:
    """Serve ``totals`` on the port that the environment names; without one, do nothing."""
    port = os.environ.get(PORT_VARIABLE, "")
    if port.isdigit():
        registry = CollectorRegistry()
        registry.register(totals)
        start_http_server(int(port), registry=registry)

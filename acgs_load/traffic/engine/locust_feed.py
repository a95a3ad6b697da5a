"""Gives Locust's own statistics what the windows say, in batches, so that web UI, CSV files and windows agree.

A request costs nothing here: Locust's entries are extended once a report, from the very windows that are shipped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import ceil, floor, log10

from locust.stats import RequestStats, StatsEntry, StatsError

from acgs_load.contract import OPERATIONS, Outcome
from acgs_load.histogram import bucket_middle_us
from acgs_load.samples import Window
from acgs_load.traffic.worker.recorder import Batch

KEPT_S = 60
"""Locust counts requests by second for ever, and looks at the last twelve seconds."""


def digits_ms(value_us: float, digits: int = 3) -> float:
    """Milliseconds with so many significant digits: 0.345, 12.3, 2050."""
    if value_us <= 0:
        return 0.0
    return round(value_us / 1e3, digits - 1 - floor(log10(value_us / 1e3)))


def nearest_rank_ms(response_times: Mapping[float, int], requests: int, percent: float) -> float:
    """A percentile as our histograms rank it, in place of Locust's ``calculate_response_time_percentile``; 0 for none.

    Locust's own takes the next higher request wherever the rank is whole: of 100, the 51st for the median.
    """
    rank, seen = max(1, ceil(percent * requests - 1e-9)), 0
    for value_ms in sorted(response_times):
        seen += response_times[value_ms]
        if seen >= rank:
            return value_ms
    return max(response_times, default=0)


class LocustFeed:
    """Feeds one process's ``RequestStats``."""

    def __init__(self, stats: RequestStats, routes: Mapping[str, str]) -> None:
        self._stats = stats
        self._methods = {name: operation.method for name, operation in OPERATIONS.items()}
        self._methods |= {name: route.split()[0] for name, route in routes.items() if " " in route.strip()}

    def feed(self, batch: Batch, labels: Mapping[tuple[str, str], int]) -> None:
        """Count every sample of ``batch`` and every failure of ``labels``."""
        for key, window in batch:
            if window.samples:
                self._extend(key.operation, key.second, window)
        for (operation, label), count in labels.items():
            self._fail(operation, label, count)

    def _extend(self, operation: str, second: int, window: Window) -> None:
        method = self._methods.get(operation, "")
        addition = StatsEntry(self._stats, operation, method)
        latency = window.latency
        failures = window.samples - window.outcomes.get(Outcome.OK, 0)
        addition.num_requests = window.samples
        addition.num_none_requests = window.samples - latency.total
        addition.num_failures = failures
        addition.num_reqs_per_sec[second] = window.samples
        if failures:
            addition.num_fail_per_sec[second] = failures
        addition.total_content_length = window.received_bytes
        addition.start_time = addition.last_request_timestamp = window.last_done_s or float(second)
        if latency.total:
            addition.total_response_time = latency.sum_us / 1e3  # type: ignore[assignment]
            addition.min_response_time = digits_ms(latency.min_us)  # type: ignore[assignment]
            addition.max_response_time = digits_ms(latency.max_us)  # type: ignore[assignment]
            for index, count in latency.counts.items():
                # one digit more, so that rounding adds nothing to what the bucket is wide
                addition.response_times[digits_ms(bucket_middle_us(index), 4)] += count  # type: ignore[index]
        for entry in (self._stats.entries[(operation, method)], self._stats.total):
            entry.extend(addition)
            _forget(entry.num_reqs_per_sec, second - KEPT_S)
            _forget(entry.num_fail_per_sec, second - KEPT_S)

    def _fail(self, operation: str, label: str, count: int) -> None:
        method = self._methods.get(operation, "")
        key = StatsError.create_key(method, operation, label)
        error = self._stats.errors.setdefault(key, StatsError(method, operation, label))
        error.occurrences += count
        error.last_seen = time.time()
        error.first_seen = error.first_seen or error.last_seen


def _forget(counts: dict[int, int], before_second: int) -> None:
    if len(counts) > 2 * KEPT_S:
        for second in [known for known in counts if known < before_second]:
            del counts[second]

"""Runs of minutes simulated in milliseconds, for the hundreds that a calibration takes: the numbers of a comparison,
drawn at once, without a request ever being a Python object.

Seconds are alike: the target's speed is an autoregressive process of first order (φ = 0.8: a slow moment lasts about
five seconds), with a stall now and then. That is what makes naive intervals too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from acgs_load.analysis.comparing.series import EVERYTHING, QUANTILES, Series
from acgs_load.histogram import bucket_middle_us

OPERATIONS = {"policy_get": (0.5, 20.0), "policy_create": (0.3, 45.0), "audit_create": (0.2, 30.0)}
"""Share of the requests, and median latency in milliseconds."""


@dataclass(frozen=True)
class Course:
    """What a simulated run is like."""

    seconds: int = 300
    rate_rps: float = 80.0
    phi: float = 0.8
    swing: float = 0.06
    """Standard deviation of the logarithm of the target's speed, second by second."""
    spread: float = 0.5
    """Of the logarithm of single latencies."""
    slower: float = 1.0
    """Factor on every latency."""
    errors: float = 0.002
    stalls: float = 0.01
    """Share of the seconds in which everything takes three times as long."""


def simulated(course: Course, seed: int) -> dict[str, Series]:
    """One run, as a comparison takes it."""
    random = np.random.default_rng(seed)
    speed = _autoregressive(course, random)
    speed[random.random(course.seconds) < course.stalls] += np.log(3)
    tables = [_table(course, share, median_ms, speed, random) for share, median_ms in OPERATIONS.values()]
    known = dict(zip(OPERATIONS, tables, strict=True))
    return {name: _series(*table) for name, table in (*known.items(), (EVERYTHING, _summed(tables)))}


def _autoregressive(course: Course, random: np.random.Generator) -> np.ndarray:
    shocks = random.normal(0, course.swing * np.sqrt(1 - course.phi**2), course.seconds)
    shocks[0] = random.normal(0, course.swing)
    values = np.empty(course.seconds)
    level = 0.0
    for second, shock in enumerate(shocks):
        level = course.phi * level + shock
        values[second] = level
    return values


def _table(course, share, median_ms, speed, random):
    """Counts by second and bucket, sums, requests and errors of one operation."""
    requests = random.poisson(course.rate_rps * share, course.seconds)
    second = np.repeat(np.arange(course.seconds), requests)
    latency_us = median_ms * 1e3 * course.slower * np.exp(speed[second] + random.normal(0, course.spread, len(second)))
    latency_us = np.maximum(256, np.rint(latency_us)).astype(np.int64)
    shift = np.floor(np.log2(latency_us)).astype(np.int64) - 7
    bucket = (shift << 7) + (latency_us >> shift)
    counts = np.zeros((course.seconds, bucket.max() + 1), dtype=np.float32)
    np.add.at(counts, (second, bucket), 1)
    sums_us = np.bincount(second, latency_us, course.seconds)
    failed = random.binomial(requests, course.errors)
    return counts, sums_us, requests.astype(float), failed.astype(float)


def _summed(tables):
    width = max(table[0].shape[1] for table in tables)
    counts = sum(np.pad(table[0], ((0, 0), (0, width - table[0].shape[1]))) for table in tables)
    return counts, *(sum(table[place] for table in tables) for place in (1, 2, 3))


def _series(counts, sums_us, requests, failed) -> Series:
    buckets = np.flatnonzero(counts.any(axis=0))
    counts = counts[:, buckets]
    seen, total = np.cumsum(counts.sum(axis=0)), counts.sum()
    values = {
        name: bucket_middle_us(int(buckets[np.searchsorted(seen, quantile * total)])) / 1e3
        for name, quantile in QUANTILES.items()
    }
    values["latency_avg_ms"] = sums_us.sum() / total / 1e3
    values["throughput_rps"] = (requests - failed).sum() / len(requests)
    values["error_ratio"] = failed.sum() / requests.sum()
    return Series(buckets, counts, sums_us, requests - failed, requests, failed, values)

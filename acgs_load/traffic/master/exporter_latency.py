"""Latencies in the two shapes of histogram that Prometheus knows, both in seconds, counted as they come.

Classic: cumulative counts up to fixed bounds. Native: exponential buckets, each reaching 2.2 % further than the one
before (Prometheus, "Native Histograms", schema 5: 2^5 buckets an octave). Our own buckets are five times finer; each
goes whole into the one that its middle lies in.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache

from prometheus_client.core import BucketSpan, NativeHistogram

from acgs_load.histogram import Histogram, bucket_middle_us

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Powers of ten and what lies between, with an edge at each default threshold: 1, 2 and 5 s."""
NATIVE_SCHEMA = 5
ZERO_BELOW_S = 5e-7
"""Latencies are whole microseconds: what is less than half of one is none."""


class LatencyBuckets:
    """Both histograms of everything that was added."""

    def __init__(self) -> None:
        self._classic = [0] * (len(BUCKETS_S) + 1)
        self._native: dict[int, int] = {}
        self._zeros = 0
        self._total = 0
        self._sum_us = 0

    def add(self, latency: Histogram) -> None:
        """Count everything that ``latency`` counted."""
        self._total += latency.total
        self._sum_us += latency.sum_us
        for index, count in latency.counts.items():
            self._classic[_classic_place(index)] += count
            if index:
                place = _native_place(index)
                self._native[place] = self._native.get(place, 0) + count
            else:
                self._zeros += count

    @property
    def sum_s(self) -> float:
        """All latencies added up."""
        return self._sum_us / 1e6

    def classic(self) -> list[tuple[str, float]]:
        """Counts up to and including each of ``BUCKETS_S``, and of all; bounds as Prometheus spells them."""
        rows, below = [], 0
        for bound, count in zip((*map(repr, BUCKETS_S), "+Inf"), self._classic, strict=True):
            below += count
            rows.append((bound, float(below)))
        return rows

    def native(self) -> NativeHistogram:
        """Spans of neighbouring buckets, and each bucket's count less that of the one before."""
        spans: list[BucketSpan] = []
        deltas: list[int] = []
        end, before = 0, 0
        for place, count in sorted(self._native.items()):
            if spans and place == end:
                spans[-1] = BucketSpan(spans[-1].offset, spans[-1].length + 1)
            else:
                # the first offset is the place itself, the others say how many buckets were left out
                spans.append(BucketSpan(place - end if spans else place, 1))
            deltas.append(count - before)
            end, before = place + 1, count
        return NativeHistogram(
            self._total, self.sum_s, NATIVE_SCHEMA, ZERO_BELOW_S, self._zeros, spans or None, None, deltas or None
        )


@cache
def _classic_place(index: int) -> int:
    """Which of ``BUCKETS_S`` our bucket ``index`` counts for."""
    return bisect_left(BUCKETS_S, bucket_middle_us(index) / 1e6)


@cache
def _native_place(index: int) -> int:
    """The bucket n whose upper bound 2^(n / 2^schema) s is the least that reaches our bucket's middle."""
    return math.ceil(math.log2(bucket_middle_us(index) / 1e6) * (1 << NATIVE_SCHEMA))

"""Latencies in log-linear buckets: any percentile within 0.4 %, any merge exact, a few dozen integers on the wire.

Bucket layout: below 256 µs one bucket a microsecond; above, 128 equal buckets an octave. A value is reported as the
middle of its bucket, so the relative error is at most half a bucket over its lower edge: 0.5 / 128 = 0.39 %.
The layout is that of HdrHistogram (Gil Tene, hdrhistogram.org) with two significant digits and a half.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

_LINEAR_LIMIT_US = 256
_SUB_BUCKET_BITS = 7


def bucket_index(value_us: int) -> int:
    """The bucket that counts ``value_us``; negative values count as 0."""
    if value_us < _LINEAR_LIMIT_US:
        return max(value_us, 0)
    shift = value_us.bit_length() - (_SUB_BUCKET_BITS + 1)
    return (shift << _SUB_BUCKET_BITS) + (value_us >> shift)


def bucket_middle_us(index: int) -> float:
    """The value, in microseconds, that bucket ``index`` stands for."""
    if index < _LINEAR_LIMIT_US:
        return float(index)
    shift = (index >> _SUB_BUCKET_BITS) - 1
    low_us = (index - (shift << _SUB_BUCKET_BITS)) << shift
    return low_us + ((1 << shift) - 1) / 2


class Histogram:
    """Counts of durations in whole microseconds, with exact count, sum, minimum and maximum."""

    __slots__ = ("counts", "max_us", "min_us", "sum_us", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0
        self.sum_us = 0
        self.min_us = 0
        self.max_us = 0

    def record(self, value_us: int) -> None:
        """Count one duration."""
        if value_us < _LINEAR_LIMIT_US:
            value_us = max(value_us, 0)
            index = value_us
        else:
            shift = value_us.bit_length() - 8
            index = (shift << 7) + (value_us >> shift)
        counts = self.counts
        counts[index] = counts.get(index, 0) + 1
        if not self.total or value_us < self.min_us:
            self.min_us = value_us
        if value_us > self.max_us:
            self.max_us = value_us
        self.total += 1
        self.sum_us += value_us

    def merge(self, other: Histogram) -> None:
        """Add every count of ``other``; the order of merges never changes the result."""
        if not other.total:
            return
        counts = self.counts
        known = counts.get
        for index, count in other.counts.items():
            counts[index] = known(index, 0) + count
        self.min_us = min(self.min_us, other.min_us) if self.total else other.min_us
        self.max_us = max(self.max_us, other.max_us)
        self.total += other.total
        self.sum_us += other.sum_us

    def copy(self) -> Histogram:
        """An independent histogram with the same counts."""
        twin = Histogram()
        twin.merge(self)
        return twin

    def percentiles_us(self, quantiles: Sequence[float]) -> list[float | None]:
        """Nearest-rank percentiles in microseconds for ascending ``quantiles`` (0–1); None where nothing counted."""
        if not self.total:
            return [None] * len(quantiles)
        result: list[float | None] = []
        ordered = sorted(self.counts)
        seen = list(accumulate(map(self.counts.__getitem__, ordered)))
        for quantile in quantiles:
            # the tolerance undoes binary rounding: 0.07 * 100 is 7.000000000000001
            rank = max(1, math.ceil(quantile * self.total - 1e-9))
            middle_us = bucket_middle_us(ordered[bisect_left(seen, rank)])
            result.append(min(max(middle_us, self.min_us), self.max_us))
        return result

    def percentile_us(self, quantile: float) -> float | None:
        """The nearest-rank percentile in microseconds, or None where nothing was counted."""
        return self.percentiles_us([quantile])[0]

    @property
    def mean_us(self) -> float | None:
        """Exact mean in microseconds, or None where nothing was counted."""
        return self.sum_us / self.total if self.total else None

    def to_wire(self) -> list[int]:
        """``[sum, min, max, index, count, index, count, …]``, all integers, indexes ascending."""
        wire = [self.sum_us, self.min_us, self.max_us]
        for index, count in sorted(self.counts.items()):
            wire += (index, count)
        return wire

    @classmethod
    def from_wire(cls, wire: Sequence[int]) -> Histogram:
        """The histogram that ``to_wire`` spelled. Raises ValueError if the list cannot be one."""
        if len(wire) < 3 or len(wire) % 2 == 0:
            raise ValueError(f"a histogram of {len(wire)} numbers is cut short")
        histogram = cls()
        histogram.sum_us, histogram.min_us, histogram.max_us = wire[:3]
        histogram.counts = dict(zip(wire[3::2], wire[4::2], strict=True))
        histogram.total = sum(histogram.counts.values())
        return histogram

    @classmethod
    def of(cls, values_us: Iterable[int]) -> Histogram:
        """A histogram of the given durations."""
        histogram = cls()
        for value_us in values_us:
            histogram.record(value_us)
        return histogram

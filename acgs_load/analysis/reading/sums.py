"""Columns of windows added up by group, and the windows that the sums are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from acgs_load.analysis.reading.columns import SUMS, Columns, Counts, Floats, Ints, Spreads
from acgs_load.histogram import Histogram
from acgs_load.samples import COUNTED, Window

ROWS_MAX = 50_000
"""Rows that are added up at once; what it takes beside the columns stays small."""
_NEVER = np.iinfo(np.int64).max


@dataclass(slots=True)
class SpreadSums:
    """Histograms by group: a row a group, a column a bucket."""

    counts: Floats
    """Whole numbers, exact up to 2^53."""
    sums_us: Floats
    least_us: Ints
    most_us: Ints

    def regrouped(self, codes: Sequence[int], count: int) -> SpreadSums:
        """See ``Sums.regrouped``."""
        return SpreadSums(
            _regrouped(self.counts, codes, count),
            _regrouped(self.sums_us, codes, count),
            _regrouped(self.least_us, codes, count, np.minimum, _NEVER),
            _regrouped(self.most_us, codes, count, np.maximum),
        )

    def histogram(self, groups: npt.NDArray[Any]) -> Histogram:
        """The groups' histograms merged."""
        result, counts = Histogram(), self.counts[groups].sum(axis=0)
        found = np.flatnonzero(counts)
        if len(found):
            result.counts = dict(zip(found.tolist(), counts[found].astype(np.int64).tolist(), strict=True))
            result.total = sum(result.counts.values())
            result.sum_us = int(self.sums_us[groups].sum())
            result.min_us, result.max_us = int(self.least_us[groups].min()), int(self.most_us[groups].max())
        return result

    def histograms(self) -> list[Histogram]:
        """Each group's."""
        groups, buckets = np.nonzero(self.counts)
        counts = self.counts[groups, buckets].astype(np.int64).tolist()
        ends = np.searchsorted(groups, np.arange(len(self.counts)), side="right").tolist()
        known, results, begin = buckets.tolist(), [], 0
        rows = zip(ends, self.sums_us.tolist(), self.least_us.tolist(), self.most_us.tolist(), strict=True)
        for end, sum_us, least_us, most_us in rows:
            result = Histogram()
            if end > begin:
                result.counts = dict(zip(known[begin:end], counts[begin:end], strict=True))
                result.total = sum(counts[begin:end])
                result.sum_us, result.min_us, result.max_us = int(sum_us), least_us, most_us
            results.append(result)
            begin = end
        return results


@dataclass(slots=True)
class Sums:
    """Everything that windows count, by group."""

    scalars: dict[str, Floats]
    outcomes: Floats
    violations: Floats
    failures: Floats
    first_done_s: Floats
    last_done_s: Floats
    service: SpreadSums
    response: SpreadSums | None
    kinds: tuple[str, ...]

    def regrouped(self, codes: Sequence[int], count: int) -> Sums:
        """The groups, which come in rounds of ``len(codes)``, added up to rounds of ``count``.

        ``codes``: for each place in a round the one that it is added to; -1 leaves it out.
        """
        return Sums(
            {name: _regrouped(column, codes, count) for name, column in self.scalars.items()},
            _regrouped(self.outcomes, codes, count),
            _regrouped(self.violations, codes, count),
            _regrouped(self.failures, codes, count),
            _regrouped(self.first_done_s, codes, count, np.minimum, np.inf),
            _regrouped(self.last_done_s, codes, count, np.maximum),
            self.service.regrouped(codes, count),
            self.response.regrouped(codes, count) if self.response else None,
            self.kinds,
        )

    def window(self, groups: Sequence[int]) -> Window:
        """The groups merged into one window."""
        chosen, window = np.array(groups, dtype=np.int64), Window()
        for name, column in self.scalars.items():
            value = float(column[chosen].sum())
            setattr(window, name, value if name == "score_sum" else int(value))
        for name in COUNTED:
            setattr(window, name, self._named(getattr(self, name)[chosen].sum(axis=0)))
        last_s = float(self.last_done_s[chosen].max())
        if last_s:
            window.first_done_s, window.last_done_s = float(self.first_done_s[chosen].min()), last_s
        window.service = self.service.histogram(chosen)
        window.response = self.response.histogram(chosen) if self.response else None
        return window

    def windows(self) -> list[Window]:
        """Each group's window."""
        service = self.service.histograms()
        response = self.response.histograms() if self.response else [None] * len(service)
        windows = [Window() for _ in service]
        for window, timed, late in zip(windows, service, response, strict=True):
            window.service, window.response = timed, late
        for name, column in self.scalars.items():
            values = column.tolist() if name == "score_sum" else column.astype(np.int64).tolist()
            for window, value in zip(windows, values, strict=True):
                setattr(window, name, value)
        for window, first_s, last_s in zip(windows, self.first_done_s.tolist(), self.last_done_s.tolist(), strict=True):
            if last_s:
                window.first_done_s, window.last_done_s = first_s, last_s
        for name in COUNTED:
            counts: Floats = getattr(self, name)
            for group, kind in zip(*map(np.ndarray.tolist, np.nonzero(counts)), strict=True):
                getattr(windows[group], name)[self.kinds[kind]] = int(counts[group, kind])
        return windows

    def _named(self, counts: Floats) -> dict[str, int]:
        return {self.kinds[place]: int(counts[place]) for place in np.flatnonzero(counts).tolist()}


class Ledger:
    """Adds up any rows of the columns."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        tables = (*(getattr(columns, name) for name in COUNTED), columns.service, columns.response)
        self._begins = {id(of): _begins(of.lengths) for of in tables if of is not None}
        self._counted = frozenset(name for name in SUMS if columns.scalars[name].any())

    def sums(self, rows: npt.NDArray[Any], groups: npt.NDArray[Any], count: int, *, timed: bool = True) -> Sums:
        """Sums of ``rows``, whose groups (0 … ``count`` - 1) are given beside them; histograms only where ``timed``."""
        columns = self.columns
        first_s, last_s = np.full(count, np.inf), np.zeros(count)
        known = columns.scalars["last_done_s"][rows] > 0
        np.minimum.at(first_s, groups[known], columns.scalars["first_done_s"][rows][known])
        np.maximum.at(last_s, groups[known], columns.scalars["last_done_s"][rows][known])
        response = columns.response if timed else None
        return Sums(
            {name: self._scalar(name, rows, groups, count) for name in SUMS},
            self._kinds(columns.outcomes, rows, groups, count),
            self._kinds(columns.violations, rows, groups, count),
            self._kinds(columns.failures, rows, groups, count),
            first_s,
            last_s,
            self._spreads(columns.service, rows, groups, count) if timed else _untimed(count),
            None if response is None else self._spreads(response, rows, groups, count),
            columns.kinds,
        )

    def entries(self, of: Counts | Spreads, rows: npt.NDArray[Any]) -> slice | npt.NDArray[Any]:
        """Places of the rows' entries, in the rows' order."""
        begins, lengths = self._begins[id(of)], of.lengths[rows].astype(np.int64)
        if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and (np.diff(rows) == 1).all():
            return slice(int(begins[rows[0]]), int(begins[rows[-1]] + lengths[-1]))
        shifts = begins[rows] - (np.cumsum(lengths) - lengths)
        return np.repeat(shifts, lengths) + np.arange(int(lengths.sum()))

    def _scalar(self, name: str, rows: npt.NDArray[Any], groups: npt.NDArray[Any], count: int) -> Floats:
        known = name in self._counted  # most of what windows can count was nowhere seen
        return _added(groups, self.columns.scalars[name][rows], count) if known else np.zeros(count)

    def _kinds(self, of: Counts, rows: npt.NDArray[Any], groups: npt.NDArray[Any], count: int) -> Floats:
        width = len(self.columns.kinds)
        if not width:
            return np.zeros((count, 0))
        places = self.entries(of, rows)
        codes = np.repeat(groups.astype(np.int64) * width, of.lengths[rows]) + of.kinds[places]
        return _added(codes, of.counts[places], count * width).reshape(count, width)

    def _spreads(self, of: Spreads, rows: npt.NDArray[Any], groups: npt.NDArray[Any], count: int) -> SpreadSums:
        width = int(of.buckets.max()) + 1 if len(of.buckets) else 1
        counts = np.zeros(count * width)
        for begin in range(0, len(rows), ROWS_MAX):
            some = rows[begin : begin + ROWS_MAX]
            places, bases = self.entries(of, some), groups[begin : begin + ROWS_MAX].astype(np.int64) * width
            codes = np.repeat(bases, of.lengths[some]) + of.buckets[places]
            counts += _added(codes, of.counts[places], count * width)
        timed = of.lengths[rows] > 0
        least_us, most_us = np.full(count, _NEVER), np.zeros(count, dtype=np.int64)
        # of one kind on both sides: numpy takes ten times as long where it has to convert
        np.minimum.at(least_us, groups[timed], of.least_us[rows][timed].astype(np.int64))
        np.maximum.at(most_us, groups[timed], of.most_us[rows][timed].astype(np.int64))
        sums_us = _added(groups[timed], of.sums_us[rows][timed], count)
        return SpreadSums(counts.reshape(count, width), sums_us, least_us, most_us)


def _regrouped(
    values: npt.NDArray[Any], codes: Sequence[int], count: int, join: np.ufunc = np.add, begin: float = 0
) -> npt.NDArray[Any]:
    size, shape = len(values) // len(codes), values.shape[1:]
    rounds = values.reshape(size, len(codes), *shape)
    joined = np.full((size, count, *shape), begin, dtype=values.dtype)
    for place, code in enumerate(codes):
        if code >= 0:
            join(joined[:, code], rounds[:, place], out=joined[:, code])
    return joined.reshape(size * count, *shape)


def _untimed(count: int) -> SpreadSums:
    nothing = np.zeros(count, dtype=np.int64)
    return SpreadSums(np.zeros((count, 0)), np.zeros(count), nothing, nothing)


def _begins(lengths: npt.NDArray[Any]) -> Ints:
    begins: Ints = np.cumsum(lengths, dtype=np.int64) - lengths
    return begins


def _added(codes: npt.NDArray[Any], values: npt.NDArray[Any], count: int) -> Floats:
    return np.bincount(codes, weights=values, minlength=count).astype(np.float64, copy=False)

"""The timeline of a finished run, kept as columns. It answers as ``Timeline`` does, from a tenth of the memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from acgs_load.analysis.reading.columns import Columns, Counts
from acgs_load.analysis.reading.sums import Ledger, Sums
from acgs_load.contract import ANSWERED_OUTCOMES, AUTH_OPERATIONS
from acgs_load.measures import Slice
from acgs_load.samples import Window, WindowKey
from acgs_load.timeline import PEAK_WINDOW_S, Kinds, Name, Phase, Timeline, matches

Rows = npt.NDArray[Any]
Named = TypeVar("Named", bound=Hashable)
ROWS_AT_ONCE = 500
EVERY_OTHER = "(every other)"
"""Stands for the operations but ``auth_*`` where nobody asks which."""
GROUPS_AT_ONCE = 500
"""Each takes a row of histogram buckets while sums are made: 500 of them some 10 MB."""


class Archive(Timeline):
    """Slices of columns. Whole-run slices come from sums by key, made once; nothing can be added."""

    def __init__(self, started_epoch_s: float, phases: Iterable[Phase], columns: Columns) -> None:
        super().__init__(started_epoch_s, phases)
        self._columns = columns
        self._ledger = Ledger(columns)
        self._order: Rows = np.argsort(columns.seconds, kind="stable")
        self._sorted: Rows = columns.seconds[self._order]
        self._seconds = [int(second) for second in np.unique(self._sorted)]
        by_cell = np.argsort(columns.cells, kind="stable")
        edges = np.searchsorted(columns.cells[by_cell], np.arange(len(columns.keys) + 1))
        self._rows_of = [by_cell[first:last] for first, last in pairwise(edges.tolist())]
        self._all: Sums | None = None
        self._answered = self._answered_by_row()

    def add(self, key: WindowKey, window: Window) -> None:
        """Raises TypeError: a finished run is what it is."""
        raise TypeError(f"nothing can be added to a finished run ({key.operation}, {window.samples} samples)")

    def forget_before(self, second: int) -> None:
        """Raises TypeError, as ``add``."""
        raise TypeError(f"nothing can be forgotten of a finished run (second {second})")

    def items(self) -> Iterator[tuple[WindowKey, Window]]:
        """Every key and its window, in order of time; the windows are made as they are asked for."""
        for begin in range(0, len(self._order), ROWS_AT_ONCE):
            rows = self._order[begin : begin + ROWS_AT_ONCE]
            sums = self._ledger.sums(rows, np.arange(len(rows)), len(rows))
            cells, seconds = self._columns.cells[rows].tolist(), self._columns.seconds[rows].tolist()
            for cell, second, window in zip(cells, seconds, sums.windows(), strict=True):
                yield self._columns.keys[cell]._replace(second=second), window

    def grouped_by(
        self, width_s: int, begin: int, names: Sequence[Name], *, timed: bool = True
    ) -> Iterator[tuple[int, int, str, Window]]:
        """As the timeline's, in one pass: over the parts that no name tells apart, put together by each name."""
        named = [tuple(name(key) for name in names) for key in self._columns.keys]
        parts, codes = _coded([part if any(word is not None for word in part) else None for part in named])
        ways = [_coded([part[way] for part in parts]) for way in range(len(names))]
        for base, sums in self._by_time(width_s, begin, codes, len(parts), timed):
            for way, (words, of) in enumerate(ways):
                plain = len(words) == len(parts)
                joined = sums if plain else sums.regrouped(of.tolist(), len(words))
                for group, window in enumerate(joined.windows()):
                    if window.samples or window.skipped:
                        place, code = divmod(group, len(words))
                        yield base + place, way, words[code], window

    def _by_time(self, width_s: int, begin: int, codes: Rows, count: int, timed: bool) -> Iterator[tuple[int, Sums]]:
        """Sums of a stretch at a time, ``count`` groups for each ``width_s`` seconds, and the number of the first."""
        places = (np.maximum(0, self._sorted - begin) // width_s).astype(np.int64)
        for first, last in _chunks(places, GROUPS_AT_ONCE // max(1, count)):
            rows, base = self._order[first:last], int(places[first])
            wanted = codes[self._columns.cells[rows]]
            groups = (places[first:last] - base) * count + wanted
            rounds = int(places[last - 1]) - base + 1
            yield base, self._ledger.sums(*_kept(rows, groups, wanted >= 0), rounds * count, timed=timed)

    def series(
        self,
        width_s: int,
        labels: Mapping[str, str] | None,
        phases: frozenset[str] | None,
        *,
        apart: bool = True,
        timed: bool = True,
    ) -> list[tuple[int, Slice]]:
        """As the timeline's, in one pass; of these slices nobody asks for peak or silence."""
        spans = self.windows(width_s, phases)
        wanted = dict(labels or {})

        def name(key: WindowKey) -> str | None:
            named = key.operation if apart or key.operation in AUTH_OPERATIONS else EVERY_OTHER
            return named if matches(key, wanted, phases) else None

        names, codes = _coded([name(key) for key in self._columns.keys])
        result: list[tuple[int, Slice]] = []
        step = max(1, GROUPS_AT_ONCE // max(1, len(names)))
        for first in range(0, len(spans), step):
            result += self._slices(spans[first : first + step], names, codes, phases, timed)
        return result

    def _slices(
        self, spans: list[tuple[int, int]], names: list[str], codes: Rows, phases: frozenset[str] | None, timed: bool
    ) -> Iterator[tuple[int, Slice]]:
        rows = self._rows(spans[0][0], spans[-1][1])
        begins = np.array([begin for begin, _ in spans])
        at = np.searchsorted(begins, self._columns.seconds[rows], side="right") - 1
        ends = np.array([end for _, end in spans])
        wanted = codes[self._columns.cells[rows]]
        inside = (wanted >= 0) & (self._columns.seconds[rows] < ends[at])
        groups = at * len(names) + wanted
        windows = self._ledger.sums(*_kept(rows, groups, inside), len(spans) * len(names), timed=timed).windows()
        for place, (begin, end) in enumerate(spans):
            of = dict(zip(names, windows[place * len(names) : (place + 1) * len(names)], strict=True))
            known = {name: window for name, window in of.items() if window.samples or window.skipped}
            yield begin, Slice(known, self._length_s(phases, begin, end))

    @property
    def seconds(self) -> list[int]:
        """Epoch seconds that hold windows, ascending."""
        return self._seconds

    def parts(self) -> list[WindowKey]:
        """The distinct keys, their second 0."""
        return list(self._columns.keys)

    def values(self, label: str) -> list[str]:
        """The values that ``operation``, ``scenario``, ``region`` or ``phase`` takes, sorted."""
        return sorted({getattr(key, label) for key in self._columns.keys})

    def counted(self, kinds: Kinds) -> dict[tuple[str, str], tuple[int, int]]:
        """By (kind, operation): how often, and the first epoch second."""
        of: Counts = getattr(self._columns, kinds)
        owners = np.repeat(np.arange(len(self._columns)), of.lengths)
        found: dict[tuple[str, str], tuple[int, int]] = {}
        codes = self._columns.cells[owners].astype(np.int64) * (len(self._columns.kinds) or 1) + of.kinds
        counts = np.bincount(codes[of.counts > 0], weights=of.counts[of.counts > 0])
        first = np.full(len(counts), np.iinfo(np.int64).max)
        np.minimum.at(first, codes[of.counts > 0], self._columns.seconds[owners][of.counts > 0])
        for code in np.flatnonzero(counts).tolist():
            cell, kind = divmod(code, len(self._columns.kinds))
            name = self._columns.kinds[kind], self._columns.keys[cell].operation
            before = found.get(name, (0, int(first[code])))
            found[name] = before[0] + int(counts[code]), min(before[1], int(first[code]))
        return found

    def _slice(
        self, wanted: Mapping[str, str], phases: frozenset[str] | None, from_second: int | None, to_second: int | None
    ) -> Slice:
        keys = self._columns.keys
        chosen = np.array([matches(key, wanted, phases) for key in keys], dtype=np.bool_)
        if from_second is None and to_second is None:
            rows = np.concatenate([np.zeros(0, dtype=np.int64), *compress(self._rows_of, chosen)])
            present = np.flatnonzero(chosen).tolist()
        else:
            rows = self._rows(from_second, to_second)
            rows = rows[chosen[self._columns.cells[rows]]] if len(keys) else rows
            present = np.flatnonzero(np.bincount(self._columns.cells[rows])).tolist()
        seconds = self._length_s(phases, from_second, to_second)
        by_operation: dict[str, list[int]] = {}
        for cell in present:
            by_operation.setdefault(keys[cell].operation, []).append(cell)
        if from_second is None and to_second is None:
            sums, groups = self._summed_up(), by_operation
        else:
            places = {name: place for place, name in enumerate(by_operation)}
            operation_of = np.array([places.get(key.operation, 0) for key in keys], dtype=np.int64)
            sums = self._ledger.sums(rows, operation_of[self._columns.cells[rows]], len(places))
            groups = {name: [place] for name, place in places.items()}
        totals = {name: sums.window(group) for name, group in groups.items()}
        return Slice(totals, seconds, self._peak_rps(rows, seconds), self._gap_s(rows, phases, from_second, to_second))

    def _rows(self, from_second: int | None, to_second: int | None) -> Rows:
        first = 0 if from_second is None else int(np.searchsorted(self._sorted, from_second))
        last = len(self._sorted) if to_second is None else int(np.searchsorted(self._sorted, to_second))
        return self._order[first:last]

    def _summed_up(self) -> Sums:
        if self._all is None:
            rows = self._order
            self._all = self._ledger.sums(rows, self._columns.cells[rows], len(self._columns.keys))
        return self._all

    def _answered_by_row(self) -> Rows:
        """Answers of each row; none of the operations that throughput leaves out."""
        columns, of = self._columns, self._columns.outcomes
        good = np.array([kind in set(ANSWERED_OUTCOMES) for kind in columns.kinds] or [False], dtype=np.bool_)
        counts = np.where(good[of.kinds] if len(of.kinds) else False, of.counts, 0)
        owners = np.repeat(np.arange(len(columns)), of.lengths)
        answered = np.bincount(owners, weights=counts, minlength=len(columns))
        left_out = np.array([key.operation in AUTH_OPERATIONS for key in columns.keys] or [False], dtype=np.bool_)
        answered[left_out[columns.cells]] = 0
        return answered

    def _peak_rps(self, rows: Rows, seconds: float) -> float | None:
        """As the timeline's: best mean of ten seconds in a row."""
        if not len(rows) or seconds < PEAK_WINDOW_S:
            return None
        at = self._columns.seconds[rows]
        by_second = np.bincount(at - at.min(), weights=self._answered[rows])
        sums = np.cumsum(np.concatenate([np.zeros(PEAK_WINDOW_S), by_second]))
        return float((sums[PEAK_WINDOW_S:] - sums[:-PEAK_WINDOW_S]).max()) / PEAK_WINDOW_S

    def _gap_s(
        self, rows: Rows, phases: frozenset[str] | None, from_second: int | None, to_second: int | None
    ) -> float | None:
        if phases is not None or from_second is not None or to_second is not None or not len(self._columns):
            return None
        known = rows[self._columns.scalars["last_done_s"][rows] > 0]
        at, places = np.unique(self._columns.seconds[known], return_inverse=True)
        first_s, last_s = np.full(len(at), np.inf), np.zeros(len(at))
        np.minimum.at(first_s, places, self._columns.scalars["first_done_s"][known])
        np.maximum.at(last_s, places, self._columns.scalars["last_done_s"][known])
        begin_s, end_s = self._stretches(None)[0]
        gaps = np.concatenate([first_s, [end_s]]) - np.concatenate([[begin_s], last_s])
        inner = gaps if self.phases or not len(at) else gaps[:-1]
        return max(0.0, float(inner.max(initial=0.0)))

    def _seconds_between(self, from_second: int | None, to_second: int | None) -> list[int]:
        return [int(second) for second in np.unique(self._columns.seconds[self._rows(from_second, to_second)])]


def _coded(named: Sequence[Named | None]) -> tuple[list[Named], Rows]:
    """The distinct names, and for each of those given its place among them; -1 for none."""
    places = {name: place for place, name in enumerate(dict.fromkeys(name for name in named if name is not None))}
    return list(places), np.array([-1 if name is None else places[name] for name in named], dtype=np.int64)


def _chunks(places: Rows, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of ascending ``places`` that span at most ``size`` of them each."""
    first = 0
    while first < len(places):
        last = int(np.searchsorted(places, places[first] + max(1, size)))
        yield first, last
        first = last


def _kept(rows: Rows, groups: Rows, wanted: Rows) -> tuple[Rows, Rows]:
    return (rows, groups) if wanted.all() else (rows[wanted], groups[wanted])

"""The timeline of a finished run, kept as columns. It answers as ``Timeline`` does, from a tenth of the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from acgs_load.analysis.columns import Columns, Counts
from acgs_load.analysis.sums import Ledger, Sums
from acgs_load.contract import ANSWERED_OUTCOMES, AUTH_OPERATIONS
from acgs_load.measures import Slice
from acgs_load.samples import Window, WindowKey
from acgs_load.timeline import PEAK_WINDOW_S, Kinds, Phase, Timeline, matches

Rows = npt.NDArray[Any]
ROWS_AT_ONCE = 500


class Archive(Timeline):
    """Slices of columns. Whole-run slices come from sums by key, made once; nothing can be added."""

    def __init__(self, started_epoch_s: float, phases: Iterable[Phase], columns: Columns) -> None:
        super().__init__(started_epoch_s, phases)
        self._columns = columns
        self._ledger = Ledger(columns)
        self._order: Rows = np.argsort(columns.seconds, kind="stable")
        self._sorted: Rows = columns.seconds[self._order]
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

    def grouped(self, width_s: int, begin: int) -> Iterator[tuple[int, WindowKey, Window]]:
        """As the timeline's."""
        places = np.maximum(0, self._sorted - begin) // width_s
        for place in np.unique(places).tolist():
            first, last = np.searchsorted(places, (place, place + 1))
            cells, groups = np.unique(self._columns.cells[self._order[first:last]], return_inverse=True)
            sums = self._ledger.sums(self._order[first:last], groups, len(cells))
            for cell, window in zip(cells.tolist(), sums.windows(), strict=True):
                yield place, self._columns.keys[cell], window

    @property
    def seconds(self) -> list[int]:
        """Epoch seconds that hold windows, ascending."""
        return [int(second) for second in np.unique(self._sorted)]

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
        rows = self._rows(from_second, to_second)
        rows = rows[chosen[self._columns.cells[rows]]] if len(keys) else rows
        seconds = self._length_s(phases, from_second, to_second)
        present = np.unique(self._columns.cells[rows]).tolist()
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

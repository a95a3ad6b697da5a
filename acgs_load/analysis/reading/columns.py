"""Windows as columns of numbers: a two-hour run has half a million, and half a million objects fill a gigabyte."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from acgs_load.analysis.reading.lines import NUMBER_MAX
from acgs_load.histogram import bucket_index
from acgs_load.printable import printable
from acgs_load.samples import COUNTED, Window, WindowKey

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]

BUCKET_MAX = bucket_index(int(NUMBER_MAX))
TIMES = ("first_done_s", "last_done_s")
SUMS = tuple(name for name in Window.__slots__ if name not in {*TIMES, *COUNTED, "service", "response"})
"""What adds up plainly when windows are merged."""
_KINDS: tuple[type[np.signedinteger[Any]], ...] = (np.int8, np.int16, np.int32)
_HEAD = 3
"""Sum, minimum and maximum stand before the buckets of a histogram."""
_NOTHING: Mapping[str, int] = {}


class UnusualRowError(Exception):
    """Rows that need a closer look than columns give them."""


def small(values: Numbers) -> Numbers:
    """The same numbers in the least memory that holds them; they are never negative."""
    largest = int(values.max()) if len(values) else 0
    return values.astype(next((kind for kind in _KINDS if largest <= np.iinfo(kind).max), np.int64), copy=False)


def _whole(values: Iterable[int]) -> Ints:
    """Raises TypeError for what is no whole number, OverflowError for one beyond 64 bits."""
    return np.frombuffer(array("q", list(values)) or array("q"), dtype=np.int64)


def sound(values: Numbers) -> Numbers:
    """The same. Raises UnusualRowError where one is negative, or larger than anything that a run counts."""
    if len(values) and not (values.min() >= 0 and values.max() <= NUMBER_MAX):
        raise UnusualRowError
    return values


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each kind was counted: an entry for each window and kind."""

    lengths: npt.NDArray[Any]
    """Entries of each window, which stand in the windows' order."""
    kinds: npt.NDArray[Any]
    counts: npt.NDArray[Any]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, int]], codes: dict[str, int]) -> Counts:
        """From one mapping a window; new kinds are added to ``codes``."""
        kinds = [codes.setdefault(kind, len(codes)) for kind in chain.from_iterable(rows)]
        counts = _whole(chain.from_iterable(dict.values(row) for row in rows))  # type: ignore[arg-type]
        return cls(small(_whole(map(len, rows))), small(_whole(kinds)), small(sound(counts)))


@dataclass(frozen=True, slots=True)
class Spreads:
    """Histograms of windows, by bucket."""

    lengths: npt.NDArray[Any]
    sums_us: Numbers
    least_us: Numbers
    most_us: Numbers
    buckets: npt.NDArray[Any]
    counts: npt.NDArray[Any]

    @classmethod
    def of(cls, wires: Sequence[list[int] | None]) -> Spreads:
        """From ``Histogram.to_wire`` of each window; None where it has none. Raises UnusualRowError."""
        present = np.array([wire is not None for wire in wires], dtype=np.bool_)
        numbers = array("q")
        for wire in wires:
            if wire is not None:
                numbers.fromlist(wire)
        flat = sound(np.frombuffer(numbers or array("q"), dtype=np.int64))
        lengths = _whole(len(wire) for wire in wires if wire is not None)
        if len(lengths) and not (lengths.min() >= _HEAD and (lengths % 2 == 1).all()):
            raise UnusualRowError
        begins = np.cumsum(lengths) - lengths
        heads = np.zeros((_HEAD, len(wires)), dtype=np.int64)
        body = np.ones(len(flat), dtype=np.bool_)
        for place in range(_HEAD):
            heads[place, present] = flat[begins + place]
            body[begins + place] = False
        pairs = flat[body]
        buckets = pairs[0::2]
        if len(buckets) and buckets.max() > BUCKET_MAX:
            raise UnusualRowError
        entries = np.zeros(len(wires), dtype=np.int32)
        entries[present] = (lengths - _HEAD) // 2
        sums_us, least_us, most_us = map(small, heads)
        return cls(small(entries), sums_us, least_us, most_us, buckets.astype(np.int16), small(pairs[1::2]))


@dataclass(frozen=True, slots=True)
class Columns:
    """Windows, one a row, in the order in which they were written."""

    keys: tuple[WindowKey, ...]
    """The distinct keys, their second 0."""
    kinds: tuple[str, ...]
    """Words of outcomes, violations and failures."""
    cells: npt.NDArray[np.int32]
    """Place of each row's key in ``keys``."""
    seconds: Ints
    scalars: Mapping[str, Numbers]
    outcomes: Counts
    violations: Counts
    failures: Counts
    service: Spreads
    response: Spreads | None
    """None in closed load; else a row without one has its ``service`` here, as ``Window.merge`` would."""

    def __len__(self) -> int:
        return len(self.seconds)

    def spans(self, label: str) -> dict[str, tuple[int, int]]:
        """First and last second of each value of a label."""
        found: dict[str, tuple[int, int]] = {}
        for cell, key in enumerate(self.keys):
            seconds, value = self.seconds[self.cells == cell], getattr(key, label)
            first, last = found.get(value, (int(seconds[0]), int(seconds[0])))
            found[value] = min(first, int(seconds.min())), max(last, int(seconds.max()))
        return found


Table = TypeVar("Table", Counts, Spreads)


@dataclass(slots=True)
class ColumnsBuilder:
    """Takes rows in batches, as ``windows.jsonl`` spells them."""

    keys: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    open_load: bool = False

    def add(self, rows: Sequence[dict[str, Any]], text: bytes | None = None) -> None:
        """Add rows; their ``text``, where given, tells quickly which names none of them has.

        Raises UnusualRowError, and adds nothing, where a row is not plainly what a run writes.
        """
        try:
            self.batches.append(self._batch(rows, text))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, IndexError) as error:
            raise UnusualRowError from error

    def _batch(self, rows: Sequence[dict[str, Any]], text: bytes | None) -> dict[str, Any]:
        codes = [self.code((row["region"], row["scenario"], row["operation"], row["phase"])) for row in rows]
        batch: dict[str, Any] = {
            "cells": np.array(codes, dtype=np.int32),
            "seconds": _whole([row["second"] for row in rows]),
            "outcomes": Counts.of([row["outcomes"] for row in rows], self.kinds),
            "violations": Counts.of(_each(rows, "violations", text), self.kinds),
            "failures": Counts.of(_each(rows, "failures", text), self.kinds),
            "service": Spreads.of([row.get("service") for row in rows]),
        }
        for name in SUMS + TIMES:
            absent = text is not None and name.encode() not in text
            batch[name] = np.zeros(len(rows), np.int8) if absent else _numbers(rows, name)
        late = (text is None or b"response" in text) and any("response" in row for row in rows)
        wires = [row.get("response", row.get("service")) for row in rows] if late else None
        batch["response"] = Spreads.of(wires) if wires else batch["service"]
        self.open_load |= late
        return batch

    def join(self, batch: dict[str, Any], open_load: bool) -> None:
        """Add columns that were made elsewhere, with the codes of this builder."""
        self.batches.append(batch)
        self.open_load |= open_load

    def join_all(self, other: ColumnsBuilder) -> None:
        """Add everything that ``other`` took, with the codes of this builder."""
        cells = np.array([self.code(key) for key in other.keys], dtype=np.int32)
        kinds = np.array([self.kinds.setdefault(kind, len(self.kinds)) for kind in other.kinds], dtype=np.int64)
        for batch in other.batches:
            coded = {name: replace(batch[name], kinds=small(kinds[batch[name].kinds])) for name in COUNTED}
            self.join({**batch, **coded, "cells": cells[batch["cells"]]}, other.open_load)

    def code(self, key: tuple[str, str, str, str]) -> int:
        """The place of a key; a new one is added. Raises UnusualRowError where it is not made of words."""
        code = self.keys.get(key)
        if code is None:
            if not all(isinstance(word, str) for word in key):
                raise UnusualRowError
            region, scenario, operation, phase = map(printable, key)
            if (region, scenario, operation, phase) != key:
                return self.code((region, scenario, operation, phase))
            code = self.keys[key] = len(self.keys)
        return code

    def columns(self) -> Columns:
        """Everything added, in the order of adding."""
        return Columns(
            tuple(WindowKey(0, *key) for key in self.keys),
            tuple(map(printable, self.kinds)),
            self._joined("cells", np.int32),
            self._joined("seconds", np.int64),
            {name: self._joined(name, np.int64) for name in SUMS + TIMES},
            self._gathered("outcomes", Counts.of([], {})),
            self._gathered("violations", Counts.of([], {})),
            self._gathered("failures", Counts.of([], {})),
            self._gathered("service", Spreads.of([])),
            self._gathered("response", Spreads.of([])) if self.open_load else None,
        )

    def _joined(self, name: str, kind: Any) -> npt.NDArray[Any]:
        return np.concatenate([batch.pop(name) for batch in self.batches] or [np.zeros(0, dtype=kind)])

    def _gathered(self, name: str, empty: Table) -> Table:
        parts = [batch.pop(name) for batch in self.batches] or [empty]
        joined = {of.name: np.concatenate([getattr(part, of.name) for part in parts]) for of in fields(empty)}
        return replace(empty, **joined)


def _each(rows: Sequence[dict[str, Any]], name: str, text: bytes | None) -> Sequence[Mapping[str, int]]:
    if text is not None and name.encode() not in text:
        return [_NOTHING] * len(rows)
    return [row.get(name, _NOTHING) for row in rows]


def _numbers(rows: Sequence[dict[str, Any]], name: str) -> Numbers:
    try:
        numbers = np.array(list(map(itemgetter(name), rows)))
    except KeyError:
        numbers = np.array([row.get(name, 0) for row in rows])
    if numbers.dtype.kind not in "if":
        raise UnusualRowError
    sound(numbers)
    return small(numbers) if numbers.dtype.kind == "i" else numbers

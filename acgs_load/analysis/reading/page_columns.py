"""Pages of windows turned into columns, many pages at once: lists are joined, nothing is done window by window."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from acgs_load.analysis.reading.columns import (
    BUCKET_MAX,
    ColumnsBuilder,
    Counts,
    Ints,
    Numbers,
    Spreads,
    UnusualRowError,
    small,
    sound,
)
from acgs_load.sample_pages import LABELS, SPREAD
from acgs_load.samples import COUNTED, SCALARS

Page = Mapping[str, Any]
Code = Callable[[tuple[str, str, str, str]], int]
"""The place of a key; a new one is added."""
_ABSENT: list[float] = []


def add_pages(builder: ColumnsBuilder, pages: Sequence[Page]) -> None:
    """Add the windows of ``pages``.

    Raises UnusualRowError, and adds nothing, where one is not plainly what a run writes.
    """
    try:
        batch = _batch(pages, builder.code, builder.kinds)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, IndexError) as error:
        raise UnusualRowError from error
    builder.join(batch, any("response" in page for page in pages))


def _batch(pages: Sequence[Page], code: Code, kinds: dict[str, int]) -> dict[str, Any]:
    sizes = [page["windows"] for page in pages]
    begins = np.cumsum([0, *sizes])
    batch: dict[str, Any] = {
        "cells": _cells(pages, code),
        "seconds": np.repeat(_whole([page["second"] for page in pages]), sizes),
        "service": _spreads([page["service"] for page in pages], sizes),
    }
    for name in SCALARS:
        batch[name] = _numbers([page.get(name, _ABSENT) for page in pages], sizes)
    for name in COUNTED:
        batch[name] = _counts([page.get(name, {}) for page in pages], begins, kinds)
    if len(batch["cells"]) != begins[-1]:
        raise UnusualRowError
    known = [page.get("response", page["service"]) for page in pages]
    late = any("response" in page for page in pages)
    batch["response"] = _spreads(known, sizes) if late else batch["service"]
    return batch


def _whole(values: list[int]) -> Ints:
    return np.frombuffer(array("q", values) or array("q"), dtype=np.int64)


def _joined(lists: Iterable[list[int]]) -> Ints:
    """Raises TypeError for what is no list of whole numbers, OverflowError for one beyond 64 bits."""
    numbers = array("q")
    for values in lists:
        numbers.fromlist(values)
    return np.frombuffer(numbers or array("q"), dtype=np.int64)


def _cells(pages: Sequence[Page], code: Code) -> npt.NDArray[np.int32]:
    codes: list[int] = []
    before: list[Any] = []
    known: list[int] = []
    for page in pages:
        labels = [page["words"], *(page[label] for label in LABELS)]
        if labels != before:  # most seconds are made of what the last was made of
            words = labels[0]
            rows = zip(*labels[1:], strict=True)
            known = [code((words[a], words[b], words[c], words[d])) for a, b, c, d in rows]
            if min(map(min, labels[1:]), default=0) < 0:
                raise UnusualRowError
            before = labels
        if len(known) != page["windows"]:
            raise UnusualRowError
        codes += known
    return np.array(codes, dtype=np.int32)


def _numbers(lists: Sequence[list[float]], sizes: Sequence[int]) -> Numbers:
    if all(values is _ABSENT for values in lists):
        return np.zeros(sum(sizes), np.int8)
    known = [[0] * size if values is _ABSENT else values for values, size in zip(lists, sizes, strict=True)]
    if list(map(len, known)) != list(sizes):
        raise UnusualRowError
    numbers = np.array(list(chain.from_iterable(known)))
    if numbers.dtype.kind not in "if":
        raise UnusualRowError
    sound(numbers)
    return small(numbers) if numbers.dtype.kind == "i" else numbers


def _counts(tables: Sequence[Mapping[str, list[int]]], begins: Ints, kinds: dict[str, int]) -> Counts:
    flats, codes, shifts = [], [], []
    for place, table in enumerate(tables):
        for kind, pairs in table.items():
            flats.append(pairs)
            codes.append(kinds.setdefault(kind, len(kinds)))
            shifts.append(place)
    lengths, flat = np.array([len(pairs) for pairs in flats], dtype=np.int64) // 2, sound(_joined(flats))
    if len(flat) != 2 * lengths.sum():
        raise UnusualRowError
    of = np.repeat(np.array(shifts, dtype=np.int64), lengths)
    rows = begins[of] + flat[0::2]
    if len(rows) and (rows >= begins[of + 1]).any():
        raise UnusualRowError
    order = np.argsort(rows, kind="stable")
    counted = np.repeat(np.array(codes, dtype=np.int64), lengths)[order]
    entries = np.bincount(rows, minlength=int(begins[-1]))
    return Counts(small(entries), small(counted), small(flat[1::2][order]))


def _spreads(spreads: Sequence[Mapping[str, list[int]]], sizes: Sequence[int]) -> Spreads:
    columns = {name: sound(_joined([spread[name] for spread in spreads])) for name in SPREAD}
    heads = [[len(spread[name]) for spread in spreads] for name in SPREAD[:4]]
    held = [sum(spread["entries"]) for spread in spreads]
    tails = [[len(spread[name]) for spread in spreads] for name in SPREAD[4:]]
    if any(lengths != list(sizes) for lengths in heads) or any(lengths != held for lengths in tails):
        raise UnusualRowError
    if len(columns["index"]) and columns["index"].max() > BUCKET_MAX:
        raise UnusualRowError
    return Spreads(
        small(columns["entries"]),
        small(columns["sum_us"]),
        small(columns["min_us"]),
        small(columns["max_us"]),
        columns["index"].astype(np.int16),
        small(columns["count"]),
    )

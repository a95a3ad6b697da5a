"""How windows lie in ``windows.jsonl``: a line a second, a list a count, so that half a million are read in a second.

Each line is read without the others, so a file that a crash cut short loses no more than its last line. Lines of one
window, which earlier versions wrote, are read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from acgs_load.histogram import Histogram
from acgs_load.samples import COUNTED, SCALARS, Window, WindowKey

LABELS = ("region", "scenario", "operation", "phase")
SPREAD = ("entries", "sum_us", "min_us", "max_us", "index", "count")
"""Of histograms: for each window how many buckets it has, its sum, minimum and maximum; for each bucket the rest."""
_BUCKETS = ("index", "count")

Page = Mapping[str, Any]


def pages_of(batch: Sequence[tuple[WindowKey, Window]]) -> Iterator[dict[str, Any]]:
    """A JSON object for each second of ``batch``, whose keys ascend."""
    for second, of in groupby(batch, key=lambda row: row[0].second):
        yield _page(second, list(of))


def _page(second: int, batch: Sequence[tuple[WindowKey, Window]]) -> dict[str, Any]:
    windows = [window for _, window in batch]
    places: dict[str, int] = {}
    labels = {label: [places.setdefault(getattr(key, label), len(places)) for key, _ in batch] for label in LABELS}
    page: dict[str, Any] = {"second": second, "windows": len(batch), "words": list(places), **labels}
    for name in SCALARS:
        values = [getattr(window, name) for window in windows]
        if any(values):
            page[name] = values
    page |= {name: counts for name in COUNTED if (counts := _counts([getattr(window, name) for window in windows]))}
    page["service"] = _spread([window.service for window in windows])
    if any(window.response is not None for window in windows):
        page["response"] = _spread([window.latency for window in windows])  # as a merge of them would have it
    return page


def _counts(rows: Sequence[Mapping[str, int]]) -> dict[str, list[int]]:
    """For each kind the windows that counted it: place, count, place, count …"""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for kind, count in row.items():
            found.setdefault(kind, []).extend((place, count))
    return found


def _spread(histograms: Sequence[Histogram]) -> dict[str, list[int]]:
    ordered = [sorted(histogram.counts.items()) for histogram in histograms]
    return {
        "entries": [len(pairs) for pairs in ordered],
        "sum_us": [histogram.sum_us for histogram in histograms],
        "min_us": [histogram.min_us for histogram in histograms],
        "max_us": [histogram.max_us for histogram in histograms],
        "index": [index for pairs in ordered for index, _ in pairs],
        "count": [count for pairs in ordered for _, count in pairs],
    }


def is_page(line: Mapping[str, Any]) -> bool:
    """Whether a line holds the windows of a second, and not a single one as earlier versions wrote it."""
    return "words" in line


def rows_of(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The windows of a line of either kind: labels, and what ``Window.to_wire`` spells, of each.

    Raises ValueError, KeyError, TypeError or IndexError where the line is no page, nor looks like a window.
    """
    return _unfolded(line) if is_page(line) else [dict(line)]


def _unfolded(page: Page) -> list[dict[str, Any]]:
    words = page["words"]
    rows: list[dict[str, Any]] = [{"second": page["second"], "outcomes": {}} for _ in range(page["windows"])]
    columns: dict[str, Iterable[Any]] = {label: [words[_sound(at)] for at in page[label]] for label in LABELS}
    columns |= {name: page[name] for name in SCALARS if name in page}
    columns |= {name: _wires(page[name]) for name in ("service", "response") if name in page}
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    for name in COUNTED:
        for kind, pairs in page.get(name, {}).items():
            for place, value in zip(pairs[0::2], pairs[1::2], strict=True):
                rows[_sound(place)].setdefault(name, {})[kind] = value
    return rows


def _wires(spread: Mapping[str, Sequence[int]]) -> Iterator[list[int]]:
    """``Histogram.to_wire`` of each window."""
    begin = 0
    columns = (spread[name] for name in SPREAD if name not in _BUCKETS)
    for entries, *head in zip(*columns, strict=True):
        end = begin + _sound(entries)
        pairs = zip(spread["index"][begin:end], spread["count"][begin:end], strict=True)
        yield [*head, *(number for pair in pairs for number in pair)]
        begin = end
    if begin != len(spread["index"]) or begin != len(spread["count"]):
        raise ValueError(f"{len(spread['index'])} buckets where {begin} are due")


def _sound(place: int) -> int:
    if place < 0:
        raise ValueError(f"a place of {place}")
    return place

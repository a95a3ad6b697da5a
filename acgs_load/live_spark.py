"""A course of values in one row of characters, and how far along a run is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.text import Text

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The values from 0 to their highest, one character each; more than ``width`` are drawn together by their highest.

    Where nothing was measured there is a blank.
    """
    drawn = _together(values, width)
    top = max((value for value in drawn if value is not None), default=0.0)
    return "".join(" " if value is None else _bar(value, top) for value in drawn)


def progress_bar(share: float, width: int) -> Text:
    """A bar that is filled to ``share`` (0–1)."""
    filled = min(width, max(0, round(share * width)))
    return Text.assemble(("━" * filled, "cyan"), ("─" * (width - filled), "dim"))


def _bar(value: float, top: float) -> str:
    return BARS[0] if top <= 0 else BARS[min(len(BARS) - 1, int(value / top * len(BARS)))]


def _together(values: Sequence[float | None], width: int) -> list[float | None]:
    if len(values) <= width:
        return list(values)
    edges = [round(place * len(values) / width) for place in range(width + 1)]
    stretches = (values[begin:end] for begin, end in pairwise(edges))
    return [max((value for value in one if value is not None), default=None) for one in stretches]

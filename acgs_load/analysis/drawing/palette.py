"""Colours of every chart: Okabe and Ito's, which people with any colour vision tell apart.

Source: M. Okabe, K. Ito, "Color Universal Design" (2008). Lines differ in dash as well, so that a grey print reads too.
"""

from __future__ import annotations

from typing import NamedTuple


class Ink(NamedTuple):
    """One line's look, on light and on dark ground."""

    light: str
    dark: str
    dash: tuple[int, ...]
    """Lengths of strokes and gaps; empty: solid."""


INKS = (
    Ink("#0072B2", "#56B4E9", ()),
    Ink("#B35F00", "#E69F00", (6, 3)),
    Ink("#007A5A", "#2FC99A", (2, 2)),
    Ink("#C0392B", "#FF8A65", (8, 3, 2, 3)),
    Ink("#9C4F80", "#E3A3C9", (4, 2)),
)
LIMIT_LIGHT = "#555555"

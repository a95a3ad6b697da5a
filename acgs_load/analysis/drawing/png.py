"""A panel as a PNG picture, by matplotlib without a display."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from acgs_load.analysis.drawing.axes import Axis, time_axis, values_axis
from acgs_load.analysis.drawing.palette import INKS, LIMIT_LIGHT
from acgs_load.analysis.drawing.panels import Line, Panel
from acgs_load.analysis.wording import tick_text, time_text

SIZE_IN = (10.0, 4.6)
DPI = 120
FONT = 13
LINE_WIDTH = 2.2
MARGIN_IN = 0.12
LETTER_PT = 0.58 * FONT
"""Width of a letter, about; letters of other sizes in proportion."""
KEY_PT = 58.0
"""What a line of the legend takes beside its words."""
CLOSE = 0.08
"""Share of the picture's height that the words of a limit take."""
BREACH = "#B42318"
SOFT = "#566070"


def to_png(panel: Panel, caption: str = "") -> bytes:
    """The picture, 1,200 × 552 pixels; letters are large enough to be read at half that.

    ``caption`` stands at its upper right, so that a picture on a slide still says which run it is of.
    """
    figure = Figure(figsize=SIZE_IN, dpi=DPI)
    figure.set_layout_engine("constrained", w_pad=MARGIN_IN, h_pad=MARGIN_IN)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    above = 22 if panel.bands or panel.breaches else 8
    axes.set_title(f"{panel.title} ({panel.unit})", loc="left", fontsize=FONT + 2, fontweight="bold", pad=above)
    axes.set_title(caption, loc="right", fontsize=FONT - 2, color=SOFT, pad=above)
    _frame(axes, panel)
    _bands(axes, panel)
    right = axes.twinx() if panel.unit_right else None
    for line in panel.lines:
        _draw(right if line.right and right else axes, panel, line)
    _scale(axes, values_axis(panel), panel.share)
    if right is not None:
        _scale(right, values_axis(panel, right=True), share=False)
        right.set_ylabel(panel.unit_right, fontsize=FONT)
        right.grid(visible=False)
        right.spines["top"].set_visible(False)
    _limits(axes, panel)
    if not any(value for line in panel.lines for value in line.values):
        axes.text(0.5, 0.5, "none in this run", transform=axes.transAxes, ha="center", fontsize=FONT, color=SOFT)
    _legend(figure, [part for part in (axes, right) if part])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _frame(axes: Axes, panel: Panel) -> None:
    time = time_axis(panel.end_s)
    axes.set_xlim(0, panel.end_s)
    axes.xaxis.set_major_locator(FixedLocator(list(time.ticks)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: time_text(at)))
    axes.tick_params(labelsize=FONT)
    axes.grid(color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _bands(axes: Axes, panel: Panel) -> None:
    """Phases: shaded where they hold, named above the picture where there is room; and what was outside its limit."""
    free_s, second_pt = 0.0, 72 * 0.86 * SIZE_IN[0] / panel.end_s
    for band in panel.bands:
        if band.hold:
            axes.axvspan(band.from_s, band.to_s, color="#eef4fa", zorder=0)
        wide_s = (len(band.name) * LETTER_PT * (FONT - 3) / FONT + 4) / second_pt
        if band.from_s >= free_s and band.from_s + wide_s <= band.to_s:
            axes.annotate(
                band.name,
                (band.from_s, 1),
                xycoords=("data", "axes fraction"),
                xytext=(2, 8),
                textcoords="offset points",
                fontsize=FONT - 3,
                color=SOFT,
            )
            free_s = band.from_s + wide_s
    for breach in panel.breaches:
        axes.axvspan(breach.from_s, breach.to_s, 1.01, 1.03, color=BREACH, linewidth=0, clip_on=False)


def _legend(figure: Figure, parts: list[Axes]) -> None:
    """Below, in one row where its words have room for that."""
    handles = [handle for part in parts for handle in part.get_lines() if not str(handle.get_label()).startswith("_")]
    wide_pt = sum(LETTER_PT * len(str(handle.get_label())) + KEY_PT for handle in handles)
    columns = len(handles) if wide_pt < 72 * SIZE_IN[0] else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=max(1, columns), fontsize=FONT, frameon=False)


def _draw(axes: Axes, panel: Panel, line: Line) -> None:
    ink = INKS[line.colour]
    values = [float("nan") if value is None else value for value in line.values]
    style: Any = (0, tuple(length / LINE_WIDTH for length in ink.dash)) if ink.dash else "solid"
    lonely = sum(value is not None for value in line.values) == 1
    axes.plot(
        panel.times_s,
        values,
        color=ink.light,
        linewidth=LINE_WIDTH,
        linestyle=style,
        label=line.name,
        marker="o" if lonely else None,
    )


def _scale(axes: Axes, axis: Axis, share: bool) -> None:
    if axis.log:
        axes.set_yscale("log")
    axes.set_ylim(axis.low, axis.high)
    axes.yaxis.set_major_locator(FixedLocator(list(axis.ticks)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value, share)))
    axes.tick_params(labelsize=FONT)


def _limits(axes: Axes, panel: Panel) -> None:
    """Each limit with its words above it, or below where another limit is close above."""
    axis = values_axis(panel)
    shares = [axis.share(limit.value) for limit in panel.limits]
    for limit, share in zip(panel.limits, shares, strict=True):
        if not axis.low <= limit.value <= axis.high:
            continue
        axes.axhline(limit.value, color=LIMIT_LIGHT, linewidth=1.4, linestyle=(0, (1, 2)), label="_limit")
        below = any(0 < other - share < CLOSE for other in shares) or share > 1 - CLOSE
        axes.annotate(
            limit.name,
            (0.005, limit.value),
            xycoords=("axes fraction", "data"),
            xytext=(0, -3 if below else 3),
            textcoords="offset points",
            fontsize=FONT - 2,
            va="top" if below else "bottom",
            color=LIMIT_LIGHT,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )

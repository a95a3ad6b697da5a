"""A panel as a PNG picture, by matplotlib without a display."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
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


def to_png(panel: Panel) -> bytes:
    """The picture, 1,200 × 552 pixels; letters are large enough to be read at half that."""
    figure = Figure(figsize=SIZE_IN, dpi=DPI)
    figure.set_layout_engine("constrained", w_pad=MARGIN_IN, h_pad=MARGIN_IN)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(f"{panel.title} ({panel.unit})", loc="left", fontsize=FONT + 2, fontweight="bold")
    _frame(axes, panel)
    right = axes.twinx() if panel.unit_right else None
    for line in panel.lines:
        _draw(right if line.right and right else axes, panel, line)
    _scale(axes, values_axis(panel), panel.share)
    if right is not None:
        _scale(right, values_axis(panel, right=True), share=False)
        right.set_ylabel(panel.unit_right, fontsize=FONT)
        right.grid(visible=False)
    _limits(axes, panel)
    handles = [
        handle
        for part in (axes, right)
        if part
        for handle in part.get_lines()
        if not str(handle.get_label()).startswith("_")
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=FONT, frameon=False)
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
    for band in panel.bands:
        if band.hold:
            axes.axvspan(band.from_s, band.to_s, color="#eef4fa", zorder=0)


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
    axis = values_axis(panel)
    for place, limit in enumerate(panel.limits):
        far = place % 2 == 1  # limits close to each other keep their words apart
        if axis.low <= limit.value <= axis.high:
            axes.axhline(limit.value, color=LIMIT_LIGHT, linewidth=1.4, linestyle=(0, (1, 2)), label="_limit")
            axes.annotate(
                limit.name,
                (0.995 if far else 0.005, limit.value),
                xycoords=("axes fraction", "data"),
                xytext=(0, 3),
                textcoords="offset points",
                fontsize=FONT - 2,
                ha="right" if far else "left",
                color=LIMIT_LIGHT,
            )

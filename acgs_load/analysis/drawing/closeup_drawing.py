"""A close-up as shapes for inline SVGs: sparkline, percentile curve, heat map, throughput against latency."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from acgs_load.analysis.drawing.axes import Axis, linear, logarithmic, time_axis
from acgs_load.analysis.drawing.closeups import CloseUp, Heat
from acgs_load.analysis.drawing.shapes import HEIGHT, WIDTH, Tick
from acgs_load.analysis.wording import tick_text, time_text, value_text

LEVELS = 6
"""Shades of a heat map."""
NINES = ((0.0, "0 %"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %"), (4.0, "99.99 %"))
LOG_SPREAD = 30.0


class Spark(NamedTuple):
    """A line without axes, for a table's cell."""

    path: str
    summary: str


class Path(NamedTuple):
    """Path data of one look."""

    look: str
    """Its classes."""
    data: str
    transform: str = ""
    """From its own units to the picture's, where they differ."""


class Plot(NamedTuple):
    """One picture with its axes."""

    paths: tuple[Path, ...]
    """Painted in order."""
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    across_name: str
    summary: str


class CloseUpDrawing(NamedTuple):
    """Everything that the template needs of a close-up."""

    closeup: CloseUp
    title: str
    curve: Plot | None
    heat: Plot | None
    scatter: Plot | None


def spark_of(closeup: CloseUp) -> Spark:
    """The p95 from 0 to its highest, in a box of 100 by 24."""
    known = [value for value in closeup.latency_p95_ms if value is not None]
    if not known:
        return Spark("", "no latency measured")
    high, last = max(known) or 1.0, max(1, len(closeup.times_s) - 1)
    points = [
        None if value is None else (100 * place / last, 23 - 22 * value / high)
        for place, value in enumerate(closeup.latency_p95_ms)
    ]
    text = f"p95 over time, from {value_text(min(known), 'ms')} to {value_text(max(known), 'ms')}"
    return Spark(line_path(points), text)


def closeup_drawing(closeup: CloseUp, end_s: float) -> CloseUpDrawing:
    """The three pictures of a part of the run; None where nothing was measured."""
    title = f"{closeup.kind} {closeup.name}" if closeup.name else "all requests"
    return CloseUpDrawing(closeup, title, _curve(closeup), _heat(closeup, end_s), _scatter(closeup))


def line_path(points: Iterable[tuple[float, float] | None]) -> str:
    """SVG path data with gaps; a point that stands alone is a dot under a round cap."""
    parts, drawing = [], False
    for point in points:
        if point is not None:
            x, y = point
            parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}{'' if drawing else 'h0'}")
        drawing = point is not None
    return "".join(parts)


def _spread_axis(values: Sequence[float]) -> Axis:
    """From 0, or logarithmic where the values span more than ``LOG_SPREAD``."""
    low, high = min(values), max(values)
    if low > 0 and high / low > LOG_SPREAD:
        return logarithmic(low, high)
    return linear(0.0, 1.04 * high or 1.0)


def _ticks(axis: Axis, up: bool) -> tuple[Tick, ...]:
    return tuple(
        Tick(100 - 100 * axis.share(value) if up else 100 * axis.share(value), tick_text(value, share=False))
        for value in axis.ticks
    )


def _curve(closeup: CloseUp) -> Plot | None:
    if len(closeup.curve) < 2:
        return None
    axis = _spread_axis([value for _, value in closeup.curve])
    nines = NINES[-1][0]
    points = [
        (WIDTH * -math.log10(max(1 - quantile, 1e-12)) / nines, HEIGHT - HEIGHT * axis.share(value))
        for quantile, value in closeup.curve
    ]
    across = tuple(Tick(100 * at / nines, text) for at, text in NINES)
    last, value_ms = closeup.curve[-1]
    summary = f"latency by percentile, up to {value_text(value_ms, 'ms')} at {100 * last:.4g} %"
    return Plot((Path("line c0", line_path(points)),), across, _ticks(axis, up=True), "percentile (log scale)", summary)


def _scatter(closeup: CloseUp) -> Plot | None:
    """Moments of the hold phases apart from those of ramps, which show other loads."""
    moments = [
        (rps, value, held)
        for rps, value, held in zip(closeup.throughput_rps, closeup.latency_p95_ms, closeup.held, strict=True)
        if value is not None
    ]
    if len(moments) < 2:
        return None
    across, up = linear(0.0, max(rps for rps, _, _ in moments) or 1.0), _spread_axis([value for _, value, _ in moments])
    paths = tuple(
        Path(name, "".join(_dot(across, up, rps, value) for rps, value, held in moments if held == wanted))
        for name, wanted in (("dot ramp", False), ("dot", True))
    )
    low, high = min(moments), max(moments)
    summary = (
        f"p95 against throughput: {value_text(low[1], 'ms')} at {value_text(low[0], 'rps')}, "
        f"{value_text(high[1], 'ms')} at {value_text(high[0], 'rps')}"
    )
    return Plot(paths, _ticks(across, up=False), _ticks(up, up=True), "requests answered a second", summary)


def _dot(across: Axis, up: Axis, x: float, y: float) -> str:
    return f"M{WIDTH * across.share(x):.0f} {HEIGHT - HEIGHT * up.share(y):.0f}h0"


def _heat(closeup: CloseUp, end_s: float) -> Plot | None:
    heat = closeup.heat
    if heat is None:
        return None
    axis = logarithmic(heat.low_ms, heat.low_ms * heat.factor**heat.rows, whole=False)
    time = time_axis(end_s, count=4)
    transform = _cells_transform(closeup, heat, time)
    shades = tuple(Path(f"heat h{level}", path, transform) for level, path in sorted(_shades(heat).items()))
    rows = zip(closeup.times_s, closeup.latency_p95_ms, strict=True)
    line = line_path(
        None if value is None else (WIDTH * time.share(at_s), HEIGHT - HEIGHT * axis.share(value))
        for at_s, value in rows
    )
    across = tuple(Tick(100 * time.share(tick), time_text(tick)) for tick in time.ticks)
    timed = sum(sum(column.values()) for column in heat.columns)
    summary = f"latencies over time, {timed:,} requests in moments of {closeup.width_s} s"
    return Plot((*shades, Path("line over-heat", line)), across, _ticks(axis, up=True), "time", summary)


def _cells_transform(closeup: CloseUp, heat: Heat, time: Axis) -> str:
    """From moments and rows to the picture: whole numbers keep the page small."""
    wide = WIDTH * closeup.width_s / (time.high - time.low)
    begin_s = closeup.times_s[0] - closeup.width_s / 2
    high = HEIGHT / heat.rows
    return f"translate({WIDTH * begin_s / (time.high - time.low):.2f} {HEIGHT}) scale({wide:.5g} {-high:.5g})"


def _shades(heat: Heat) -> dict[int, str]:
    """Rectangles by shade, neighbours of one shade joined.

    A shade is the square root of the row's share of its moment's requests, so that few are seen too.
    """
    shades = [{row: _level(count, sum(column.values())) for row, count in column.items()} for column in heat.columns]
    paths: dict[int, list[str]] = defaultdict(list)
    for row in range(heat.rows):
        place = 0
        for level, same in groupby(shade.get(row, 0) for shade in shades):
            length = len(list(same))
            if level:
                paths[level].append(f"M{place} {row}h{length}v1H{place}z")
            place += length
    return {level: "".join(parts) for level, parts in paths.items()}


def _level(count: int, total: int) -> int:
    return math.ceil(LEVELS * math.sqrt(count / total))

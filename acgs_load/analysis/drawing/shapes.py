"""A panel as shapes for an inline SVG: the picture stretches to any width, its letters stay outside it and readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from acgs_load.analysis.drawing.axes import Axis, time_axis, values_axis
from acgs_load.analysis.drawing.panels import Breach, Line, Panel
from acgs_load.analysis.wording import at_text, tick_text, time_text, value_text

WIDTH = 1000
HEIGHT = 300
UNITS = {"RPS": "rps", "ms": "ms", "%": "ratio"}


class Tick(NamedTuple):
    """A label beside the picture."""

    percent: float
    text: str


class Stroke(NamedTuple):
    """One line of the picture."""

    name: str
    colour: int
    path: str
    right: bool


class Rule(NamedTuple):
    """A horizontal line of a threshold."""

    y: float
    percent: float
    text: str


class Stretch(NamedTuple):
    """A part of the time: a phase behind the lines, or a bucket that tells its values when pointed at."""

    x: float
    width: float
    text: str
    hold: bool = False


class Drawing(NamedTuple):
    """Everything that the template needs of a chart."""

    name: str
    title: str
    unit: str
    unit_right: str
    strokes: tuple[Stroke, ...]
    left_ticks: tuple[Tick, ...]
    right_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]
    rules: tuple[Rule, ...]
    bands: tuple[Stretch, ...]
    points: tuple[Stretch, ...]
    breaches: tuple[Stretch, ...]
    breach_text: str
    """When the chart's lines were outside their limits, in words; empty: never."""
    summary: str


def drawing_of(panel: Panel) -> Drawing:
    """The shapes of one panel."""
    left, time = values_axis(panel), time_axis(panel.end_s)
    right = values_axis(panel, right=True) if panel.unit_right else None
    return Drawing(
        panel.name,
        panel.title,
        panel.unit,
        panel.unit_right,
        tuple(
            Stroke(
                line.name, line.colour, _path(panel, line, right if line.right and right else left, time), line.right
            )
            for line in panel.lines
        ),
        tuple(Tick(100 - 100 * left.share(tick), tick_text(tick, panel.share)) for tick in left.ticks),
        tuple(Tick(100 - 100 * right.share(tick), tick_text(tick, share=False)) for tick in right.ticks)
        if right
        else (),
        tuple(Tick(100 * time.share(tick), time_text(tick)) for tick in time.ticks),
        tuple(
            Rule(_y(left, limit.value), 100 - 100 * left.share(limit.value), limit.name)
            for limit in panel.limits
            if left.low <= limit.value <= left.high
        ),
        tuple(
            Stretch(_x(time, band.from_s), _x(time, band.to_s) - _x(time, band.from_s), band.name, band.hold)
            for band in panel.bands
        ),
        tuple(_points(panel, time)),
        tuple(_breaches(panel, time)),
        _breach_text(panel),
        _summary(panel),
    )


def _x(axis: Axis, at_s: float) -> float:
    return round(WIDTH * axis.share(at_s), 1)


def _y(axis: Axis, value: float) -> float:
    return round(HEIGHT - HEIGHT * axis.share(value), 1)


def _path(panel: Panel, line: Line, axis: Axis, time: Axis) -> str:
    """SVG path data; a gap where nothing was measured, a short dash for a value that stands alone."""
    parts: list[str] = []
    drawing = False
    for place, value in enumerate(line.values):
        if value is None:
            drawing = False
            continue
        x, y = _x(time, panel.times_s[place]), _y(axis, value)
        parts.append(f"{'L' if drawing else 'M'}{x:g} {y:g}")
        if not drawing and _alone(line.values, place):
            parts.append(f"L{x + 2:g} {y:g}")
        drawing = True
    return "".join(parts)


def _alone(values: Sequence[float | None], place: int) -> bool:
    return place + 1 == len(values) or values[place + 1] is None


def _points(panel: Panel, time: Axis) -> Iterator[Stretch]:
    unit = UNITS.get(panel.unit, "")
    for place, at_s in enumerate(panel.times_s):
        told = [
            f"{line.name} {value_text(line.values[place], '' if line.right else unit)}"
            for line in panel.lines
            if line.values[place] is not None
        ]
        if told:
            begin_s = max(0.0, at_s - panel.width_s / 2)
            x = _x(time, begin_s)
            yield Stretch(x, _x(time, begin_s + panel.width_s) - x, f"{time_text(begin_s)}  " + ", ".join(told))


def _breaches(panel: Panel, time: Axis) -> Iterator[Stretch]:
    for breach in panel.breaches:
        x = _x(time, breach.from_s)
        text = f"{time_text(breach.from_s)}–{time_text(breach.to_s)}  {breach.text}"
        yield Stretch(x, max(2.0, round(_x(time, breach.to_s) - x, 1)), text)


def _breach_text(panel: Panel) -> str:
    """For each limit, for how long it was left and when first."""
    by_text: dict[str, list[Breach]] = {}
    for breach in panel.breaches:
        by_text.setdefault(breach.text, []).append(breach)
    told = []
    for text, found in by_text.items():
        length = at_text(sum(breach.to_s - breach.from_s for breach in found))
        told.append(f"{text}: {length} in all, first at {at_text(found[0].from_s)}")
    return "; ".join(told)


def _summary(panel: Panel) -> str:
    """What the picture shows, for those who hear it."""
    unit = UNITS.get(panel.unit, "")
    told = []
    for line in panel.lines:
        values = [value for value in line.values if value is not None]
        if values:
            of = "" if line.right else unit
            told.append(f"{line.name} from {value_text(min(values), of)} to {value_text(max(values), of)}")
    return f"{panel.title}: " + "; ".join(told)

"""What makes the page interactive: its charts' numbers, the chart library and our own few lines, all inside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from acgs_load.analysis.drawing.axes import values_axis
from acgs_load.analysis.drawing.palette import INKS
from acgs_load.analysis.drawing.panels import Panel
from acgs_load.analysis.render_json import tidy
from acgs_load.analysis.report import Report

TEMPLATES = Path(__file__).parents[1] / "templates"
LIBRARY = "vendor/uPlot.iife.min.js"
LICENCE = "vendor/uPlot.LICENSE"
"""It asks to stand in every copy."""
LIBRARY_STYLE = "vendor/uPlot.min.css"
TROUBLES = ("errors", "violation-kinds")
OURS = ("charts.js", "page.js")


def script_of(report: Report) -> Markup:
    """The end of the page. Data can not end its element: ``<`` is spelled as an escape of JSON."""
    drawn = drawn_panels(report)
    parts = ['<script>document.documentElement.classList.add("js")</script>']
    if drawn:
        text = json.dumps(tidy(_data(drawn)), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        parts += [
            f"<style>{_text(LIBRARY_STYLE)}</style>",
            f'<script type="application/json" id="data">{text.replace("<", _ESCAPED)}</script>',
            f"<script>/*\n{_text(LICENCE)}\n*/\n{_text(LIBRARY)}</script>",
        ]
    ours = OURS if drawn else OURS[1:]
    parts += [f"<script>{_text(name)}</script>" for name in ours]
    return Markup("\n".join(parts))  # nosec B704  # our own files, and data that is escaped above


def drawn_panels(report: Report) -> list[Panel]:
    """The charts worth their room: not those of troubles that never happened."""
    return [panel for panel in report.panels if not panel.empty and (panel.name not in TROUBLES or _happened(panel))]


def _happened(panel: Panel) -> bool:
    return any(value for line in panel.lines for value in line.values)


_ESCAPED = "\\u003c"


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8").strip()


def _data(drawn: list[Panel]) -> dict[str, Any]:
    return {
        "times_s": drawn[0].times_s,
        "width_s": drawn[0].width_s,
        "end_s": drawn[0].end_s,
        "dashes": [list(ink.dash) for ink in INKS],
        "panels": [_panel(panel) for panel in drawn],
    }


def _panel(panel: Panel) -> dict[str, Any]:
    axis = values_axis(panel)
    right = values_axis(panel, right=True) if panel.unit_right else None
    return {
        "name": panel.name,
        "unit": panel.unit,
        "share": panel.share,
        "log": axis.log,
        "low": axis.low,
        "high": axis.high,
        "ticks": axis.ticks,
        "right": {"low": right.low, "high": right.high, "ticks": right.ticks} if right else None,
        "lines": [
            {"name": line.name, "colour": line.colour, "right": line.right, "values": line.values}
            for line in panel.lines
        ],
        "limits": [{"name": limit.name, "value": limit.value} for limit in panel.limits],
        "bands": [
            {"name": band.name, "from_s": band.from_s, "to_s": band.to_s, "hold": band.hold} for band in panel.bands
        ],
        "breaches": [{"from_s": breach.from_s, "to_s": breach.to_s, "text": breach.text} for breach in panel.breaches],
    }

"""Panels in the few shapes that the dashboards need. ``$`` and braces in queries are Grafana's and PromQL's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import barchart, bargauge, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import DashboardLink, ThresholdsConfig
from grafana_foundation_sdk.builders.heatmap import YAxisConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.dashboards.frame import REPORT, SOURCE

GREEN, YELLOW, RED = "green", "yellow", "red"
SHARE, SECONDS, RATE, COUNT, BYTES = "percentunit", "s", "reqps", "short", "bytes"


class Asked(NamedTuple):
    """A query and how its series are called."""

    expression: str
    legend: str = ""


def graph(title: str, about: str, unit: str, *asked: Asked, width: int = 12, stacked: bool = False) -> Any:
    """Lines over time, with the last and the highest value in the legend."""
    legend = VizLegendOptions().display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.BOTTOM)
    tooltip = VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    panel = timeseries.Panel().unit(unit).min(0).show_points(VisibilityMode.NEVER).line_width(1)
    panel = panel.legend(legend.show_legend(True).calcs(["lastNotNull", "max"])).tooltip(tooltip)
    if stacked:
        panel = panel.stacking(StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
    return _asking(panel, title, about, asked).span(width).height(8)


def tile(title: str, about: str, unit: str, asked: Asked, limits: Mapping[float, str] | None = None) -> Any:
    """One number of now; ``limits`` say from which value on it has which colour (green below)."""
    panel = stat.Panel().unit(unit).no_value("not measured").thresholds(_colours(limits or {}))
    panel = panel.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    return _asking(panel, title, about, [asked], instant=True).span(3).height(4)


def bars(title: str, about: str, unit: str, asked: Asked, limits: Mapping[float, str] | None = None) -> Any:
    """A bar a series, of now."""
    panel = bargauge.Panel().unit(unit).orientation(VizOrientation.HORIZONTAL).no_value("not measured")
    panel = panel.thresholds(_colours(limits or {})).reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    return _asking(panel, title, about, [asked], instant=True).span(12).height(10)


def states(title: str, about: str, asked: Asked, words: Mapping[int, tuple[str, str]]) -> Any:
    """A stripe a series; ``words`` say what its numbers mean, and in which colour."""
    meanings = {str(number): ValueMappingResult(text=text, color=colour) for number, (text, colour) in words.items()}
    panel = statetimeline.Panel().mappings([ValueMap(options=meanings)]).show_value(VisibilityMode.NEVER)
    return _asking(panel.row_height(0.8), title, about, [asked]).span(12).height(10)


def heat(title: str, about: str, unit: str, asked: Asked) -> Any:
    """How many fell into which bucket, over time."""
    panel = heatmap.Panel().calculate(False).y_axis(YAxisConfig().unit(unit)).show_legend()
    query = _query(asked, "A").format(PromQueryFormat.HEATMAP)
    return panel.title(title).description(about).datasource(SOURCE).with_target(query).span(12).height(8)


def rows(title: str, about: str, columns: Mapping[str, Asked], units: Mapping[str, str], *, width: int = 24) -> Any:
    """A table: one row for each set of labels, one column for each query; ``run`` leads to the report."""
    panel = table.Panel().title(title).description(about).datasource(SOURCE).span(width).height(8)
    names = {}
    for place, (name, asked) in enumerate(columns.items()):
        ref = chr(ord("A") + place)
        names[f"Value #{ref}"] = name
        panel = panel.with_target(_query(asked, ref).instant().format(PromQueryFormat.TABLE))
    hidden = {"Time": True, "__name__": True, "instance": True, "job": True}
    panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    organized = {"excludeByName": hidden, "renameByName": names}
    panel = panel.with_transformation(DataTransformerConfig(id_val="organize", options=organized))
    for name, unit in units.items():
        panel = panel.override_by_name(name, [DynamicConfigValue(id_val="unit", value=unit)])
    link = {"title": "report", "url": REPORT, "targetBlank": True}
    return panel.override_by_name("run", [DynamicConfigValue(id_val="links", value=[link])])


def columns(title: str, about: str, unit: str, asked: Asked) -> Any:
    """A column a run."""
    panel = barchart.Panel().unit(unit).x_field("run").orientation(VizOrientation.HORIZONTAL).min(0)
    link = DashboardLink("report").url(REPORT).target_blank(True)
    query = _query(asked, "A").instant().format(PromQueryFormat.TABLE)
    panel = panel.title(title).description(about).datasource(SOURCE).with_target(query).data_links([link])
    return panel.span(12).height(8)


def _asking(panel: Any, title: str, about: str, asked: Any, *, instant: bool = False) -> Any:
    panel = panel.title(title).description(about).datasource(SOURCE)
    for place, one in enumerate(asked):
        query = _query(one, chr(ord("A") + place))
        panel = panel.with_target(query.instant() if instant else query.range())
    return panel


def _query(asked: Asked, ref: str) -> Dataquery:
    query = Dataquery().expr(asked.expression).ref_id(ref).datasource(SOURCE)
    return query.legend_format(asked.legend) if asked.legend else query


def _colours(limits: Mapping[float, str]) -> ThresholdsConfig:
    steps = [Threshold(value=None, color=GREEN), *(Threshold(value=at, color=colour) for at, colour in limits.items())]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)

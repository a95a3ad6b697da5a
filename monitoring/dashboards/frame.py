"""What all dashboards share: the data source, the choices at the top, phases and breaches as marks, links."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="acgs-prometheus")
TAG = "acgs"
MARKS = {
    "Phases": ("blue", 'acgs_load_phase_info{run=~"$run"}'),
    "Breaches": ("orange", 'acgs_load_threshold_state{run=~"$run", state="fail"} == 1'),
    "Alerts": ("red", 'ALERTS{alertstate="firing"}'),
}
"""Annotations: colour and query."""
TITLES = {
    "Phases": {"titleFormat": "{{phase}}", "textFormat": "{{run}}", "tagKeys": "run", "step": "5s"},
    "Breaches": {"titleFormat": "{{threshold}}", "textFormat": "{{run}}", "tagKeys": "measure", "step": "5s"},
    "Alerts": {"titleFormat": "{{alertname}}", "textFormat": "{{run}}", "tagKeys": "severity,kind", "step": "5s"},
}
"""What the SDK cannot say of an annotation of Prometheus."""
CHOICES = {
    "run": ("Run", "label_values(acgs_load_run_info, run)"),
    "region": ("Region", 'label_values(acgs_load_requests_total{run=~"$run"}, region)'),
    "operation": ("Operation", 'label_values(acgs_load_requests_total{run=~"$run"}, operation)'),
}
"""Variables: label and query."""
REPORT = "${web_ui}/report/${__data.fields.run}"
"""The report of the run in a row; the web UI serves what the analyzer has written."""


def frame(uid: str, title: str, about: str) -> Dashboard:
    """A dashboard without panels."""
    page = (
        Dashboard(title)
        .uid(uid)
        .description(about)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("5s")
        .time("now-15m", "now")
    )
    for name, (colour, expression) in MARKS.items():
        mark = AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(expression)
        page = page.annotation(mark)
    for name, (label, query) in CHOICES.items():
        page = page.with_variable(_choice(name, label, query))
    page = page.with_variable(TextBoxVariable("web_ui").label("Web UI").default_value("http://localhost:8089"))
    others = DashboardLink("Dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).include_vars(True)
    return (
        page.link(others.keep_time(True))
        .link(_outside("Web UI", "${web_ui}"))
        .link(_outside("Prometheus alerts", "http://localhost:9090/alerts"))
    )


def _choice(name: str, label: str, query: str) -> QueryVariable:
    """Everything, or any of the values that the series of the time shown have."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": "A"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_DESC if name == "run" else VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(text=["All"], value=["$__all"]))
    )


def _outside(title: str, url: str) -> DashboardLink:
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url).icon("external link").target_blank(True)

"""The report as one HTML file: no script, no network, light and dark, phone and desk."""

from __future__ import annotations

from pathlib import Path

import jinja2

from acgs_load.analysis.drawing import drawing_of
from acgs_load.analysis.palette import INKS
from acgs_load.analysis.render_json import timestamp
from acgs_load.analysis.report import Report
from acgs_load.analysis.story import facts_text, findings_text
from acgs_load.analysis.wording import NOT_MEASURED, at_text, margin_text, value_text

TEMPLATES = Path(__file__).parent / "templates"


def to_html(report: Report) -> str:
    """The whole document. Everything that came from a target is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(value=value_text, margin=margin_text, at=at_text, percent=_percent)
    return environment.get_template("report.html.j2").render(
        report=report,
        verdict=report.verdict,
        facts=report.facts,
        started=timestamp(report.facts.started_s),
        headline=facts_text(report),
        found=findings_text(report),
        findings=sorted(report.verdict.findings, key=lambda row: row.rank),
        not_measured=NOT_MEASURED,
        drawings=[drawing_of(panel) for panel in report.panels if not panel.empty],
        undrawn=[panel.title for panel in report.panels if panel.empty],
        inks=INKS,
        origins=dict(report.plan.get("origins") or {}),
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"

"""The report as one HTML file: no network, light and dark, phone and desk; without scripts it says the same."""

from __future__ import annotations

import json
from typing import Any

import jinja2

from acgs_load.analysis.advice import advice_of
from acgs_load.analysis.command import again_of, command_of
from acgs_load.analysis.comparing.regressions import interval_text, moved_text
from acgs_load.analysis.drawing.closeup_drawing import closeup_drawing, spark_of
from acgs_load.analysis.drawing.forest import forest_of, state_of
from acgs_load.analysis.drawing.page_policy import policy_of
from acgs_load.analysis.drawing.page_script import TEMPLATES, drawn_panels, script_of
from acgs_load.analysis.drawing.palette import INKS
from acgs_load.analysis.drawing.shapes import drawing_of
from acgs_load.analysis.evidence import evidence_of
from acgs_load.analysis.judging.assurances import assurances
from acgs_load.analysis.judging.judged import Judged, told_apart
from acgs_load.analysis.notes import UNCLEAR
from acgs_load.analysis.render_json import timestamp
from acgs_load.analysis.report import Report
from acgs_load.analysis.story import facts_text, findings_text
from acgs_load.analysis.trouble_rows import rows_of
from acgs_load.analysis.wording import NOT_MEASURED, at_text, margin_text, moment_text, value_text
from acgs_load.contract import Outcome

BESIDE = "Beside the baseline"
BAR = 100.0
"""Where the limit stands on a threshold's bar, which ends at half as much again."""


def to_html(report: Report) -> str:
    """The whole document. Everything that came from a target is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        value=value_text,
        margin=margin_text,
        at=at_text,
        percent=_percent,
        bar=bar_width,
        plain=_plain,
        opened=_opened,
        moved=moved_text,
        interval=interval_text,
        state=state_of,
    )
    script = script_of(report)
    page = environment.get_template("report.html.j2")
    return page.render(**_shown(report), script=script, policy=policy_of(script))


def _shown(report: Report) -> dict[str, Any]:
    drawn = drawn_panels(report)
    end_s = max((panel.end_s for panel in drawn), default=report.facts.duration_s or 1.0)
    promises, advice = assurances(report), advice_of(report)
    findings, apart = told_apart(report.verdict.findings)
    return {
        "report": report,
        "verdict": report.verdict,
        "facts": report.facts,
        "started": timestamp(report.facts.started_s),
        "headline": facts_text(report),
        "found": findings_text(report),
        "findings": findings,
        "apart": apart,
        "evidence": evidence_of(report),
        "unclear": any(text.startswith(UNCLEAR) for text in report.notes),
        "moment": moment_text(report.facts.started_s),
        "states": _states(report),
        "not_measured": NOT_MEASURED,
        "advice": advice,
        "violations": list(rows_of(report.violations)),
        "errors": list(rows_of(report.errors)),
        "assurances": promises,
        "checked": bool(promises),
        "throttled": any(group.outcomes.get(Outcome.THROTTLED) for group in report.operations),
        "drawings": [drawing_of(panel) for panel in drawn],
        "undrawn": [panel.title for panel in report.panels if panel.empty],
        "unseen": [panel.title.lower() for panel in report.panels if not panel.empty and panel not in drawn],
        "bucket_s": drawn[0].width_s if drawn else None,
        "closeups": [closeup_drawing(closeup, end_s) for closeup in report.closeups],
        "sparks": {closeup.anchor: spark_of(closeup) for closeup in report.closeups},
        "forest": forest_of(report.comparison.changes) if report.comparison else {},
        "inks": INKS,
        "origins": dict(report.plan.get("origins") or {}),
        "suite": f" {version}" if (version := (report.run.get("versions") or {}).get("suite")) else "",
        "command": command_of(report.plan),
        "again": again_of(report.plan),
        "sections": _sections(report, promised=bool(promises)),
    }


def _sections(report: Report, promised: bool) -> list[tuple[str, str]]:
    """Anchors and titles of the sections that this report has."""
    compared_only = report.comparison is not None and not report.verdict.findings
    known = (
        ("comparison", BESIDE, compared_only),
        ("thresholds", "Thresholds", not compared_only),
        ("violations", "Violations", bool(report.violations)),
        ("errors-found", "Errors", bool(report.errors)),
        ("charts", "Over time", bool(drawn_panels(report))),
        ("steps", "Steps", bool(report.breaking_point and report.breaking_point.steps)),
        ("comparison", BESIDE, report.comparison is not None and not compared_only),
        ("operations", "Operations", bool(report.operations)),
        ("scenarios", "Scenarios", bool(report.scenarios)),
        ("regions", "Regions", len(report.regions) > 1),
        ("phases", "Phases", bool(report.phases)),
        ("closeups", "A closer look", bool(report.closeups)),
        ("promises", "Compliance", promised),
        ("reading", "How to read this", True),
        ("how", "How it was run", bool(report.plan)),
    )
    return [(anchor, text) for anchor, text, present in known if present]


def _states(report: Report) -> dict[str, str]:
    """For each measure the state of its threshold on the whole run, ``fail`` before ``pass``; none without trust."""
    states: dict[str, str] = {}
    if report.verdict.status == "INVALID":
        return states
    for row in report.verdict.findings:
        if row.decides and not row.labels and row.during is None and states.get(row.measure) != "fail":
            states[row.measure] = row.state
    return states


def bar_width(row: Judged) -> float | None:
    """How long a threshold's bar is, 100 at the limit and 150 at most; None where there is nothing to measure by."""
    if row.value is None or row.limit is None or row.limit < 0:
        return None
    if not row.limit:
        return 0.0 if not row.value else 1.5 * BAR
    return round(min(1.5, max(0.0, row.value / row.limit)) * BAR, 1)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _opened(text: str) -> str:
    """A sentence with a capital, unless it begins with the name of a measure."""
    return text if "_" in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


def _plain(value: object) -> str:
    """A setting's value: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

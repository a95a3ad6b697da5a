"""A run folder in, a report out: loads, judges, and writes every form of the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from acgs_load.analysis import groups, troubles
from acgs_load.analysis.beside import beside
from acgs_load.analysis.comparing.baseline import all_measures, compared, load_baseline
from acgs_load.analysis.comparing.regressions import judged_by
from acgs_load.analysis.drawing.breaches import demands_of
from acgs_load.analysis.drawing.closeups import closeups
from acgs_load.analysis.drawing.run_panels import run_panels
from acgs_load.analysis.judging.breaking import breaking_point
from acgs_load.analysis.judging.drift import drifts
from acgs_load.analysis.judging.machines import (
    added_by_generators,
    added_ms,
    health_in_run,
    machine_measures,
    processes,
    target_load,
)
from acgs_load.analysis.judging.recovery import recovery
from acgs_load.analysis.judging.verdict import findings, verdict_of
from acgs_load.analysis.notes import notes_of, warnings_of
from acgs_load.analysis.reading.buckets import buckets_of
from acgs_load.analysis.reading.load import Run, load_run
from acgs_load.analysis.reading.window_lines import Told
from acgs_load.analysis.report import Facts, Report
from acgs_load.analysis.write import write_report
from acgs_load.plan import ThresholdText
from acgs_load.run_folder import RunFolder
from acgs_load.salvage import salvage
from acgs_load.threshold_judge import baseline_of
from acgs_load.thresholds import read

LONG_S = 600
"""Of longer runs the close looks are made beside the rest; for a shorter one it is not worth a process."""


def analyse(
    folder: RunFolder, *, thresholds: Sequence[ThresholdText] | None = None, baseline: str | None = None
) -> Report:
    """The report of a run folder, written into it as report.json, .md, .html, junit.xml and charts.

    ``thresholds`` replace the plan's, ``baseline`` its baseline. Raises UsageError where a file is not what a run
    writes or a threshold cannot be read, and NothingMeasuredError where no request was counted.
    """
    salvage(folder)
    return written(report_of(load_run(folder), thresholds=thresholds, baseline=baseline), folder)


def written(report: Report, folder: RunFolder) -> Report:
    """The report, which says where it was written. Raises UsageError where it cannot be."""
    return replace(report, written=str(write_report(report, folder.path)))


def report_of(
    run: Run,
    *,
    thresholds: Sequence[ThresholdText] | None = None,
    baseline: str | None = None,
    max_regression: float | None = None,
    told: Told | None = None,
) -> Report:
    """The report of a loaded run; nothing is written. ``told`` hears how far the reading of a baseline is.

    ``max_regression``: figures that became worse than the baseline's by more than this share fail the run; where it is
    None the comparison is told and decides nothing.
    """
    buckets = buckets_of(run)
    looked = beside(lambda: closeups(run, buckets)) if len(run.timeline.seconds) > LONG_S else None
    parsed = [read(text) for text in (run.plan.thresholds if thresholds is None else thresholds)]
    before = load_baseline(path, told) if (path := baseline or run.plan.baseline) else None
    measures, machine = all_measures(run), machine_measures(run)
    judged = findings(run, parsed, machine, baseline_of(before.timeline, machine_measures(before)) if before else None)
    point, comeback, trends = breaking_point(run, judged), recovery(run), drifts(run)
    comparison = compared(run, measures, before, max_regression) if before else None
    verdict = verdict_of(run, judged, point)
    return Report(
        facts=_facts(run),
        verdict=judged_by(verdict, comparison) if comparison and max_regression is not None else verdict,
        measures=measures,
        service=groups.latency_of(run.timeline.slice(phases=run.timeline.hold_names).traffic.service),
        operations=tuple(groups.operations(run.timeline)),
        scenarios=tuple(groups.scenarios(run.timeline, run.plan.mix)),
        regions=tuple(groups.regions(run.timeline)),
        phases=tuple(groups.phases(run.timeline)),
        violations=tuple(troubles.violations(run)),
        errors=tuple(troubles.errors(run)),
        target=target_load(run),
        generators=tuple(processes(health_in_run(run))),
        added_p50_ms=added_ms(added_by_generators(run), 0.5),
        breaking_point=point,
        comparison=comparison,
        recovery=comeback,
        drift=tuple(trends),
        panels=tuple(run_panels(run, buckets, demands_of(judged))),
        closeups=tuple(looked() if looked else closeups(run, buckets)),
        plan=_plan(run),
        run={"versions": dict(run.record.versions), "machine": dict(run.record.machine)},
        warnings=tuple(warnings_of(run, trends)),
        notes=tuple(notes_of(run, measures)),
    )


def _facts(run: Run) -> Facts:
    plan, record = run.plan, run.record
    return Facts(
        plan.name,
        plan.test_type,
        plan.target,
        record.started_s,
        record.duration_s,
        plan.seed,
        "closed" if plan.load == "closed" else "open",
        plan.users_max,
        plan.rate,
        record.ended_by,
    )


def _plan(run: Run) -> dict[str, Any]:
    """The plan as JSON spells it. Header values may be secrets and reports are passed on, so only names are told."""
    plan: dict[str, Any] = json.loads(run.plan.to_json())
    plan["headers"] = dict.fromkeys(plan["headers"], "(not shown)")
    return plan

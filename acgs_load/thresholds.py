"""Thresholds, from text to finding. Other modules import from here; the parts are in ``threshold_*``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from acgs_load.contract import OPERATIONS
from acgs_load.errors import UsageError
from acgs_load.measures import MEASURES
from acgs_load.plan import Plan, ThresholdText
from acgs_load.threshold_dialects import translated
from acgs_load.threshold_grammar import parse
from acgs_load.threshold_judge import Baseline, Finding, Row, State, baseline_of, judge, judge_between
from acgs_load.threshold_live import LiveJudge
from acgs_load.threshold_terms import Threshold
from acgs_load.threshold_tokens import nearest, without_comment

__all__ = [
    "Baseline",
    "Finding",
    "LiveJudge",
    "Row",
    "State",
    "Threshold",
    "baseline_of",
    "check",
    "judge",
    "judge_between",
    "merged",
    "parse",
    "read",
]

_ROUNDING_S = 1e-6
_FLAGS = {"flag": "--threshold: ", "file": "THRESHOLDS: "}


def read(text: ThresholdText, operations: Collection[str] | None = None) -> Threshold:
    """The threshold with who wrote it and how it counts. ``operations`` and UsageError as in ``parse``."""
    try:
        threshold = parse(text.expression, operations)
    except UsageError as error:
        raise UsageError(f"{_FLAGS.get(text.source, '')}{error}") from None
    return replace(threshold, source=text.source, required=text.required, breaking=text.breaking)


def merged(
    defaults: Iterable[ThresholdText], given: Iterable[ThresholdText], operations: Collection[str] | None = None
) -> tuple[ThresholdText, ...]:
    """Flags over file over defaults: of the same subject only those of the strongest source stay, in our words.

    ``operations`` and UsageError as in ``parse``.
    """
    strength = {"default": 0, "env": 1, "file": 2, "flag": 3}
    texts = [_ours(text) for text in (*defaults, *given)]
    subjects = [read(text, operations).subject for text in texts]
    strongest: dict[object, int] = {}
    for text, subject in zip(texts, subjects, strict=True):
        strongest[subject] = max(strongest.get(subject, 0), strength[text.source])
    return tuple(
        text for text, subject in zip(texts, subjects, strict=True) if strength[text.source] == strongest[subject]
    )


def _ours(text: ThresholdText) -> ThresholdText:
    ours = translated(without_comment(text.expression))
    return text if ours is None else replace(text, expression=ours)


def check(threshold: Threshold, plan: Plan) -> None:
    """Whether the threshold fits the plan: its phase, region and baseline exist. Raises UsageError where not."""
    where = f"{_FLAGS.get(threshold.source, '')}threshold {threshold.expression!r}: "
    phases, regions = [stage.name for stage in plan.stages], sorted({node.region for node in plan.nodes})
    if threshold.during is not None and threshold.during not in phases:
        raise UsageError(f"{where}{threshold.during} is no phase of this run{nearest(threshold.during, phases)}")
    region = threshold.labels.get("region")
    if region is not None and region not in regions:
        raise UsageError(f"{where}{region} is no region of this run{nearest(region, regions)}")
    if threshold.relative and plan.baseline is None:
        raise UsageError(f"{where}speaks of a baseline; name its run folder with --baseline")
    scenario = threshold.labels.get("scenario") or _scenario_of(threshold.labels.get("operation"))
    if scenario is not None and not plan.mix.get(scenario):
        raise UsageError(f"{where}scenario {scenario} is not run; the mix has {', '.join(plan.mix)}")
    if threshold.relative and threshold.abort:
        raise UsageError(f"{where}a baseline is compared after the run; leave out abort")
    if threshold.over_s and _windows_in_a_row(threshold, plan) < threshold.count:
        wanted = f"{threshold.count} windows of {threshold.over_s} s" if threshold.count > 1 else "the window"
        raise UsageError(f"{where}{wanted} do not fit into what it speaks of; this run has {_lengths(plan)}")


def _windows_in_a_row(threshold: Threshold, plan: Plan) -> int:
    """Whole windows that the threshold's scope has room for; a row goes on over stages that are not judged."""
    width_s = threshold.over_s or 1
    if threshold.during is None and MEASURES[threshold.measure].scope == "run":
        return int((plan.duration_s + _ROUNDING_S) // width_s)
    stretches, previous = [0.0], False
    for stage in plan.stages:
        wanted = stage.name == threshold.during if threshold.during else stage.hold
        if wanted and not previous:
            stretches.append(0.0)
        stretches[-1] += stage.duration_s if wanted else 0.0
        previous = wanted
    return sum(int((length_s + _ROUNDING_S) // width_s) for length_s in stretches)


def _lengths(plan: Plan) -> str:
    return ", ".join(f"{stage.name} {stage.duration_s:.6g} s" for stage in plan.stages)


def _scenario_of(operation: str | None) -> str | None:
    found = OPERATIONS[operation].scenario if operation else None
    return str(found) if found else None

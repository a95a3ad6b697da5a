"""PASS, FAIL or INVALID, why, and the exit code: the rules of the measures page in one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from acgs_load.analysis.judging.breaking import BREAKING_TYPES, INTEGRITY, BreakingPoint
from acgs_load.analysis.judging.judged import Judged
from acgs_load.analysis.judging.trust import distrust, tokenless
from acgs_load.analysis.reading.load import Run
from acgs_load.analysis.report import Status, Verdict
from acgs_load.analysis.wording import at_text, value_text
from acgs_load.errors import ExitCode
from acgs_load.measures import JUDGED_OPERATIONS, Measure
from acgs_load.threshold_judge import Baseline, Finding, judge
from acgs_load.thresholds import Threshold


def findings(
    run: Run, thresholds: Iterable[Threshold], machine: Mapping[str, Measure], baseline: Baseline | None
) -> list[Judged]:
    """Every threshold judged, in the order given."""
    seen = run.timeline.slice().by_operation
    wanted = frozenset(name for name, window in seen.items() if window.samples or _was_in_vain(name, window.skipped))
    return [_judged(run, judge(threshold, run.timeline, machine, baseline), wanted) for threshold in thresholds]


def _was_in_vain(operation: str, skipped: int) -> bool:
    """Users came to the operation, but what it is about was never acknowledged: that is the target's doing.

    Attempts on another tenant are left out where none could be logged in to, which may be right so.
    """
    return skipped > 0 and operation != "cross_tenant_access_attempt"


def _judged(run: Run, found: Finding, wanted: frozenset[str]) -> Judged:
    threshold = found.threshold
    unowed = found.state == "not_measured" and not _owed(threshold, wanted)
    breaking = threshold.breaking or (run.plan.test_type in BREAKING_TYPES and threshold.measure not in INTEGRITY)
    note = found.reason or ""
    if found.first_breach_s is not None:
        note = f"first failed at {at_text(found.first_breach_s)}"
    if found.state == "not_measured" and _never_reached(run, threshold):
        note = f"the run ended before {threshold.during}"
    elif found.state == "not_measured" and threshold.measure == "throughput_peak_rps" and not threshold.labels:
        note = "the run has no ten seconds in a row to take it from"
    elif unowed:
        note = "not demanded" if not threshold.required else "none of its operations was sent"
    elif found.state == "not_measured" and threshold.measure in JUDGED_OPERATIONS:
        note = "its operations were sent or their objects missing; not one was answered in a way that could be judged"
    return Judged.of(found, decides=not breaking and not unowed, note=note)


def _never_reached(run: Run, threshold: Threshold) -> bool:
    """Whether it speaks of a phase that the plan has and the run did not come to."""
    planned = {stage.name for stage in run.plan.stages}
    return threshold.during in planned - {phase.name for phase in run.record.phases}


def _owed(threshold: Threshold, wanted: frozenset[str]) -> bool:
    """Whether a missing value fails the run: the user asked for it, or users came to its operations."""
    if not threshold.required:
        return False
    needed = JUDGED_OPERATIONS.get(threshold.measure)
    return threshold.source != "default" or needed is None or not needed.isdisjoint(wanted)


def verdict_of(run: Run, judged: Sequence[Judged], point: BreakingPoint | None) -> Verdict:
    """What the run comes to. INVALID beats FAIL beats PASS; an interrupted run keeps its verdict and exits with 130."""
    untrusted = distrust(run)
    failures = [*_aborted(run), *(failure_text(row) for row in judged if row.decides and row.state != "pass")]
    failures += [reason for reason in (tokenless(run)[0], _capacity_missed(run, point)) if reason]
    status: Status = "INVALID" if untrusted else "FAIL" if failures else "PASS"
    exit_code = {"INVALID": ExitCode.INVALID, "FAIL": ExitCode.FAILED, "PASS": ExitCode.PASSED}[status]
    interrupted = run.record.interrupted
    said = [_interrupted_text(run)] if interrupted else []
    return Verdict(
        status,
        ExitCode.INTERRUPTED if interrupted else exit_code,
        interrupted,
        (*said, *untrusted, *failures),
        tuple(judged),
    )


def failure_text(row: Judged) -> str:
    """One failed threshold in a sentence: what was demanded, what was measured."""
    if row.state == "not_measured":
        return f"{row.expression}: not measured{f' ({row.note})' if row.note else ''}"
    limit = f", {row.limit:g} demanded" if "baseline" in row.expression and row.limit is not None else ""
    over = f" of {row.samples:,} {_counted(row.measure)}" if row.unit == "ratio" and row.samples else ""
    note = f" ({row.note})" if row.note else ""
    return f"{row.expression}: measured {value_text(row.value, row.unit)}{over}{limit}{note}"


def _counted(measure: str) -> str:
    """What a ratio's samples are."""
    if measure.startswith("target_"):
        return "samples"
    return {"error_ratio": "requests", "throttled_ratio": "requests", "skipped_ratio": "requests"}.get(
        measure, "answers checked"
    )


def _interrupted_text(run: Run) -> str:
    planned, done = run.plan.duration_s, run.record.duration_s
    if run.record.ended_by == "master_lost":
        so_far = f"interrupted after {at_text(done)} of {at_text(planned)}"
        return f"{so_far}: the master was lost, and what its workers had spooled is judged"
    return f"interrupted after {at_text(done)} of {at_text(planned)}; only what was measured until then is judged"


def _aborted(run: Run) -> list[str]:
    abort = run.record.abort
    return [f"stopped at {at_text(abort[1])} by its threshold {abort[0]}"] if abort else []


def _capacity_missed(run: Run, point: BreakingPoint | None) -> str | None:
    wanted = run.plan.min_capacity
    if wanted is None or run.plan.test_type not in BREAKING_TYPES:
        return None
    found = point.capacity_rps if point else None
    if found is None:
        return f"--min-capacity {wanted:g}: no load was found that holds the thresholds"
    return f"--min-capacity {wanted:g}: only {found:,.1f} RPS held the thresholds" if found < wanted else None

"""A comparison in words, and what it does to the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from acgs_load.analysis.comparing.baseline import Comparison
from acgs_load.analysis.comparing.comparison import Change, Word
from acgs_load.analysis.comparing.series import EVERYTHING
from acgs_load.analysis.report import Verdict
from acgs_load.analysis.wording import labels_text, value_text
from acgs_load.errors import ExitCode, UsageError

FACTOR_FROM, FACTOR_MAX = 1.0, 1_000
"""From twice as much on, a factor reads better than per cent; above a thousand, no digit means anything."""
WORST_MAX = 3
NOTHING_PERCENT = 0.005
"""Less would be shown as 0.00."""


def read_share(text: str, name: str) -> float:
    """The share that ``5%`` or ``0.05`` spells. Raises UsageError for anything else; ``name`` is the flag's."""
    bare = text.strip().removesuffix("%")
    try:
        share = float(bare) / (100 if bare != text.strip() else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise UsageError(f"{name} {text}: a share below 1 is due; write 5% or 0.05")
    return share


def judged_by(verdict: Verdict, comparison: Comparison) -> Verdict:
    """The verdict with the comparison taken in: FAIL for a regression beyond what is allowed, INVALID for a baseline
    that cannot be trusted."""
    doubts = tuple(f"the baseline cannot be trusted: {doubt}" for doubt in comparison.doubts)
    failures = tuple(_failures(comparison))
    if not doubts and not failures:
        return verdict
    reasons = (*verdict.reasons, *doubts, *failures)
    if verdict.status == "INVALID" or doubts:
        judged = replace(verdict, status="INVALID", exit_code=ExitCode.INVALID, reasons=reasons)
    else:
        judged = replace(verdict, status="FAIL", exit_code=ExitCode.FAILED, reasons=reasons)
    return replace(judged, exit_code=verdict.exit_code) if verdict.interrupted else judged


def _failures(comparison: Comparison) -> Iterator[str]:
    """A sentence for each figure of everything together, and one for those of single operations."""
    for change in comparison.beyond:
        if change.operation == EVERYTHING:
            yield f"{change_text(change)}, {_allowed_text(change)}"
    single = [change for change in comparison.beyond if change.operation != EVERYTHING]
    if single:
        worst = sorted(single, key=lambda change: -(change.worse or 0.0))[:WORST_MAX]
        more = f"; and {len(single) - len(worst)} more" if len(single) > len(worst) else ""
        yield f"regression in single operations: {'; '.join(_short_text(change) for change in worst)}{more}"


def _short_text(change: Change) -> str:
    labels = labels_text({"operation": change.operation})
    return f"{change.measure}{labels} {moved_text(change.change, change)} ({interval_text(change)})"


def comparison_text(comparison: Comparison) -> str:
    """What it comes to, in a sentence."""
    words = [change.word for change in comparison.changes if change.operation != EVERYTHING]
    beyond = comparison.beyond if comparison.decides else ()  # the reasons of the verdict tell them already
    told = [
        change
        for change in comparison.changes
        if change.operation == EVERYTHING and _worth(change) and change not in beyond
    ]
    parts = "; ".join(change_text(change) for change in told)
    counts = ", ".join(f"{words.count(word)} {word}" for word in Word if word in words)
    operations = f" (figures of single operations: {counts})" if counts else ""
    joint = "; beside what fails the run: " if beyond else ": "
    return f"compared with the baseline: {comparison.word}{joint if parts else ''}{parts}{operations}"


def _worth(change: Change) -> bool:
    """Whether a person wants to read it at once: what changed, and what is asked for most."""
    return change.word in (Word.REGRESSION, Word.IMPROVEMENT) or change.measure in ("latency_p95_ms", "throughput_rps")


def change_text(change: Change) -> str:
    """``latency_p95_ms 10 ms → 12 ms (+20 %, between +17 % and +23 %): regression``."""
    labels = labels_text({"operation": change.operation} if change.operation else {})
    figures = f"{value_text(change.baseline, change.unit)} → {value_text(change.value, change.unit)}"
    inner = ", ".join(text for text in (moved_text(change.change, change), interval_text(change)) if text)
    return f"{change.measure}{labels} {figures}{f' ({inner})' if inner else ''}: {change.word}"


def interval_text(change: Change) -> str:
    """``between -1.2 % and +0.8 %``; empty where there is too little data for an interval."""
    if change.low is None or change.high is None:
        return ""
    return f"between {moved_text(change.low, change)} and {moved_text(change.high, change)}"


def moved_text(moved: float | None, change: Change) -> str:
    """``+12.3 %``, of error ratios ``+0.5 points``; a dash where nothing can be said."""
    if moved is None:
        return ""
    unit = "points" if change.measure == "error_ratio" else "%"
    if unit == "%" and moved >= FACTOR_FROM:
        return f"×{1 + moved:,.3g}" if moved < FACTOR_MAX else f">×{FACTOR_MAX:,}"
    percent = 100 * moved
    if abs(percent) < NOTHING_PERCENT:
        return f"0 {unit}"
    digits = 0 if abs(percent) >= 100 else 1 if abs(percent) >= 0.1 else 2
    return f"{percent:+,.{digits}f} {unit}"


def _allowed_text(change: Change) -> str:
    unit = " points" if change.measure == "error_ratio" else " %"
    return f"{100 * change.allowed:.3g}{unit} allowed"

"""An earlier run to compare with: its measures beside this run's, and what the comparison comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from acgs_load.analysis.comparing.comparison import MAX_REGRESSION, Change, Word, changes
from acgs_load.analysis.comparing.likeness import differences
from acgs_load.analysis.comparing.series import EVERYTHING, series_of
from acgs_load.analysis.judging.machines import machine_measures
from acgs_load.analysis.judging.trust import distrust
from acgs_load.analysis.reading.load import Run, load_run
from acgs_load.analysis.reading.window_lines import Told
from acgs_load.errors import LoadTestError, UsageError
from acgs_load.measures import MEASURES, Measure, measure
from acgs_load.run_folder import RunFolder

ASKED = frozenset({"latency_p95_ms", "throughput_rps", "error_ratio"})
"""Figures that "no difference" must hold of; percentiles further out hang on too few requests in most runs."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure in both runs."""

    measure: str
    unit: str
    baseline: float | None
    value: float | None

    @property
    def ratio(self) -> float | None:
        """This run ÷ the baseline; None where that says nothing."""
        return None if self.value is None or not self.baseline else self.value / self.baseline


@dataclass(frozen=True, slots=True)
class Comparison:
    """This run beside its baseline."""

    baseline: str
    """Folder of the earlier run."""
    differences: tuple[str, ...]
    """Where the two loads were unlike, so that ratios mean less."""
    rows: tuple[Compared, ...]
    changes: tuple[Change, ...]
    """Every figure of all together and of each operation, with its interval and a word."""
    doubts: tuple[str, ...]
    """Why the baseline cannot be trusted; empty where it can."""
    max_regression: float
    """How much worse a figure may become, as a share of it."""
    decides: bool
    """Whether a regression beyond that fails the run; else the comparison is only told."""

    @property
    def word(self) -> Word:
        """What it comes to: the worst that is certain; "no difference" only where that holds of everything together."""
        words = {change.word for change in self.changes}
        for certain in (Word.REGRESSION, Word.IMPROVEMENT):
            if certain in words:
                return certain
        asked = {one.word for one in self.changes if one.operation == EVERYTHING and one.measure in ASKED}
        return Word.SAME if asked == {Word.SAME} else Word.UNKNOWN

    @property
    def beyond(self) -> tuple[Change, ...]:
        """Regressions larger than allowed."""
        return tuple(change for change in self.changes if change.beyond)


def load_baseline(path: str, told: Told | None = None) -> Run:
    """The run in a folder that a baseline names. Raises UsageError when it cannot serve as one."""
    if not Path(path).is_dir():
        raise UsageError(f"--baseline {path}: no such folder; name the folder of a finished run")
    try:
        return load_run(RunFolder(Path(path).absolute()), told)
    except LoadTestError as error:
        raise UsageError(f"--baseline {path}: {error}") from error


def all_measures(run: Run) -> dict[str, Measure]:
    """Every measure of a whole run, in the order that reports list them."""
    machine = machine_measures(run)
    slices = {"hold": run.timeline.slice(phases=run.timeline.hold_names), "run": run.timeline.slice()}
    return {
        name: machine[name] if kind.read is None else measure(name, slices[kind.scope])
        for name, kind in MEASURES.items()
    }


def compared(
    run: Run, measures: Mapping[str, Measure], baseline: Run, max_regression: float | None = None
) -> Comparison:
    """Both runs side by side, and what became of each figure."""
    allowed = MAX_REGRESSION if max_regression is None else max_regression
    before = all_measures(baseline)
    rows = tuple(
        Compared(name, of.unit, before[name].value, of.value)
        for name, of in measures.items()
        if of.value is not None or before[name].value is not None
    )
    return Comparison(
        str(baseline.folder.path),
        differences(run, baseline),
        rows,
        changes((series_of(one.timeline) for one in (baseline, run)), allowed),
        tuple(distrust(baseline)),
        allowed,
        max_regression is not None,
    )

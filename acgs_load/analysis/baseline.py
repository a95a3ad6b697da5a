"""An earlier run to compare with: its measures, and ratios beside this run's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from acgs_load.analysis.load import Run, load_run
from acgs_load.analysis.machines import machine_measures
from acgs_load.errors import LoadTestError, UsageError
from acgs_load.measures import MEASURES, Measure, measure
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder

ALIKE = ("test_type", "load", "users_max", "rate", "mix", "think_time_min_s", "think_time_max_s", "seed", "duration_s")
"""What two plans must share for their figures to speak of the same load."""


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


def load_baseline(path: str) -> Run:
    """The run in a folder that a baseline names. Raises UsageError when it cannot serve as one."""
    if not Path(path).is_dir():
        raise UsageError(f"--baseline {path}: no such folder; name the folder of a finished run")
    try:
        return load_run(RunFolder(Path(path).absolute()))
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


def compared(run: Run, measures: Mapping[str, Measure], baseline: Run) -> Comparison:
    """Both runs side by side."""
    before = all_measures(baseline)
    rows = tuple(
        Compared(name, of.unit, before[name].value, of.value)
        for name, of in measures.items()
        if of.value is not None or before[name].value is not None
    )
    return Comparison(str(baseline.folder.path), tuple(_differences(run.plan, baseline.plan)), rows)


def _differences(plan: Plan, before: Plan) -> list[str]:
    return [
        f"{name}: {_said(getattr(before, name))} then, {_said(getattr(plan, name))} now"
        for name in ALIKE
        if getattr(plan, name) != getattr(before, name)
    ]


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item:g}" for name, item in value.items())
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

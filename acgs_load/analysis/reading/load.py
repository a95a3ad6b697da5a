"""A run folder, read whole: the only way in for the analysis. What is missing or cut short is said, never guessed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from acgs_load.analysis.reading.archive import Archive
from acgs_load.analysis.reading.columns import BUCKET_MAX, Columns
from acgs_load.analysis.reading.lines import (
    NUMBER_MAX,
    number,
    parse_json,
    read_bytes,
    read_json_lines,
    read_object,
    read_table,
    whole,
)
from acgs_load.analysis.reading.record import RunRecord, record_from
from acgs_load.analysis.reading.window_lines import Told, read_windows
from acgs_load.errors import NothingMeasuredError, UsageError
from acgs_load.health import HealthRow
from acgs_load.plan import Plan
from acgs_load.plan_soundness import first_wrong
from acgs_load.printable import printable
from acgs_load.run_folder import RunFolder
from acgs_load.samples import COUNTED, Window, WindowKey, status_label
from acgs_load.timeline import Phase, Timeline
from acgs_load.usage import ResourceRow

MILLISECOND_LIMIT = 10_000_000_000
"""No run starts after the year 2286 in seconds, so a larger start is a file of another kind."""


_HISTOGRAMS = frozenset({"service", "response"})
_NO_NUMBERS = frozenset({"region", "scenario", "operation", "phase", *COUNTED})

LENGTH_MAX_S = 32 * 86_400
"""No run is longer; a window farther from the start carries a second of another clock."""


class Example(NamedTuple):
    """A violation or an error in the words of who saw it."""

    kind: str
    operation: str
    second: int
    region: str
    text: str
    status: str = ""
    """As windows count it (``status_label``); empty in runs of before."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a run left behind."""

    folder: RunFolder
    plan: Plan
    record: RunRecord
    timeline: Timeline
    health: tuple[HealthRow, ...]
    resources: tuple[ResourceRow, ...]
    examples: tuple[Example, ...]
    preflight: Mapping[str, Any]
    missing: tuple[str, ...]
    """What is absent or cut short, each in a sentence."""


def load_run(folder: RunFolder, told: Told | None = None) -> Run:
    """The run in a folder, also one that a crash cut short. ``told`` hears how far the reading is.

    Raises UsageError, naming file and line, where a file is not what a run writes, and NothingMeasuredError where no
    request was counted.
    """
    missing: list[str] = []
    plan = _plan(folder)
    windows, torn = read_windows(folder.windows, _window, told)
    if torn:
        missing.append("windows.jsonl: the last line is cut short and left out")
    if not windows.scalars["samples"].any():
        raise NothingMeasuredError(
            f"{folder.path}: nothing measured, no request was counted; see the logs in {folder.logs} and run again"
        )
    record = _record(folder, plan, windows)
    for second in (int(windows.seconds.min()), int(windows.seconds.max())):
        if not -LENGTH_MAX_S <= second - record.started_s <= LENGTH_MAX_S:
            raise UsageError(f"{folder.windows}: second {second} is not of this run; restore the file")
    if not record.complete:
        missing.append("run.json: the run was cut short before its end; phases and length are taken from the windows")
    return Run(
        folder,
        plan,
        record,
        Archive(record.started_s, record.phases, windows),
        tuple(_rows(read_table(folder.generators, _health), folder.generators.name, missing)),
        tuple(_rows(read_table(folder.resources, _resource), folder.resources.name, missing, expected=False)),
        tuple(_rows(read_json_lines(folder.violations, _example), folder.violations.name, missing, expected=False)),
        _preflight(folder),
        tuple(missing),
    )


def _preflight(folder: RunFolder) -> dict[str, Any]:
    raw = read_object(folder.preflight) or {}
    warnings = raw.get("warnings") or []
    if not isinstance(warnings, list) or not all(isinstance(text, str) for text in warnings):
        raise UsageError(f"{folder.preflight}: its warnings are no texts; restore the file")
    return raw


def _rows(read: tuple[list[Any], bool], name: str, missing: list[str], expected: bool = True) -> Iterable[Any]:
    rows, torn = read
    if torn:
        missing.append(f"{name}: the last line is cut short and left out")
    if expected and not rows:
        missing.append(f"{name}: no rows, so nobody watched whether the load generators kept up")
    return rows


def _plan(folder: RunFolder) -> Plan:
    content = read_bytes(folder.plan)
    if content is None:
        raise UsageError(
            f"{folder.path}: no plan.json, so no run folder; name the folder of a run, or Locust's CSV files"
        )
    try:
        plan = Plan.from_json(json.dumps(parse_json(content)))
        if (wrong := first_wrong(plan)) is not None:
            raise ValueError(wrong)
    except (UsageError, ValueError, AttributeError) as error:
        raise UsageError(f"{folder.plan}: {error}; restore the file") from error
    return plan


def _record(folder: RunFolder, plan: Plan, windows: Columns) -> RunRecord:
    raw = read_object(folder.run)
    if raw is None:
        return _record_of_windows(plan, windows)
    try:
        record = record_from(raw)
        _check_times(record)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"{folder.run}: not what a run writes ({reason}); restore the file") from error
    return record


def _check_times(record: RunRecord) -> None:
    if not 0 <= record.started_s < MILLISECOND_LIMIT:
        raise ValueError(f"started_s {record.started_s:g} is no epoch second")
    if not 0 <= record.ended_s - record.started_s <= LENGTH_MAX_S:
        raise ValueError(f"ended_s {record.ended_s:g} does not follow started_s {record.started_s:g}")
    for phase in record.phases:
        if not -LENGTH_MAX_S <= phase.from_s <= phase.to_s <= LENGTH_MAX_S:
            raise ValueError(f"phase {phase.name} goes from {phase.from_s:g} s to {phase.to_s:g} s")


def _record_of_windows(plan: Plan, windows: Columns) -> RunRecord:
    started_s, ended_s = float(windows.seconds.min()), float(windows.seconds.max() + 1)
    spans = windows.spans("phase")
    phases = tuple(
        Phase(name, first - started_s, last + 1 - started_s, name in plan.hold_phases)
        for name, (first, last) in sorted(spans.items(), key=lambda item: item[1])
    )
    return RunRecord(started_s, ended_s, complete=False, phases=phases)


def _window(raw: dict[str, Any]) -> tuple[WindowKey, Window]:
    key = WindowKey(
        int(raw["second"]), str(raw["region"]), str(raw["scenario"]), str(raw["operation"]), str(raw["phase"])
    )
    for name, value in raw.items():
        if name in _HISTOGRAMS:
            _check_histogram(name, value)
        elif name not in _NO_NUMBERS and not (type(value) in {int, float} and 0 <= value <= NUMBER_MAX):
            raise ValueError(f"{name} {value!r} is no count and no time")
    window = Window.from_wire(raw)
    for count in (count for name in COUNTED for count in getattr(window, name).values()):
        if not 0 <= count <= NUMBER_MAX:
            raise ValueError(f"a count of {count}")
    return key, window


def _check_histogram(name: str, wire: list[int]) -> None:
    """Here, with the line at hand, rather than in a later sum."""
    if (
        set(map(type, wire)) != {int}
        or min(wire) < 0
        or max(wire) > NUMBER_MAX
        or max(wire[3::2], default=0) > BUCKET_MAX
    ):
        raise ValueError(f"{name} is no histogram")


def _health(cells: dict[str, str]) -> HealthRow:
    return HealthRow(
        whole(cells["second"]),
        sys.intern(printable(cells["process"])),
        sys.intern(printable(cells["region"])),
        number(cells["cpu"]),
        whole(cells["memory_bytes"]),
        number(cells["loop_lag_max_ms"]),
        whole(cells["descriptors"]),
        whole(cells["users"]),
        whole(cells["arrivals_waiting"]),
        whole(cells["arrivals_unsent"]),
        _probe(cells.get("probe", "")),
    )


def _probe(text: str) -> str:
    """Absent in runs of before, empty where nobody probed."""
    if text:
        wire = list(map(int, text.split()))
        _check_histogram("probe", wire)
        if len(wire) < 3 or len(wire) % 2 == 0:
            raise ValueError(f"probe of {len(wire)} numbers is cut short")
    return text


def _resource(cells: dict[str, str]) -> ResourceRow:
    memory_bytes = cells.get("memory_bytes", "")
    return ResourceRow(
        whole(cells["second"]),
        printable(cells["source"]),
        number(cells["cpu"]) if cells["cpu"] else None,
        number(cells["memory"]) if cells["memory"] else None,
        whole(memory_bytes) if memory_bytes else None,
    )


def _example(raw: dict[str, Any]) -> Example:
    status = status_label(int(raw["status"])) if "status" in raw else ""
    kind, operation, region, text = (str(raw[name]) for name in ("kind", "operation", "region", "text"))
    return Example(kind, operation, int(raw["second"]), region, text, status)

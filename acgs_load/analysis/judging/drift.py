"""Endurance: do latency, errors or the target's memory creep up over the hours?

Each series is cut into at most 120 equal windows over the hold phases. Its slope is Theil and Sen's; whether it rises
at all is Mann and Kendall's test, corrected for series that remember (``trend``). A drift is called only if p < 0.001
and the rise over the run is at least a tenth of the median (for errors: half a point): a rise can be certain and
too small to matter.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from acgs_load.analysis.judging.machines import in_hold, target_load
from acgs_load.analysis.judging.trend import mann_kendall_p, theil_sen_slope
from acgs_load.analysis.reading.load import Run
from acgs_load.measures import measure

WINDOWS_MAX = 120
WINDOWS_MIN = 10
WIDTH_MIN_S = 10
SIGNIFICANT_P = 0.001
RISE = 0.10
ERROR_RISE = 0.005


@dataclass(frozen=True, slots=True)
class Drift:
    """The trend of one series."""

    measure: str
    unit: str
    windows: int
    width_s: int
    median: float | None
    slope_per_hour: float | None
    """None: fewer than ten windows tell nothing."""
    change: float | None
    """What the slope adds up to over the hold phases."""
    p_value: float | None
    drifting: bool


def drifts(run: Run) -> list[Drift]:
    """The trends of an endurance run; empty for every other type."""
    if run.plan.test_type != "endurance":
        return []
    hold_s = sum(phase.to_s - phase.from_s for phase in run.record.phases if phase.hold)
    width_s = max(WIDTH_MIN_S, math.ceil(hold_s / WINDOWS_MAX))
    parts = run.timeline.series(width_s, None, run.timeline.hold_names, apart=False)
    series = {
        ("latency_p95_ms", "ms"): [(float(at), measure("latency_p95_ms", part).value) for at, part in parts],
        ("error_ratio", "ratio"): [(float(at), measure("error_ratio", part).value) for at, part in parts],
        ("target_memory_bytes", "bytes"): _memory(run, width_s),
    }
    return [_drift(name, unit, width_s, points) for (name, unit), points in series.items()]


def _memory(run: Run, width_s: int) -> list[tuple[float, float | None]]:
    target = target_load(run)
    windows: dict[int, list[int]] = defaultdict(list)
    for row in run.resources:
        if target and row.source == target.source and row.memory_bytes is not None and in_hold(run, row.second):
            windows[row.second // width_s].append(row.memory_bytes)
    return [(float(place * width_s), statistics.fmean(values)) for place, values in sorted(windows.items())]


def _drift(name: str, unit: str, width_s: int, points: Sequence[tuple[float, float | None]]) -> Drift:
    known = [(at_s, value) for at_s, value in points if value is not None]
    if len(known) < WINDOWS_MIN:
        return Drift(name, unit, len(known), width_s, None, None, None, None, drifting=False)
    values = [value for _, value in known]
    slope_per_s = theil_sen_slope([at_s for at_s, _ in known], values)
    median, p_value = statistics.median(values), mann_kendall_p(values)
    change = slope_per_s * (known[-1][0] - known[0][0])
    enough = change >= (ERROR_RISE if unit == "ratio" else RISE * median)
    drifting = p_value < SIGNIFICANT_P and change > 0 and enough
    return Drift(name, unit, len(known), width_s, median, slope_per_s * 3600, change, p_value, drifting)

"""How much machinery a rate of requests takes: workers, memory, network, masters; from figures that were measured.

The figures stand in ``measured.json``, which ``python -m benchmarks.fleet --update`` writes; nothing here is a guess
but the two reserves below, and those are said.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acgs_load.errors import UsageError

FIGURES = Path(__file__).with_name("measured.json")
BUSY_MAX = 0.6
"""Share of a core that a worker or master is planned to use: a generator above 90 % makes a run INVALID."""
LATENCY_S = 2.0
"""The p95 that the target may take; open load has rate × latency requests under way (Little's law)."""
RPS_MAX = 1e8


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, and on what."""

    machine: str
    worker_cpu_us: float
    """CPU of a worker per request: all five scenarios, every check."""
    worker_memory_bytes: float
    """A worker without users."""
    user_memory_bytes: float
    """One user more, its connection included."""
    sent_bytes: float
    received_bytes: float
    """Of an average request and its answer, HTTP alone."""
    report_bytes: float
    """One worker's report to the master, with all operations in it."""
    report_interval_s: float
    master_cpu_us: float
    """CPU of the master per report, merging and writing included."""
    master_memory_bytes: float
    """Of the master per worker."""
    workers_tried: int
    """Workers that one master was seen to hold."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What a rate takes."""

    rps: float
    users: int
    workers: int
    cores: int
    """Of the generators; the target's are its own affair."""
    memory_bytes: float
    sent_bits_per_s: float
    received_bits_per_s: float
    masters: int
    master_cores: float
    report_bits_per_s: float


def measured_figures(path: Path = FIGURES) -> Figures:
    """The figures that were measured last. Raises UsageError where there are none."""
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Figures(**fields)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path.name}: no measured figures ({error}); python -m benchmarks.fleet --update") from error


def sizing(rps: float, figures: Figures) -> Sizing:
    """The machinery for ``rps`` requests a second of the enterprise mix. Raises UsageError for no such rate."""
    if not 0 < rps <= RPS_MAX:
        raise UsageError(f"--plan-capacity {rps:g}: expected more than 0, up to {RPS_MAX:g} requests a second")
    users = math.ceil(rps * LATENCY_S)
    workers = max(1, math.ceil(rps * figures.worker_cpu_us / 1e6 / BUSY_MAX))
    reports_per_s = workers / figures.report_interval_s
    master_cores = reports_per_s * figures.master_cpu_us / 1e6
    by_cpu = math.ceil(master_cores / BUSY_MAX)
    return Sizing(
        rps,
        users,
        workers,
        math.ceil(workers * BUSY_MAX),
        workers * figures.worker_memory_bytes + users * figures.user_memory_bytes,
        rps * figures.sent_bytes * 8,
        rps * figures.received_bytes * 8,
        max(1, by_cpu, math.ceil(workers / figures.workers_tried)),
        master_cores,
        reports_per_s * figures.report_bytes * 8,
    )


def sizing_text(found: Sizing, figures: Figures) -> str:
    """The same for a person: one line a thing, and what it is taken from."""
    lines = [
        f"{found.rps:,.10g} requests a second of the enterprise mix, every answer checked, take",
        f"  workers   {found.workers:,} processes at {BUSY_MAX:.0%} of a core: {found.workers:,} cores to be safe, "
        f"{found.cores:,} busy",
        f"  users     {found.users:,} (rate × the {LATENCY_S:g} s that p95 may take)",
        f"  memory    {_bytes(found.memory_bytes)} over all workers",
        f"  network   {_bits(found.sent_bits_per_s)} out, {_bits(found.received_bits_per_s)} in, HTTP alone",
        f"  masters   {found.masters:,}, {found.master_cores:.2f} cores busy, {_bits(found.report_bits_per_s)} reports",
        f"measured: {figures.worker_cpu_us:.0f} µs of CPU a request; {figures.master_cpu_us / 1e3:.2f} ms a report of "
        f"{_bytes(figures.report_bytes)}; {figures.workers_tried:,} workers under one master ({figures.machine})",
    ]
    return "\n".join(lines)


def _bytes(value: float) -> str:
    return _scaled(value, 1000, ("B", "kB", "MB", "GB", "TB"))


def _bits(value: float) -> str:
    return _scaled(value, 1000, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"))


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    number = 0
    while value >= step and number < len(units) - 1:
        value, number = value / step, number + 1
    return f"{value:,.3g} {units[number]}"

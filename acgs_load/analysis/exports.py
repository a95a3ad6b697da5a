"""A run's windows and distributions for other tools: ``windows.csv``, ``windows.parquet`` and ``.hgrm`` files."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from acgs_load.analysis.groups import QUANTILES
from acgs_load.analysis.reading.columns import SUMS
from acgs_load.analysis.reading.load import Run
from acgs_load.contract import AUTH_OPERATIONS, Outcome, Violation
from acgs_load.errors import UsageError
from acgs_load.histogram import Histogram, bucket_middle_us
from acgs_load.printable import cell
from acgs_load.samples import Window, WindowKey

ROWS_AT_ONCE = 20_000
HALVINGS_MAX = 24
TICKS_A_HALVING = 5
"""HdrHistogram's usual step: five values while what is left beyond halves."""
_LABELS = ("second", "region", "scenario", "operation", "phase")
_LATENCIES = (*(f"latency_{name}_ms" for name in QUANTILES), "latency_avg_ms", "latency_max_ms")
_TEXTS = frozenset(_LABELS) - {"second"}
_FRACTIONS = frozenset({"score_sum", *_LATENCIES})
HEADER = (*_LABELS, *SUMS, *map(str, Outcome), *map(str, Violation), *_LATENCIES)


def export(run: Run, kinds: Sequence[str], folder: Path) -> list[Path]:
    """Write the kinds (``csv``, ``parquet``, ``hgrm``) into ``folder``; returns the files.

    Raises UsageError where it cannot be written, or a kind needs what is not installed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [path for kind in dict.fromkeys(kinds) for path in KINDS[kind](run, folder)]
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); name another --output") from error


def _csv(run: Run, folder: Path) -> Iterator[Path]:
    path = folder / "windows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_row(key, window) for key, window in run.timeline.items())
    yield path


def _parquet(run: Run, folder: Path) -> Iterator[Path]:
    try:
        import pyarrow as pa  # needed for this alone, and larger than all the rest
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise UsageError("--export parquet: needs pyarrow (pip install pyarrow); csv needs nothing") from error
    kinds = {
        name: pa.string() if name in _TEXTS else pa.float64() if name in _FRACTIONS else pa.int64() for name in HEADER
    }
    path, rows = folder / "windows.parquet", (_row(key, window) for key, window in run.timeline.items())
    with ParquetWriter(path, pa.schema(list(kinds.items()))) as writer:
        while some := list(islice(rows, ROWS_AT_ONCE)):  # a part at a time: hours of a run are half a million rows
            columns = zip(zip(*some, strict=True), kinds.values(), strict=True)
            writer.write_table(pa.table([pa.array(values, kind) for values, kind in columns], names=list(HEADER)))
    yield path


def _row(key: WindowKey, window: Window) -> tuple[object, ...]:
    histogram = window.latency
    values_us = [*histogram.percentiles_us(list(QUANTILES.values())), histogram.mean_us]
    latencies = [None if value is None else round(value / 1e3, 3) for value in values_us]
    return (
        *map(cell, key),
        *(getattr(window, name) for name in SUMS),
        *(window.outcomes.get(kind, 0) for kind in Outcome),
        *(window.violations.get(kind, 0) for kind in Violation),
        *latencies,
        histogram.max_us / 1e3 if histogram.total else None,
    )


def _hgrm(run: Run, folder: Path) -> Iterator[Path]:
    """One of everything but logging in over the hold phases, and one an operation."""
    names = [name for name in run.timeline.values("operation") if name not in AUTH_OPERATIONS]
    for name in ("", *names):
        labels = {"operation": name} if name else {}
        histogram = run.timeline.slice(labels, run.timeline.hold_names).traffic.latency
        path = folder / ("latency.hgrm" if not name else f"latency-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.hgrm")
        path.write_text(to_hgrm(histogram), encoding="utf-8")
        yield path


KINDS: Mapping[str, Callable[[Run, Path], Iterator[Path]]] = {"csv": _csv, "parquet": _parquet, "hgrm": _hgrm}


def to_hgrm(histogram: Histogram) -> str:
    """The distribution as HdrHistogram's percentile output, in milliseconds, for its plotters."""
    lines = [f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}", ""]
    ordered, seen, place = sorted(histogram.counts.items()), 0, -1
    for quantile in _quantiles(histogram.total):
        rank = max(1, math.ceil(quantile * histogram.total - 1e-9))
        while seen < rank:
            place += 1
            seen += ordered[place][1]
        value_us = min(max(bucket_middle_us(ordered[place][0]), histogram.min_us), histogram.max_us)
        beyond = f"{1 / (1 - quantile):14.2f}" if quantile < 1 else f"{'inf':>14}"
        lines.append(f"{value_us / 1e3:12.3f} {quantile:14.12f} {seen:10d} {beyond}")
    mean_us = histogram.mean_us or 0.0
    squares = sum(count * (bucket_middle_us(index) - mean_us) ** 2 for index, count in ordered)
    deviation_ms = math.sqrt(squares / histogram.total) / 1e3 if histogram.total else 0.0
    lines += [
        f"#[Mean    = {mean_us / 1e3:12.3f}, StdDeviation   = {deviation_ms:12.3f}]",
        f"#[Max     = {histogram.max_us / 1e3:12.3f}, Total count    = {histogram.total:12d}]",
        f"#[Buckets = {len(ordered):12d}, SubBuckets     = {128:12d}]",
    ]
    return "\n".join(lines) + "\n"


def _quantiles(total: int) -> Iterator[float]:
    """From 0 towards 1, as far as ``total`` values reach, then 1 itself."""
    if not total:
        return
    for halving in range(HALVINGS_MAX):
        for tick in range(TICKS_A_HALVING):
            quantile = 1 - 0.5**halving * (1 - tick / (2 * TICKS_A_HALVING))
            if quantile and (1 - quantile) * total < 1:
                yield 1.0
                return
            yield quantile
    yield 1.0

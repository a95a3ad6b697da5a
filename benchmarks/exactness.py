"""What the percentiles should have been, from the target's own log and from the schedule, and how far off a tool is."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from acgs_load.errors import GeneratorError
from acgs_load.histogram import bucket_index
from benchmarks.known_latencies import Stalls, answer_s, service_times_s

QUANTILES = (0.5, 0.9, 0.99, 0.999)


class Served(NamedTuple):
    """One request as the target saw it; ``perf_counter`` seconds."""

    arrived_s: float
    answered_s: float
    tag: str
    """What the request carried behind its question mark: when it was due, in our open load."""


def read_log(path: Path) -> list[Served]:
    """Every request that was answered."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [Served(float(arrived), float(answered), tag) for arrived, answered, tag in csv.reader(file)]
    return [row for row in rows if row.answered_s]


def closed_s(log: Sequence[Served]) -> list[float]:
    """How long each request took, as the target saw it."""
    return sorted(row.answered_s - row.arrived_s for row in log)


def open_by_log_s(log: Sequence[Served], started_s: float, rate: float) -> list[float]:
    """From due to answered, each request by its tag. Raises GeneratorError if the due times are not the schedule's."""
    dues_s = [float(row.tag.removeprefix("due=")) for row in log]
    places = sorted((due_s - started_s) * rate for due_s in dues_s)
    wrong = [place for number, place in enumerate(places, 1) if abs(place - number) > 1e-3]
    if wrong:
        raise GeneratorError(f"{len(wrong)} of {len(places)} due times are not those of {rate:g} requests/s")
    return sorted(row.answered_s - due_s for row, due_s in zip(log, dues_s, strict=True))


def open_by_schedule_s(log: Sequence[Served], seconds: float, rate: float, stalls: Stalls) -> list[float]:
    """From due to answered of every request that the schedule has, whether or not the generator sent it in time.

    The target's service times and stalls are known, so this needs of the log only when the first request came.
    """
    first_s = min(row.arrived_s for row in log)
    service_s = service_times_s()
    dues_s = [first_s + number / rate for number in range(round(seconds * rate))]
    return sorted(answer_s(due_s, service_s[n], stalls) - due_s for n, due_s in enumerate(dues_s))


def percentiles_ms(ordered_s: Sequence[float]) -> list[float]:
    """Nearest-rank percentiles of ascending seconds, as milliseconds."""
    return [ordered_s[_rank(quantile, len(ordered_s)) - 1] * 1e3 for quantile in QUANTILES]


def error(told_ms: float, ordered_s: Sequence[float], quantile: float) -> float:
    """Relative error of a percentile; 0 between the neighbours that nearest rank and interpolation choose from."""
    place = quantile * (len(ordered_s) - 1)
    low_ms, high_ms = ordered_s[math.floor(place)] * 1e3, ordered_s[math.ceil(place)] * 1e3
    if told_ms < low_ms:
        return told_ms / low_ms - 1
    return max(0.0, told_ms / high_ms - 1)


def buckets_off(told_ms: float, exact_ms: float) -> int:
    """How many buckets of our histogram lie between."""
    return abs(bucket_index(round(told_ms * 1e3)) - bucket_index(round(exact_ms * 1e3)))


def _rank(quantile: float, count: int) -> int:
    return max(1, math.ceil(quantile * count - 1e-9))

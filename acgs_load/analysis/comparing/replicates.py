"""What a run's figures would have been, had its seconds come out otherwise: resampled figures, and their error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acgs_load.analysis.comparing.blocks import Blocks, Numbers, blocks_for
from acgs_load.analysis.comparing.series import COMPARED, EVERYTHING, QUANTILES, Series, edges_us

REPLICATES = 1000
"""The error of an estimated standard error is then 1 ÷ √(2 · 1000) = 2.2 % of it."""
CELLS_MIN = 20
BEYOND_MIN = 10
"""So many latencies must lie beyond a percentile on the average, or it hangs on a handful of requests."""
COUNT_MIN = 30
RESOLUTION = 1 / 128
"""Width of a histogram's bucket over its value: what a percentile is rounded to (``histogram``)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and how far chance may have moved it."""

    value: float | None
    samples: int
    error: float | None
    """Standard error: of the logarithm for latencies and throughput, of the value for error ratios. None: too few."""
    freedom: float
    """Degrees of freedom that the error rests on."""


Estimates = Mapping[str, Mapping[str, Estimate]]
"""By operation, then by measure."""


def estimates_of(series: Mapping[str, Series], random: np.random.Generator) -> dict[str, dict[str, Estimate]]:
    """Every compared figure of every operation, with its error."""
    everything = series[EVERYTHING]
    held = blocks_for(_held(everything)) if len(everything.counts) >= CELLS_MIN else None
    whole = blocks_for([everything.errors]) if len(everything.samples) >= CELLS_MIN else None
    held_weights = held.weights(REPLICATES, random) if held else None
    whole_weights = whole.weights(REPLICATES, random) if whole else None
    result = {}
    for name, one in series.items():
        drawn = _figures(one, held_weights) if held_weights is not None else {}
        if whole_weights is not None:
            drawn["error_ratio"] = _over(whole_weights @ one.errors, whole_weights @ one.samples)
        result[name] = {
            kind: _estimate(kind, one, drawn, whole if kind == "error_ratio" else held) for kind in COMPARED
        }
    return result


def _held(everything: Series) -> list[Numbers]:
    """What makes the figures move: the sum of latencies and answers a cell, and requests beyond each percentile."""
    totals = everything.counts.sum(axis=1, dtype=np.float64)
    centred = [everything.sums_us - totals * _over(everything.sums_us.sum(), totals.sum()), everything.answered]
    seen = np.cumsum(everything.counts.sum(axis=0, dtype=np.float64))
    for quantile in QUANTILES.values():
        place = int(np.searchsorted(seen, quantile * totals.sum()))
        beyond = everything.counts[:, place:].sum(axis=1, dtype=np.float64)
        centred.append(beyond - totals * _over(beyond.sum(), totals.sum()))
    return centred


def _figures(series: Series, weights: Numbers) -> dict[str, Numbers]:
    """Latencies in microseconds and answers, a value a replicate; not finite where a replicate drew no request."""
    drawn = np.cumsum(weights.astype(np.float32) @ series.counts, axis=1, dtype=np.float64)
    figures = {"throughput_rps": weights @ series.answered}
    if not drawn.shape[1]:
        return figures
    totals, (lows_us, highs_us) = drawn[:, -1], edges_us(series.buckets)
    rows = np.arange(len(drawn))
    for name, quantile in QUANTILES.items():
        ranks = quantile * totals
        places = np.minimum((drawn < ranks[:, None]).sum(axis=1), drawn.shape[1] - 1)
        before = np.where(places > 0, drawn[rows, places - 1], 0.0)
        share = _over(ranks - before, drawn[rows, places] - before)
        figures[name] = lows_us[places] + share * (highs_us - lows_us)[places]
    figures["latency_avg_ms"] = _over(weights @ series.sums_us, totals)
    return figures


def _over(part: Numbers, whole: Numbers) -> Numbers:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Numbers = np.divide(part, whole)
    return ratio


def _estimate(kind: str, series: Series, drawn: Mapping[str, Numbers], blocks: Blocks | None) -> Estimate:
    counted = {"error_ratio": series.samples, "throughput_rps": series.answered}
    samples = round(float(counted.get(kind, series.counts).sum(dtype=np.float64)))
    value, enough = series.values[kind], samples * (1 - QUANTILES.get(kind, 0.0)) >= BEYOND_MIN and samples >= COUNT_MIN
    if blocks is None or not enough or value is None or kind not in drawn:
        return Estimate(value, samples, None, 0.0)
    if kind == "error_ratio":
        return Estimate(value, samples, _ratio_error(value, samples, drawn[kind], blocks), blocks.freedom)
    if value <= 0 or not np.all(np.isfinite(drawn[kind]) & (drawn[kind] > 0)):
        return Estimate(value, samples, None, 0.0)
    variance = blocks.inflation * float(np.var(np.log(drawn[kind])))
    rounding = RESOLUTION**2 / 12 if kind in QUANTILES else 0.0
    return Estimate(value, samples, math.sqrt(variance + rounding), blocks.freedom)


def _ratio_error(value: float, samples: int, drawn: Numbers, blocks: Blocks) -> float:
    """The larger of the resampled error and that of as many independent requests.

    The latter with one success and one failure added, which keeps it honest where no request failed (A. Agresti,
    B. Caffo, "Simple and effective confidence intervals for proportions", The American Statistician 54, 2000).
    """
    share = (value * samples + 1) / (samples + 2)
    alone = share * (1 - share) / (samples + 2)
    finite = drawn[np.isfinite(drawn)]
    return math.sqrt(max(alone, blocks.inflation * float(np.var(finite)) if len(finite) else 0.0))

"""How sure a figure is when neighbouring seconds are alike: resampling whole blocks of seconds.

A slow moment lasts, so seconds are no independent draws and an error computed as if they were is too small. The
circular block bootstrap (D. N. Politis, J. P. Romano, 1992) draws stretches of seconds, joined end to start, so that
what hangs together stays together. How long a block is comes from the data, by the rule of D. N. Politis and H. White
("Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23, 2004), with the constant as
corrected by A. Patton, Politis and White (ibid. 28, 2009): b = (2·G² ÷ (4/3·g²))^(1/3) · n^(1/3), where
g = Σ λ(k/M)·R(k), G = Σ λ(k/M)·|k|·R(k), R the autocovariances, λ the flat-top window, and M twice the lag after which
the autocorrelations are within 2·√(log10 n ÷ n). It minimises the error of the variance, and leaves the variance too
small by G ÷ (g·b) in first order; that is made good here (``Blocks.inflation``), as too small means false alarms.

In minutes of a noisy series the rule overlooks a memory that single stalls drown. No block is therefore shorter than
2 · n^(1/3), the order that is best for a variance (P. Hall, J. L. Horowitz, B.-Y. Jing, "On blocking rules for the
bootstrap with dependent data", Biometrika 82, 1995). For seconds without memory that costs little; measured on
simulated pairs (``tests/model_series.py``), false alarms fall to a third and no tenth more of latency is missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BLOCKS_MIN = 8
"""Fewer blocks than this and the spread between them is a guess; no block is longer than that leaves room for."""
LEAST = 2.0
"""Times n^(1/3): the shortest block."""
INFLATION_MAX = 1.5
"""Of the variance; where more seems due the series is near a trend, and its autocovariances are no longer known."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a series of cells is cut for resampling."""

    cells: int
    length: int
    """Cells a block."""
    inflation: float
    """What the variance over the replicates is short of, as a factor of at least 1."""

    @property
    def freedom(self) -> float:
        """Degrees of freedom of an error that rests on so many blocks."""
        return max(1.0, self.cells / self.length - 1)

    def weights(self, replicates: int, random: np.random.Generator) -> Numbers:
        """How often each cell is drawn: a row a replicate, each row adding up to ``cells``."""
        count = math.ceil(self.cells / self.length)
        starts = random.integers(self.cells, size=(replicates, count))
        lengths = np.full(count, self.length)
        lengths[-1] = self.cells - self.length * (count - 1)
        ends = starts + lengths
        over = ends - self.cells
        # where draws begin and end, a row a replicate; a block over the end goes on at the beginning
        steps = _tally(starts, self.cells) - _tally(np.minimum(ends, self.cells), self.cells)
        steps += _tally(np.where(over > 0, 0, self.cells), self.cells)
        steps -= _tally(np.where(over > 0, over, self.cells), self.cells)
        drawn: Numbers = np.cumsum(steps[:, :-1], axis=1)
        return drawn


def _tally(places: NDArray[np.int64], cells: int) -> Numbers:
    """How often each of the places 0 to ``cells`` occurs, row by row."""
    rows = np.arange(len(places))[:, None] * (cells + 1)
    counted = np.bincount((rows + places).ravel(), minlength=len(places) * (cells + 1))
    return counted.reshape(len(places), cells + 1).astype(np.float64)


def blocks_for(series: Iterable[Numbers]) -> Blocks | None:
    """Blocks long enough for every one of the series, which have one length; None where there are too few cells."""
    known = [values for values in series if len(values)]
    cells = len(known[0]) if known else 0
    longest = cells // BLOCKS_MIN
    if longest < 1:
        return None
    wanted = [_wanted(values) for values in known]
    length = min(longest, math.ceil(max(LEAST * cells ** (1 / 3), *(length for length, _ in wanted))))
    short = max(bias for _, bias in wanted) / length
    return Blocks(cells, length, float(min(INFLATION_MAX, 1 / max(1 - short, 1 / INFLATION_MAX))))


def _wanted(values: Numbers) -> tuple[float, float]:
    """The block length that the rule asks for, and G ÷ g: by what share of a length the variance falls short."""
    count = len(values)
    covariances = autocovariances(values, min(count - 1, math.ceil(math.sqrt(count)) + 2 * _quiet_lags(count)))
    if covariances[0] <= 0:
        return 1.0, 0.0
    reach = min(2 * _last_lag(covariances / covariances[0], count), len(covariances) - 1)
    lags = np.arange(1, reach + 1)
    flat_top = np.minimum(1.0, 2 * (1 - lags / max(reach, 1)))
    spectrum = covariances[0] + 2 * float(np.sum(flat_top * covariances[1 : reach + 1]))
    slope = 2 * float(np.sum(flat_top * lags * covariances[1 : reach + 1]))
    if spectrum <= 0:
        return 1.0, 0.0
    length = (1.5 * slope**2 / spectrum**2) ** (1 / 3) * count ** (1 / 3)
    return length, max(0.0, slope / spectrum)


def autocovariances(values: Numbers, lags: int) -> Numbers:
    """Autocovariances at lags 0 to ``lags``, each divided by the number of values."""
    away = values - values.mean()
    return np.array([float(away[: len(away) - lag] @ away[lag:]) / len(away) for lag in range(lags + 1)])


def _quiet_lags(count: int) -> int:
    return max(5, math.ceil(math.sqrt(math.log10(count))))


def _last_lag(correlations: Numbers, count: int) -> int:
    """The lag after which as many as ``_quiet_lags`` in a row are within chance; at least 1."""
    bound, needed = 2 * math.sqrt(math.log10(count) / count), _quiet_lags(count)
    loud = np.flatnonzero(np.abs(correlations[1:]) >= bound) + 1
    last = 0
    for lag in loud:
        if lag > last + needed:
            break
        last = int(lag)
    return max(1, last)

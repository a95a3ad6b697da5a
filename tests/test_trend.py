"""Rank tests of a trend: as bold as they say on level series, also on those that remember; slopes as they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acgs_load.analysis.judging import trend
from acgs_load.analysis.judging.trend import mann_kendall_p, memory_factor, theil_sen_slope


def level(memory: float, count: int, random: np.random.Generator) -> np.ndarray:
    """A series without a trend, whose values remember the one before."""
    values, value = [], 0.0
    for shock in random.normal(size=count + 60):
        value = memory * value + shock
        values.append(value)
    return np.array(values[60:])


def called(memory: float, p: float, series: int = 300) -> float:
    """The share of level series of 120 values that are called a trend at ``p``."""
    random = np.random.default_rng(8)
    return sum(mann_kendall_p(level(memory, 120, random).tolist()) < p for _ in range(series)) / series


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
def test_level_series_are_called_trends_as_rarely_as_promised(memory, monkeypatch):
    """At 5 %, about 5 % of them; without the correction for memory many times that, so the check can fail."""
    assert called(memory, 0.05) < 0.11
    monkeypatch.setattr(trend, "memory_factor", lambda _: 1.0)
    assert (called(memory, 0.05) > 0.2) == (memory > 0.3)


def test_a_slow_rise_in_a_series_that_remembers_is_found():
    """The correction does not blind the test: a rise of four deviations is certain in nearly every series."""
    random, rise = np.random.default_rng(4), np.linspace(0, 4, 120)
    found = [mann_kendall_p((level(0.3, 120, random) + rise).tolist()) < 0.001 for _ in range(60)]
    assert sum(found) >= 57


def test_by_hand():
    """Ten rising values: S = 45, variance 10·9·25 ÷ 18 = 125, z = 44 ÷ √125; equal values have no trend."""
    assert mann_kendall_p(list(range(10))) == pytest.approx(math.erfc(44 / math.sqrt(125) / math.sqrt(2)))
    assert mann_kendall_p([3.0] * 10) == 1.0


def test_slopes_shrug_off_outliers():
    """Of every pair the median: three wild values of thirty do not move it."""
    times = list(range(0, 300, 10))
    values = [2.0 + 0.5 * at for at in times]
    values[3], values[17], values[28] = 1e6, -1e6, 1e6
    assert theil_sen_slope(times, values) == pytest.approx(0.5)


def test_the_factor_is_one_where_nothing_is_remembered():
    """Never below 1, which would make the test bolder; for alternating values too."""
    assert memory_factor(np.random.default_rng(1).normal(size=120)) == 1.0
    assert memory_factor(np.array([1.0, -1.0] * 60)) == 1.0
    assert memory_factor(np.arange(50.0)) == 1.0
    assert memory_factor(level(0.9, 120, np.random.default_rng(2))) > 5

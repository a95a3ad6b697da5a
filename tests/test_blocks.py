"""The block bootstrap behind the comparison: what it draws, and how wide it finds the figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from model_series import Course, simulated

from acgs_load.analysis.comparing.blocks import Blocks, blocks_for
from acgs_load.analysis.comparing.series import EVERYTHING
from acgs_load.analysis.comparing.student import critical_t, two_sided_p


def test_seconds_that_are_alike_are_not_counted_as_if_they_were_not():
    """The error told is near the true one, known from sixty runs; that of independent seconds is far below."""
    course, naive = Course(swing=0.1), 0
    true_error = _spread_of_means(course)
    told = []
    for seed in range(8):
        series = simulated(course, seed)[EVERYTHING]
        totals = series.counts.sum(axis=1)
        means = series.sums_us / totals
        blocks = blocks_for([means])
        told.append(math.sqrt(blocks.inflation * _variance(blocks, means)))
        naive += math.sqrt(_variance(Blocks(len(means), 1, 1.0), means)) / 8
    assert naive < 0.7 * true_error
    assert 0.75 * true_error < float(np.mean(told)) < 1.5 * true_error


def _variance(blocks: Blocks, values: np.ndarray) -> float:
    weights = blocks.weights(400, np.random.default_rng(1))
    return float(np.var(weights @ values / len(values)))


def _spread_of_means(course: Course) -> float:
    """How far the means of runs really lie apart."""
    everything = (simulated(course, 500 + seed)[EVERYTHING] for seed in range(60))
    return float(np.std([np.mean(one.sums_us / one.counts.sum(axis=1)) for one in everything]))


def test_blocks_grow_with_the_memory_of_a_series():
    """Independent seconds need short blocks; seconds that remember need long ones, and never fewer than eight."""
    random = np.random.default_rng(3)
    noise, walk = random.normal(size=600), np.cumsum(random.normal(size=600))
    assert blocks_for([noise]).length == math.ceil(2 * 600 ** (1 / 3))
    assert 40 < blocks_for([walk]).length <= 600 // 8
    assert blocks_for([noise, walk]).length == blocks_for([walk]).length
    assert blocks_for([noise[:7]]) is None
    assert blocks_for([np.ones(100)]).length == 10


def test_what_blocks_leave_out_of_the_variance_is_made_good():
    """Of the mean of a series that remembers: its true variance is 1 ÷ (1 − 0.8)² ÷ n, blocks alone find less."""
    random, found, made_good = np.random.default_rng(3), [], []
    for _ in range(40):
        values = random.normal(size=300)
        for place in range(1, 300):
            values[place] += 0.8 * values[place - 1]
        blocks = blocks_for([values])
        found.append(_variance(blocks, values) * 300 * 0.2**2)
        made_good.append(found[-1] * blocks.inflation)
    assert np.mean(found) < 0.8
    assert np.mean(found) + 0.1 < np.mean(made_good) < 1.1


def test_every_replicate_draws_as_many_seconds_and_each_equally_often():
    """Circular: no second is drawn less because it stands at an end."""
    weights = Blocks(50, 7, 1.0).weights(4000, np.random.default_rng(5))
    assert set(weights.sum(axis=1)) == {50}
    assert weights.min() == 0
    assert np.allclose(weights.mean(axis=0), 1, atol=0.08)


@pytest.mark.parametrize(("p", "freedom", "t"), [(0.05, 10, 2.228139), (0.05, 1, 12.7062), (0.001, 5, 6.868827)])
def test_students_t_is_that_of_the_tables(p, freedom, t):
    """Against the printed tables, both ways."""
    assert critical_t(p, freedom) == pytest.approx(t, rel=1e-5)
    assert two_sided_p(t, freedom) == pytest.approx(p, rel=1e-4)

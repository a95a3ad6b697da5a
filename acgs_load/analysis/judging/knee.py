"""Where throughput stops following the load: a curve through all the steps, beside the step that broke a threshold.

Two curves are tried. A hard limit: throughput rises in proportion and then not at all, X = min(γ·N, C), the bounds of
operational analysis (P. J. Denning, J. P. Buzen, "The operational analysis of queueing network models", Computing
Surveys 10, 1978). And N. J. Gunther's Universal Scalability Law ("Guerrilla Capacity Planning", 2007),
X = γ·N ÷ (1 + α·(N−1) + β·N·(N−1)), in which parts of the target wait for each other (α) and talk to each other (β).
Both are fitted to relative errors; the one with the smaller corrected information criterion is told (C. M. Hurvich,
C.-L. Tsai, Biometrika 76, 1989). The knee is the load at which the straight line reaches the highest throughput, C ÷ γ.
How sure that is, is told by leaving out one step after the other: the range that the answer then takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Law = Literal["hard limit", "universal scalability law"]
STEPS_MIN = 4
"""Fewer levels of load than this draw no curve."""
BEND = 1.1
"""The straight line must lie a tenth above the highest throughput at the last step; less of a bend may be chance."""
_FLOOR = 1e-6
"""Relative error below which two curves fit equally well."""


class _Fit(NamedTuple):
    law: Law
    per_load: float
    """γ: throughput for each unit of load while nothing is in its way."""
    highest: float
    knee: float
    contention: float | None
    coherence: float | None
    error: float
    """Root of the mean squared relative error."""
    criterion: float


@dataclass(frozen=True, slots=True)
class Knee:
    """Where throughput bends, by the curve that fits best."""

    law: Law
    load: float
    """Users, or requests a second that were asked for."""
    load_low: float
    load_high: float
    highest_rps: float
    """The most that the target can answer."""
    highest_low_rps: float
    highest_high_rps: float
    per_load: float
    contention: float | None
    """α and β of the law; None for a hard limit."""
    coherence: float | None
    fit_error: float
    """How far the steps lie off the curve, as a share."""
    steps: int


def knee_of(points: Sequence[tuple[float, float]]) -> Knee | None:
    """The knee of (load, throughput); None where the steps are too few, or throughput still follows the load."""
    known = sorted((load, rps) for load, rps in points if load > 0 and rps > 0)
    if len({load for load, _ in known}) < STEPS_MIN:
        return None
    best = _best(known)
    if best is None or BEND * best.knee > known[-1][0]:
        return None
    others = [fit for left in range(len(known)) if (fit := _fitted(best.law, known[:left] + known[left + 1 :]))]
    loads, tops = [best.knee, *(fit.knee for fit in others)], [best.highest, *(fit.highest for fit in others)]
    return Knee(
        best.law,
        best.knee,
        min(loads),
        max(loads),
        best.highest,
        min(tops),
        max(tops),
        best.per_load,
        best.contention,
        best.coherence,
        best.error,
        len(known),
    )


def _best(points: Sequence[tuple[float, float]]) -> _Fit | None:
    laws: tuple[Law, Law] = ("hard limit", "universal scalability law")
    fits = [fit for law in laws if (fit := _fitted(law, points)) is not None]
    return min(fits, key=lambda fit: fit.criterion, default=None)


def _fitted(law: Law, points: Sequence[tuple[float, float]]) -> _Fit | None:
    load, rps = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    return _hard_limit(load, rps) if law == "hard limit" else _scalability(load, rps)


def _hard_limit(load: Numbers, rps: Numbers) -> _Fit | None:
    """The best split into steps below the knee and steps above it; both parts hold at least one."""
    fits = []
    for split in range(1, len(load)):
        # least squares of relative errors: the sum of (1 − γ·N ÷ X)² is least at Σq ÷ Σq², q = N ÷ X
        below, above = load[:split] / rps[:split], 1 / rps[split:]
        per_load = float(below.sum() / (below @ below))
        highest = float(above.sum() / (above @ above))

        def curve(at: Numbers, slope: float = per_load, top: float = highest) -> Numbers:
            return np.minimum(slope * at, top)

        fits.append(_fit("hard limit", curve, load, rps, per_load, highest, (None, None)))
    return min(fits, key=lambda fit: fit.error, default=None)


def _scalability(load: Numbers, rps: Numbers) -> _Fit | None:
    """N ÷ X = (1 + α·(N−1) + β·N·(N−1)) ÷ γ is linear in 1÷γ, α÷γ and β÷γ, none of which may be negative."""
    terms = np.stack([np.ones_like(load), load - 1, load * (load - 1)], axis=1)
    found: list[tuple[float, Numbers]] = []
    for chosen in product((False, True), repeat=2):
        columns = [True, *chosen]
        # relative errors of X: each row divided by what it should be
        weighted = (terms * (rps / load)[:, None])[:, columns]
        solved, *_ = np.linalg.lstsq(weighted, np.ones_like(load), rcond=None)
        parts = np.zeros(3)
        parts[columns] = solved
        if parts[0] > 0 and parts.min() >= 0:
            found.append((float(np.sum((weighted @ solved - 1) ** 2)), parts))
    if not found:
        return None
    ahead, waiting, talking = min(found, key=lambda pair: pair[0])[1].tolist()
    per_load, contention, coherence = 1 / ahead, waiting / ahead, talking / ahead

    def curve(at: Numbers) -> Numbers:
        rising: Numbers = per_load * at / (1 + contention * (at - 1) + coherence * at * (at - 1))
        return rising

    highest = _highest(curve, per_load, contention, coherence)
    if not math.isfinite(highest):
        return None
    return _fit("universal scalability law", curve, load, rps, per_load, highest, (contention, coherence))


def _highest(curve: Callable[[Numbers], Numbers], per_load: float, contention: float, coherence: float) -> float:
    """At N = √((1−α) ÷ β) where parts talk; else what it tends to, γ ÷ α; infinite where nothing is in the way."""
    if coherence > 0:
        return float(curve(np.array([math.sqrt(max(1.0, (1 - contention) / coherence))]))[0])
    return per_load / contention if contention > 0 else math.inf


def _fit(
    law: Law,
    curve: Callable[[Numbers], Numbers],
    load: Numbers,
    rps: Numbers,
    per_load: float,
    highest: float,
    parts: tuple[float | None, float | None],
) -> _Fit:
    squared = float(np.mean((curve(load) / rps - 1) ** 2))
    count, free = len(load), 3 if law == "hard limit" else 4
    # with so few steps that the correction is infinite, the simpler law is told
    correction = 2 * free * (free + 1) / (count - free - 1) if count > free + 1 else 1e6 * free
    criterion = count * math.log(squared + _FLOOR**2) + 2 * free + correction
    return _Fit(law, per_load, highest, highest / per_load, *parts, math.sqrt(squared), criterion)

"""What a set of windows says, number by number. Every measure is a value or "not measured" (None), never a guess.

The same functions serve the live abort on the master and the analysis afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from acgs_load.contract import AUTH_OPERATIONS, ERROR_OUTCOMES, PROOF_OPERATIONS, Outcome, Violation
from acgs_load.samples import Window


class Measure(NamedTuple):
    """A measured number, or None for "not measured"."""

    value: float | None
    unit: str
    samples: int
    """How many observations the value rests on."""
    source: str
    """``windows`` (our own histograms and counts), ``locust csv``, ``process tree``, ``prometheus`` …"""


@dataclass(frozen=True)
class Slice:
    """Merged windows of some stretch of a run, by operation, and how long that stretch was."""

    by_operation: Mapping[str, Window]
    seconds: float
    peak_rps: float | None = None
    """Best 10-second mean of answered requests; None where the stretch is shorter than 10 s."""
    silence_s: float | None = None
    """Longest gap without any answer."""

    @cached_property
    def everything(self) -> Window:
        """All operations in one window; made once, for many measures rest on it. Look at it, do not change it."""
        return merged(self.by_operation.values())

    @cached_property
    def traffic(self) -> Window:
        """The same without ``auth_*``."""
        return merged(window for name, window in self.by_operation.items() if name not in AUTH_OPERATIONS)


def merged(windows: Iterable[Window]) -> Window:
    """One window with everything that ``windows`` counted; look at it, do not change it: a single one is itself."""
    known = list(windows)
    if len(known) == 1:
        return known[0]
    total = Window()
    for window in known:
        total.merge(window)
    return total


def _percentile(quantile: float) -> Callable[[Slice], tuple[float | None, int]]:
    def read(part: Slice) -> tuple[float | None, int]:
        histogram = part.traffic.latency
        value_us = histogram.percentile_us(quantile)
        return (None if value_us is None else value_us / 1e3), histogram.total

    return read


def _latency_avg(part: Slice) -> tuple[float | None, int]:
    histogram = part.traffic.latency
    return (None if histogram.mean_us is None else histogram.mean_us / 1e3), histogram.total


def _latency_max(part: Slice) -> tuple[float | None, int]:
    histogram = part.traffic.latency
    return (histogram.max_us / 1e3 if histogram.total else None), histogram.total


def _throughput(part: Slice) -> tuple[float | None, int]:
    answered = part.traffic.answered
    return (answered / part.seconds if part.seconds > 0 else None), answered


def _peak(part: Slice) -> tuple[float | None, int]:
    return part.peak_rps, part.traffic.answered


def _silence(part: Slice) -> tuple[float | None, int]:
    return part.silence_s, sum(window.samples for window in part.by_operation.values())


def _outcome_ratio(outcomes: frozenset[Outcome]) -> Callable[[Slice], tuple[float | None, int]]:
    def read(part: Slice) -> tuple[float | None, int]:
        everything = part.everything
        count = sum(everything.outcomes.get(outcome, 0) for outcome in outcomes)
        return (count / everything.samples if everything.samples else None), everything.samples

    return read


def _compliance(part: Slice) -> tuple[float | None, int]:
    everything = part.traffic
    return (everything.score_sum / everything.score_count if everything.score_count else None), everything.score_count


def _hash_consistency(part: Slice) -> tuple[float | None, int]:
    everything = part.everything
    answered = everything.answered
    return (1 - everything.hash_faulty / answered if answered else None), answered


def _isolation(part: Slice) -> tuple[float | None, int]:
    everything = part.everything
    breaches = everything.violations.get(Violation.ISOLATION_BREACH, 0)
    judged = everything.isolation_right + breaches
    return (everything.isolation_right / judged if judged else None), judged


ORACLES: Mapping[str, tuple[Violation, frozenset[str]]] = {
    "chain_integrity": (Violation.CHAIN_BROKEN, frozenset({"audit_create", "audit_verify", "chain_verify"})),
    "proof_correctness": (Violation.PROOF_WRONG, PROOF_OPERATIONS),
    "decision_correctness": (Violation.DECISION_WRONG, frozenset({"governance_decision"})),
    "signature_correctness": (Violation.SIGNATURE_WRONG, frozenset({"crypto_validate", "audit_create"})),
    "durability": (
        Violation.LOST_WRITE,
        frozenset({"policy_create", "policy_get", "policy_update", "tenant_config_update", "audit_verify"}),
    ),
    "read_consistency": (Violation.STALE_READ, frozenset({"policy_get", "tenant_config_update"})),
}
"""Measures of what a check can show wrong: the violation, and the operations whose answers could have shown it."""


def _oracle(violation: Violation, operations: frozenset[str]) -> Callable[[Slice], tuple[float | None, int]]:
    """1 − violations ÷ answers; violations count wherever they were seen, so that none can hide outside the list."""

    def read(part: Slice) -> tuple[float | None, int]:
        judged = sum(
            _answers_judged(violation, name, window) for name, window in part.by_operation.items() if name in operations
        )
        wrong = sum(window.violations.get(violation, 0) for window in part.by_operation.values())
        judged = max(judged, wrong)
        return (1 - wrong / judged if judged else None), judged

    return read


def _answers_judged(violation: Violation, operation: str, window: Window) -> int:
    """Answers of a listed operation that could have shown ``violation``."""
    if violation is Violation.SIGNATURE_WRONG and operation == "audit_create":
        return window.signatures_checked  # only where the target publishes keys is there anything to check
    return window.answers_2xx + (window.answers_404 if violation is Violation.LOST_WRITE else 0)


def _proofs_unknown(part: Slice) -> tuple[float | None, int]:
    proofs = merged(window for name, window in part.by_operation.items() if name in PROOF_OPERATIONS)
    return (proofs.proofs_unknown / proofs.answers_2xx if proofs.answers_2xx else None), proofs.answers_2xx


def _skipped(part: Slice) -> tuple[float | None, int]:
    everything = part.traffic
    wanted = everything.samples + everything.skipped
    return (everything.skipped / wanted if wanted else None), wanted


def _resent(part: Slice) -> tuple[float | None, int]:
    everything = part.everything
    return (float(everything.resent) if everything.samples else None), everything.samples


class MeasureKind(NamedTuple):
    """A measure that a threshold may name."""

    unit: str
    scope: str
    """``hold``: over the hold phases unless a threshold names a phase; ``run``: over the whole run."""
    read: Callable[[Slice], tuple[float | None, int]] | None
    """From a slice of windows; None for measures of the machines, which the reader takes from elsewhere."""
    labelled: bool = True
    """May carry labels (operation, scenario, region)."""


_PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}

MEASURES: Mapping[str, MeasureKind] = {
    **{f"latency_{name}_ms": MeasureKind("ms", "hold", _percentile(q)) for name, q in _PERCENTILES.items()},
    "latency_avg_ms": MeasureKind("ms", "hold", _latency_avg),
    "latency_max_ms": MeasureKind("ms", "hold", _latency_max),
    "throughput_rps": MeasureKind("rps", "hold", _throughput),
    "throughput_peak_rps": MeasureKind("rps", "run", _peak),
    "error_ratio": MeasureKind("ratio", "run", _outcome_ratio(ERROR_OUTCOMES)),
    "throttled_ratio": MeasureKind("ratio", "run", _outcome_ratio(frozenset({Outcome.THROTTLED}))),
    "compliance_score": MeasureKind("ratio", "run", _compliance),
    "hash_consistency": MeasureKind("ratio", "run", _hash_consistency),
    "isolation_integrity": MeasureKind("ratio", "run", _isolation),
    **{name: MeasureKind("ratio", "run", _oracle(*rule)) for name, rule in ORACLES.items()},
    "proofs_unknown_ratio": MeasureKind("ratio", "run", _proofs_unknown),
    "skipped_ratio": MeasureKind("ratio", "run", _skipped),
    "resent": MeasureKind("requests", "run", _resent),
    "silence_max_s": MeasureKind("s", "run", _silence, labelled=False),
    "target_cpu": MeasureKind("ratio", "hold", None, labelled=False),
    "target_memory": MeasureKind("ratio", "hold", None, labelled=False),
    "generator_cpu_max": MeasureKind("ratio", "run", None, labelled=False),
    "loop_lag_ms": MeasureKind("ms", "run", None, labelled=False),
    "generator_added_p99_ms": MeasureKind("ms", "hold", None, labelled=False),
    "workers_lost": MeasureKind("workers", "run", None, labelled=False),
    "arrivals_unsent": MeasureKind("arrivals", "run", None, labelled=False),
    "clock_skew_ms": MeasureKind("ms", "run", None, labelled=False),
    "samples_lost": MeasureKind("samples", "run", None, labelled=False),
}
"""Every measure by name, in the order that reports list them."""

TIMED = frozenset({*(f"latency_{name}_ms" for name in _PERCENTILES), "latency_avg_ms", "latency_max_ms"})
"""Measures that are read from histograms; all others are told by counts alone."""

JUDGED_OPERATIONS: Mapping[str, frozenset[str]] = {
    "isolation_integrity": frozenset({"cross_tenant_access_attempt"}),
    **{name: operations for name, (_, operations) in ORACLES.items()},
    "proofs_unknown_ratio": PROOF_OPERATIONS,
}
"""Measures that only these operations give a value to; in a run that sends none of them they are not measured."""

EXACT_ONE = ("hash_consistency", "isolation_integrity", *ORACLES)
"""Measures that must be exactly 1 by default; not measured where their operations were sent fails the verdict."""


def measure(name: str, part: Slice) -> Measure:
    """The measure ``name`` of a slice of windows.

    Raises KeyError for an unknown name and ValueError for one that windows do not tell.
    """
    kind = MEASURES[name]
    if kind.read is None:
        raise ValueError(f"{name} is not told by windows")
    value, samples = kind.read(part)
    return Measure(value, kind.unit, samples, "windows")

"""What a run must show when nobody says otherwise: the default thresholds, each scaled to the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from acgs_load.contract import OPERATIONS
from acgs_load.measures import EXACT_ONE, JUDGED_OPERATIONS
from acgs_load.plan import ThresholdText
from acgs_load.thresholds import Threshold, read
from acgs_load.timeline import PEAK_WINDOW_S

OPEN_THROUGHPUT_SHARE = 0.98
"""An open load is met when 98 % of the asked rate was answered."""
PEAK_FACTOR = 1.5
_LATENCY = ("latency_p95_ms <= 2000", "latency_p99_ms <= 5000", "latency_avg_ms <= 1000")
_RATIOS = ("error_ratio <= 0.01", "throttled_ratio <= 0.01", "proofs_unknown_ratio <= 0.01")
_MACHINES = ("target_cpu <= 0.80", "target_memory <= 0.85")
_PROOFS = "proofs_unknown_ratio"
_BREAKING_PREFIXES = ("latency_", "throughput_", "error_", "throttled_")


def default_thresholds(
    mix: Mapping[str, float], compliance_min: float, throughput: Sequence[str]
) -> tuple[ThresholdText, ...]:
    """The table of measures.md, with ``throughput`` from ``throughput_thresholds``.

    An integrity measure whose operations the mix does not send is not required: a breach still fails it.
    """
    texts = [*_LATENCY, *throughput, *_RATIOS, f"compliance_score >= {compliance_min:.10g}"]
    result = [ThresholdText(text, "default", required=_is_sent(text.split()[0], mix)) for text in texts]
    result += [ThresholdText(f"{name} = 1", "default", required=_is_sent(name, mix)) for name in EXACT_ONE]
    result += [ThresholdText(text, "default", required=False) for text in _MACHINES]
    return tuple(result)


def throughput_thresholds(target_rps: float, peak: bool, duration_s: float) -> list[str]:
    """Throughput at ``target_rps``; the peak at 1.5 times that where asked for, unless no 10-second window fits."""
    texts = [f"throughput_rps >= {target_rps:.10g}"]
    if peak and duration_s >= PEAK_WINDOW_S:
        texts.append(f"throughput_peak_rps >= {PEAK_FACTOR * target_rps:.10g}")
    return texts


def as_breaking(texts: Iterable[ThresholdText]) -> tuple[ThresholdText, ...]:
    """For stress and capacity: latency, throughput, error and throttling thresholds only say where it broke."""
    return tuple(replace(text, breaking=_breaks(read(text))) for text in texts)


def _breaks(threshold: Threshold) -> bool:
    return threshold.measure.startswith(_BREAKING_PREFIXES)


def _is_sent(measure: str, mix: Mapping[str, float]) -> bool:
    operations = JUDGED_OPERATIONS.get(measure)
    if operations is None:
        return True
    return any(mix.get(str(OPERATIONS[name].scenario)) for name in operations)

"""What settled windows add up to, as families of metrics by operation, scenario and region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from acgs_load.contract import ERROR_OUTCOMES, Outcome, Violation
from acgs_load.measures import MEASURES, Slice, measure
from acgs_load.samples import Window
from acgs_load.traffic.master.exporter_latency import LatencyBuckets

LABELS = ("run", "operation", "scenario", "region")


class Total(NamedTuple):
    """What the windows of one operation, scenario and region add up to."""

    counts: Window
    """Without latencies."""
    latency: LatencyBuckets

    def add(self, window: Window) -> None:
        """Count a window."""
        self.counts.merge(window.without_latency())
        self.latency.add(window.latency)


Totals = Mapping[tuple[str, str, str], Total]
"""By operation, scenario and region."""


class Kinds(NamedTuple):
    """A counter with a label for the kind of thing that is counted; every kind is there from the beginning, at 0."""

    name: str
    text: str
    label: str
    kinds: tuple[str, ...]
    read: Callable[[Window], Mapping[str, int]]


BY_KIND = (
    Kinds("acgs_load_requests", "Requests, by outcome.", "outcome", tuple(Outcome), lambda w: w.outcomes),
    Kinds(
        "acgs_load_failures",
        "Requests that count in the error ratio, by outcome; throttled ones do not.",
        "kind",
        tuple(outcome for outcome in Outcome if outcome in ERROR_OUTCOMES),
        lambda w: w.outcomes,
    ),
    Kinds("acgs_load_violations", "Violations found in answers.", "kind", tuple(Violation), lambda w: w.violations),
)
PLAIN: tuple[tuple[str, str, Callable[[Window], float]], ...] = (
    ("acgs_load_skipped", "Requests left out because what they need had failed before.", lambda w: w.skipped),
    ("acgs_load_resent", "Requests sent again on a fresh connection.", lambda w: w.resent),
    ("acgs_load_sent_bytes", "Bytes sent.", lambda w: w.sent_bytes),
    ("acgs_load_received_bytes", "Bytes received.", lambda w: w.received_bytes),
)


def window_families(run: str, totals: Totals) -> Iterator[Metric]:
    """Counters, the compliance scores as a summary, and latency as a classic histogram."""
    for kinds in BY_KIND:
        yield _by_kind(run, totals, kinds)
    for name, text, read in PLAIN:
        family = CounterMetricFamily(name, text, labels=LABELS)
        for labels, total in totals.items():
            family.add_metric((run, *labels), read(total.counts))
        yield family
    scores = SummaryMetricFamily(
        "acgs_load_compliance_score", "Compliance of answers: their score, 0 with any violation.", labels=LABELS
    )
    latencies = HistogramMetricFamily("acgs_load_latency_seconds", "Latency as it is judged.", labels=LABELS)
    for labels, (counts, latency) in totals.items():
        scores.add_metric((run, *labels), counts.score_count, counts.score_sum)
        latencies.add_metric((run, *labels), latency.classic(), latency.sum_s)
    yield scores
    yield latencies


def measure_families(run: str, totals: Totals) -> Iterator[Metric]:
    """The ratios of the whole run so far, under the names that reports use; what is not measured has no value."""
    counts: dict[str, Window] = {}
    for (operation, _, _), total in totals.items():
        counts.setdefault(operation, Window()).merge(total.counts)
    part, labels = Slice(counts, 0.0), ("run", "measure")
    ratios = GaugeMetricFamily("acgs_load_measure_ratio", "A measure over the whole run so far.", labels=labels)
    judged = CounterMetricFamily("acgs_load_judged", "Answers or requests that a measure rests on.", labels=labels)
    for name, kind in MEASURES.items():
        if kind.unit == "ratio" and kind.read is not None:
            told = measure(name, part)
            judged.add_metric((run, name), told.samples)
            if told.value is not None:
                ratios.add_metric((run, name), told.value)
    yield from (ratios, judged)


def native_family(run: str, totals: Totals) -> Metric:
    """The same latencies as native histograms, for the one format that can spell them.

    A family of its own: a Prometheus that takes native histograms in drops the classic buckets of the same name.
    """
    family = Metric("acgs_load_latency_native_seconds", "Latency as it is judged, in exponential buckets.", "histogram")
    for labels, total in totals.items():
        named = dict(zip(LABELS, (run, *labels), strict=True))
        family.add_sample(family.name, named, 0, native_histogram=total.latency.native())
    return family


def _by_kind(run: str, totals: Totals, kinds: Kinds) -> Metric:
    family = CounterMetricFamily(kinds.name, kinds.text, labels=(*LABELS, kinds.label))
    for labels, total in totals.items():
        counts = kinds.read(total.counts)
        for kind in kinds.kinds:
            family.add_metric((run, *labels, kind), counts.get(kind, 0))
    return family

"""What a reader must know beside the figures: warnings about the run, and how to read what stands there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from acgs_load.analysis.groups import latency_of
from acgs_load.analysis.judging.drift import Drift
from acgs_load.analysis.judging.losses import loss_warnings
from acgs_load.analysis.judging.machines import added_by_generators, added_ms, target_load
from acgs_load.analysis.judging.trust import UNSENT_LIMIT, tokenless, why_unsent
from acgs_load.analysis.reading.load import Run
from acgs_load.analysis.wording import at_text, share_text, value_text
from acgs_load.measures import JUDGED_OPERATIONS, Measure
from acgs_load.samples import Window
from acgs_load.unverified import INSECURE, is_unverified

SHARE_SLACK = 0.02
"""A scenario's share of the requests may differ from the mix by two points; a small run by chance."""
SHARE_SAMPLES = 1_000
GAPLESS, EDGE_S = 0.9, 2.0
"""The target's CPU and memory may be unknown in this little of the hold phases, and in two seconds at their edges."""
CLEAR = 3.0
"""A latency this many times what the generator adds at the same percentile is clearly the target's."""
UNCLEAR = "latency is not clearly above what the generator added"
"""How the note begins that tells of latencies which are no news of the target."""
CLEAR_AT = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

PICKED_OUT, PICKED_FACTOR = 0.10, 3.0
"""Share of an operation's answers that are errors or throttled, and how many times that of all, to be worth a word."""
PICKED_MIN, PICKED_NAMED = 5, 4
"""Fewer failures of an operation may be chance; more operations are not named."""
_JUDGED = frozenset().union(*JUDGED_OPERATIONS.values())


def warnings_of(run: Run, trends: Iterable[Drift]) -> Iterator[str]:
    """What does not change the verdict and should be known."""
    if is_unverified(run.plan.target, run.plan.tls_verify):
        yield INSECURE
    for text in run.preflight.get("warnings") or ():
        yield str(text)
    yield from run.missing
    yield from loss_warnings(run)
    if (text := tokenless(run)[1]) is not None:
        yield text
    if run.record.errors and not run.record.user_errors:
        yield f"{len(run.record.errors)} errors in the load generators, first: {run.record.errors[0]}"
    arrivals = run.record.arrivals
    if arrivals and 0 < arrivals.unsent <= UNSENT_LIMIT * arrivals.scheduled:
        yield f"{arrivals.unsent:,} of {arrivals.scheduled:,} arrivals were never sent, {why_unsent(arrivals)}"
    if run.record.changes:
        told = ", ".join(
            f"{change.what} {change.before:,g} → {change.after:,g} at {at_text(change.at_s)} (phase {change.phase})"
            for change in run.record.changes
        )
        yield f"the load was changed while the run went on: {told}; limits that follow from the plan still speak of it"
    for trend in trends:
        if trend.drifting and trend.change is not None:
            yield (
                f"{trend.measure} drifts: up {value_text(trend.change, trend.unit)} over the run "
                f"from a median of {value_text(trend.median, trend.unit)} (p = {trend.p_value:.1g})"
            )
    yield from _target_gaps(run)
    yield from _shares(run)
    yield from _picked_out(run)


def _target_gaps(run: Run) -> Iterator[str]:
    held_s = sum(phase.to_s - phase.from_s for phase in run.record.phases if phase.hold)
    target = target_load(run)
    if target is not None and target.samples < GAPLESS * (held_s - EDGE_S):
        told = f"known for {target.samples} of the {held_s:.0f} s that hold"
        yield f"CPU and memory of the target ({target.source}) are {told}; the rest is a gap, not zero"


def _shares(run: Run) -> Iterator[str]:
    sent = dict.fromkeys(run.plan.mix, 0)
    for scenario in run.timeline.values("scenario"):
        if scenario:
            sent[scenario] = sum(
                window.samples for window in run.timeline.slice({"scenario": scenario}).by_operation.values()
            )
    total, weights = sum(sent.values()), sum(run.plan.mix.values())
    if total < SHARE_SAMPLES or not weights:
        return
    shares = {name: (run.plan.mix.get(name, 0) / weights, count / total) for name, count in sent.items()}
    off = {name: share for name, share in shares.items() if abs(share[0] - share[1]) > SHARE_SLACK}
    if off:
        told = ", ".join(
            f"{name} {share_text(actual)} (mix {share_text(planned)})" for name, (planned, actual) in off.items()
        )
        yield f"shares of the requests are off the mix: {told}"


def _picked_out(run: Run) -> Iterator[str]:
    """Operations that fail where others do not: what is wrong with the answers may be what they fail on.

    A target that crashes on a forged signature never calls it genuine, and its errors may be too few to fail the run.
    """
    windows = run.timeline.slice().by_operation
    total = sum(window.samples for window in windows.values())
    overall = sum(_failed(window) for window in windows.values()) / total if total else 0.0
    told = [
        f"{_failed(window) / window.samples:.0%} of {name}"
        for name, window in windows.items()
        if name in _JUDGED
        and _failed(window) >= max(PICKED_MIN, max(PICKED_OUT, PICKED_FACTOR * overall) * window.samples)
    ]
    if told:
        more = f" and {len(told) - PICKED_NAMED} more" if len(told) > PICKED_NAMED else ""
        yield (
            f"errors and throttled answers pick out some operations ({', '.join(told[:PICKED_NAMED])}{more}), "
            f"{overall:.1%} of everything; measures that must be 1 say nothing of answers that never came"
        )


def _failed(window: Window) -> int:
    return window.samples - window.answered


def notes_of(run: Run, measures: Mapping[str, Measure]) -> Iterator[str]:
    """How to read the figures of this run."""
    silence = measures["silence_max_s"].value
    if run.plan.load == "closed":
        yield (
            "closed load: users who wait send nothing, so a slow target is asked less often and latencies look better "
            f"than they were; the longest silence was {value_text(silence, 's')}"
        )
    else:
        service = latency_of(run.timeline.slice(phases=run.timeline.hold_names).traffic.service).percentiles_ms
        told = ", ".join(f"{name} {value_text(service[name], 'ms')}" for name in ("p50", "p95", "p99"))
        yield f"open load: latency counts from the moment a request was due; from its sending: {told}"
    held = [phase for phase in run.record.phases if phase.hold]
    if held:
        length = at_text(sum(phase.to_s - phase.from_s for phase in held))
        names = ", ".join(phase.name for phase in held[:6]) + (" …" if len(held) > 6 else "")
        yield f"latency and throughput are measured over the hold phases ({names}; {length}), ratios over the whole run"
    else:
        yield "no hold phase was reached, so latency and throughput are not measured"
    yield from _added(run, measures)
    lost = measures["samples_lost"].value
    if lost == 0 and run.record.workers:
        yield f"samples lost between workers and master: 0 of {measures['samples_lost'].samples:,}"


def _added(run: Run, measures: Mapping[str, Measure]) -> Iterator[str]:
    """What is the generator's own in the latencies; at which percentiles they are no news of the target."""
    histogram = added_by_generators(run)
    added = {name: value for name, at in CLEAR_AT.items() if (value := added_ms(histogram, at)) is not None}
    if not added:
        return
    told = ", ".join(f"{name} {value_text(added[name], 'ms')}" for name in ("p50", "p99"))
    yield f"the generator itself added {told} to latencies (a no-op exchange through its event loop)"
    latencies = {name: measures[f"latency_{name}_ms"].value for name in added}
    unclear = [name for name, value in latencies.items() if value is not None and value < CLEAR * added[name]]
    if unclear:
        pairs = ", ".join(
            f"{name} {value_text(latencies[name], 'ms')} with {value_text(added[name], 'ms')} added" for name in unclear
        )
        yield (
            f"{UNCLEAR} ({pairs}), so do not read it as the target's: "
            "leave cores for the generators, use more workers, or fewer users"
        )

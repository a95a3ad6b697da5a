"""How thresholds stand while a run goes on: at its end as the verdict says, before it as far as is settled."""

from __future__ import annotations

import math
import random

import pytest
from timelines import START_S, put

from acgs_load.contract import OPERATIONS, Outcome, Violation
from acgs_load.profile_acceptance import default_thresholds, throughput_thresholds
from acgs_load.samples import Window
from acgs_load.threshold_standing import Standings
from acgs_load.thresholds import judge, parse, read
from acgs_load.timeline import Phase, Timeline

STARTED_S = START_S + 0.4
PHASES = (Phase("ramp", 0.0, 10.0, False), Phase("hold", 10.0, 40.0, True))
DEFAULTS = [read(text) for text in default_thresholds({"policy": 1.0}, 0.95, throughput_thresholds(20, True, 40.0))]
OTHERS = [
    "error_ratio <= 0.05 over 10s for 2",
    "latency_p95_ms <= 30 over 3s",
    'latency_p99_ms{operation="policy_get"} <= 25',
    'throughput_rps{region="eu"} >= 100 during ramp',
    "throughput_rps >= 5 during hold over 5s",
    'throughput_peak_rps{operation="policy_get"} >= 30',
    "resent <= 0",
]


def _busy(seed: int) -> Timeline:
    """Forty seconds of this and that, with silent seconds in them."""
    chance, timeline = random.Random(seed), Timeline(STARTED_S, PHASES)
    names = [name for name in OPERATIONS if chance.random() < 0.5] or ["policy_get"]
    for second in range(41):
        for _ in range(chance.choice([0, 2, 6])):
            put(
                timeline,
                second,
                chance.randrange(1, 9),
                phase="ramp" if second < 10 else "hold",
                region=chance.choice(["eu", "us"]),
                operation=chance.choice(names),
                outcome=chance.choice([Outcome.OK] * 8 + [Outcome.HTTP_ERROR, Outcome.THROTTLED]),
                violations=chance.choice([()] * 20 + [(Violation.LOST_WRITE,), (Violation.HASH_WRONG,)]),
                latency_ms=chance.choice([5.0, 20.0, 40.0, 2500.0]),
                done_s=(STARTED_S - 0.4 + second + 0.5,),
            )
    return timeline


def _told(timeline: Timeline, thresholds) -> Standings:
    standings = Standings(thresholds, timeline.started_epoch_s, lambda: timeline.phases)
    for key, window in timeline.items():
        standings.see(key, window)
    return standings


@pytest.mark.parametrize("seed", range(12))
def test_at_the_end_they_stand_as_the_verdict_says(seed):
    """State, value, samples and margin of every kind of threshold, from random runs."""
    timeline = _busy(seed)
    thresholds = [*DEFAULTS, *map(parse, OTHERS)]
    stand = _told(timeline, thresholds).findings(math.ceil(STARTED_S + 41))
    for threshold, finding in zip(thresholds, stand, strict=True):
        judged = judge(threshold, timeline, {})
        assert (finding.state, finding.samples) == (judged.state, judged.samples), threshold.expression
        assert finding.value == pytest.approx(judged.value), threshold.expression
        assert finding.margin == pytest.approx(judged.margin), threshold.expression


@pytest.mark.parametrize("seed", range(4))
def test_silence_is_known_to_the_second(seed):
    """Live, silence lasts to the end of the last whole second; the verdict knows the end itself."""
    timeline, threshold = _busy(seed), parse("silence_max_s <= 3")
    (finding,) = _told(timeline, [threshold]).findings(math.ceil(STARTED_S + 41))
    assert finding.value == pytest.approx(judge(threshold, timeline, {}).value, abs=1.0)


def test_what_has_not_settled_does_not_count_as_time():
    """Ten answers a second are ten a second, at whatever moment of the hold one looks."""
    timeline = Timeline(START_S, PHASES)
    for second in range(40):
        put(timeline, second, 10, phase="ramp" if second < 10 else "hold")
    standings, found = Standings([parse("throughput_rps >= 10")], START_S, lambda: PHASES), []
    for key, window in timeline.items():
        found += standings.findings(key.second)
        standings.see(key, window)
    assert [finding.state for finding in found] == ["not_measured"] * 11 + ["pass"] * 29
    assert {finding.value for finding in found[11:]} == {10.0}


def test_a_late_window_counts():
    """A worker that was behind tells of a second that had settled: sums know no order."""
    timeline = _busy(3)
    windows = list(timeline.items())
    standings = Standings(DEFAULTS, STARTED_S, lambda: PHASES)
    for key, window in [*windows[20:], *windows[:20]]:
        standings.see(key, window)
    for threshold, finding in zip(DEFAULTS, standings.findings(math.ceil(STARTED_S + 41)), strict=True):
        if threshold.measure != "throughput_peak_rps":
            assert finding.value == pytest.approx(judge(threshold, timeline, {}).value)


def test_memory_does_not_grow_with_the_run():
    """However long the run, sums are kept once, and seconds as long as something reads them."""
    timeline = Timeline(START_S, (Phase("hold", 0.0, 3600.0, True),))
    for second in range(3600):
        put(timeline, second)
    standings = _told(timeline, [*DEFAULTS, parse("error_ratio <= 0.1 over 60s")])
    assert (len(standings.sums()), len(standings._latencies)) == (1, 1)
    assert len(standings._recent.seconds) < 70


def test_a_window_shown_stays_as_it_is():
    """Others are shown the same window: nothing is merged into it."""
    timeline = _busy(5)
    before = {key: window.to_wire() for key, window in timeline.items()}
    standings = _told(timeline, [parse("error_ratio <= 0.1 over 60s"), *DEFAULTS])
    for key, window in timeline.items():
        standings.see(key, window)
    assert {key: window.to_wire() for key, window in timeline.items()} == before
    assert sum(window.samples for window in standings.sums().values()) == 2 * sum(
        Window.from_wire(wire).samples for wire in before.values()
    )

"""The abort while a run lasts: the same predicate as afterwards, second by second, in bounded memory."""

from __future__ import annotations

import pytest
from timelines import HOLD, START_S, put, steady

from acgs_load.contract import Outcome
from acgs_load.profiles import plan_for
from acgs_load.settings import resolve
from acgs_load.thresholds import LiveJudge, judge, parse, read
from acgs_load.timeline import Phase, Timeline

PLAN = plan_for(resolve({"users": "10", "duration": "60s"}, {}), "/x/y/z", 2)


def first_breach_s(text: str, timeline: Timeline, until_s: int = 70, forget: bool = True, plan=PLAN, **judge_with):
    """When, second by second, the abort would come; windows arrive as they settle and old ones are forgotten."""
    live_judge = LiveJudge([parse(text)], plan, **judge_with)
    live = Timeline(timeline.started_epoch_s, timeline.phases)
    pending = list(timeline.items())
    for elapsed_s in range(until_s):
        while pending and pending[0][0].second < timeline.started_epoch_s + elapsed_s - 3:
            live.add(*pending.pop(0))
        if live_judge.breached(live, float(elapsed_s)) is not None:
            return elapsed_s
        if forget:
            live.forget_before(live_judge.needed_from(live, float(elapsed_s)))
    return None


def failing(from_s: int, to_s: int = 60) -> Timeline:
    """All errors from ``from_s`` on."""
    timeline = Timeline(START_S, HOLD)
    for second in range(60):
        bad = from_s <= second < to_s
        phase = "ramp" if second < 10 else "hold"
        put(timeline, second, 10, phase=phase, outcome=Outcome.HTTP_ERROR if bad else Outcome.OK)
    return timeline


CASES = [
    # windows of the whole run start with it: 20–30, 30–40 and 40–50 fail, and settle 4 s later
    ("error_ratio <= 0.5 over 10s for 3 abort", failing(20), 54),
    ("error_ratio <= 0.5 over 10s abort", failing(20), 34),
    ("error_ratio <= 0.5 over 10s abort after 50s", failing(20), 50),
    ("error_ratio <= 0.5 over 10s for 3 abort", failing(20, 45), None),
    ("error_ratio <= 0.5 over 10s for 3", failing(0), None),
    # over everything so far: 10 of 30 seconds are bad when the 30th has settled
    ("error_ratio < 0.333 abort", failing(20), 34),
    ("error_ratio < 0.333 abort after 40s", failing(20), 40),
    ("error_ratio <= 0.5 abort", failing(50), None),
    # the hold only
    ("latency_max_ms <= 50 abort", steady(range(60), latency_ms=60.0), 15),
    ("latency_max_ms <= 50 during ramp abort", steady(range(60), latency_ms=60.0), 5),
    ("throughput_rps >= 5 over 10s for 2 abort", steady(range(30)), 54),
    ("throughput_rps >= 5 abort", steady(range(60)), None),
    ("throughput_rps >= 5 abort after 20s", steady(range(10)), 20),
    ("throughput_peak_rps >= 20 abort after 30s", steady(range(60)), 30),
    ("throughput_peak_rps >= 10 abort after 30s", steady(range(60)), None),
    ("silence_max_s <= 3 abort", steady([*range(20), *range(40, 60)]), 27),
    ("silence_max_s <= 30 abort", steady([*range(20), *range(40, 60)]), None),
    ("hash_consistency = 1 abort", failing(0), None),
]


@pytest.mark.parametrize(("text", "timeline", "at_s"), CASES, ids=[f"{text} → {at_s}" for text, _, at_s in CASES])
@pytest.mark.parametrize("forget", [True, False])
def test_when_the_abort_comes(text, timeline, at_s, forget):
    """At the second at which the breach has settled, not before DELAY, whether or not old seconds are forgotten."""
    assert first_breach_s(text, timeline, forget=forget) == at_s


@pytest.mark.parametrize("from_s", range(0, 60, 7))
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("text", ["error_ratio <= 0.5 over 7s for {}", "throughput_rps >= 5 over 7s for {}"])
def test_live_and_afterwards_agree(from_s, count, text):
    """With windows, the abort comes exactly where the finding afterwards is a failure."""
    timeline = failing(from_s, from_s + 15)
    text = text.format(count)
    found = judge(parse(text), timeline, {})
    assert (first_breach_s(f"{text} abort", timeline) is not None) is (found.state == "fail")


def test_the_fraction_of_the_start_does_not_matter():
    """A run that starts late within a second is judged by the same windows."""
    timeline = Timeline(START_S + 0.7, HOLD)
    for second in range(61):
        put(timeline, second, 10, phase="ramp" if second < 10 else "hold", outcome=Outcome.HTTP_ERROR)
    at_s = first_breach_s("error_ratio <= 0.5 over 10s for 2 abort", timeline)
    assert at_s is not None
    assert 23 <= at_s <= 25


def test_a_shorter_settling_time_aborts_sooner():
    """How long windows may be late is the caller's to say."""
    assert first_breach_s("error_ratio <= 0.5 over 10s abort", failing(20), settle_s=4.0) == 34
    assert first_breach_s("error_ratio <= 0.5 over 10s abort", failing(20), settle_s=6.0) == 36


def test_without_abort_nothing_is_watched():
    """Thresholds that only judge, and those of a baseline, never end a run."""
    judge_of_none = LiveJudge([parse("error_ratio <= 0"), parse("resent <= 1 * baseline abort")], PLAN)
    assert judge_of_none.breached(failing(0), 60.0) is None


STRESS = plan_for(resolve({"test_type": "stress", "users": "100", "duration": "300s"}, {}), "/x/y/z", 2)


def stress(bad_from_s: int, **bad: object) -> Timeline:
    """The stairs of the stress plan, bad from some second on."""
    timeline, begin_s, phases = Timeline(START_S, ()), 0.0, []
    for stage in STRESS.stages:
        phases.append(Phase(stage.name, begin_s, begin_s + stage.duration_s, stage.hold))
        begin_s += stage.duration_s
    timeline.phases = tuple(phases)
    for second in range(300):
        phase = next(p.name for p in phases if p.from_s <= second < p.to_s)
        put(timeline, second, 10, phase=phase, **(bad if second >= bad_from_s else {}))  # type: ignore[arg-type]
    return timeline


@pytest.mark.parametrize(
    "bad", [{"latency_ms": 9_000.0}, {"outcome": Outcome.HTTP_ERROR}, {"outcome": Outcome.THROTTLED}]
)
def test_stress_ends_early_once_broken_for_three_windows(bad):
    """Each breaking threshold is watched in windows, and the one that fires is breaking: the run found its answer."""
    live_judge = LiveJudge([read(text) for text in STRESS.thresholds], STRESS)
    timeline = stress(100, **bad)
    fired = None
    for elapsed_s in range(300):
        fired = live_judge.breached(timeline, float(elapsed_s))
        if fired is not None:
            break
    assert fired is not None
    assert fired.breaking
    assert 115 < elapsed_s < 150


def test_stress_that_holds_is_not_ended():
    """Nor is it ended by a throughput that the lower steps cannot reach, nor by what decides integrity."""
    live_judge = LiveJudge([read(text) for text in STRESS.thresholds], STRESS)
    timeline = stress(1_000)
    assert all(live_judge.breached(timeline, float(at)) is None for at in range(300))

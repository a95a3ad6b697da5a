"""Slices, windows, peaks and silences of timelines whose truth is known."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timelines import HOLD, START_S, put, steady

from acgs_load.contract import Outcome
from acgs_load.measures import measure
from acgs_load.samples import WindowKey
from acgs_load.timeline import Phase, Timeline

HOLDS = frozenset({"hold"})


def rps(part) -> float | None:
    """Throughput of a slice."""
    return measure("throughput_rps", part).value


def test_throughput_is_over_the_clock_of_the_phase():
    """Seconds without an answer count: 10 a second for half of a hold of 50 s is 5 a second."""
    assert rps(steady(range(10, 35)).slice(phases=HOLDS)) == 5.0
    assert rps(steady(range(60)).slice(phases=HOLDS)) == 10.0
    assert rps(steady(range(60)).slice()) == 10.0


def test_samples_belong_to_their_phase_even_where_they_end_after_it():
    """The phase's label decides, not the second."""
    timeline = steady(range(60))
    put(timeline, 61, 50, phase="hold")
    assert rps(timeline.slice(phases=HOLDS)) == 11.0


def test_the_length_of_a_slice():
    """Of phases: theirs; of seconds: those; of both: what they share; of neither and without phases: first to last."""
    timeline = steady(range(60))
    assert timeline.slice().seconds == 60
    assert timeline.slice(phases=HOLDS).seconds == 50
    assert timeline.slice(phases=frozenset({"ramp", "hold"})).seconds == 60
    assert timeline.slice(phases=frozenset({"none"})).seconds == 0
    start = int(START_S)
    assert timeline.slice(None, None, start, start + 7).seconds == 7
    assert timeline.slice(None, HOLDS, start + 5, start + 15).seconds == 5
    assert timeline.slice(None, HOLDS, start + 55, start + 75).seconds == 5
    assert timeline.slice(from_second=start + 20).seconds == 40
    bare = Timeline(START_S, ())
    put(bare, 3)
    put(bare, 12)
    assert bare.slice().seconds == 10
    assert Timeline(START_S, ()).slice().seconds == 0


def test_slices_by_second_and_whole_agree():
    """The sums kept beside the seconds give what the seconds give, also for what is added after they were made."""
    timeline = steady(range(30))
    timeline.slice()
    for second in range(30, 60):
        put(timeline, second, 10)
    put(timeline, 5, 3, phase="ramp", latency_ms=77.0)
    whole = timeline.slice()
    by_seconds = timeline.slice(None, None, int(START_S), int(START_S) + 60)
    for name in ("latency_p99_ms", "latency_max_ms", "throughput_rps", "throughput_peak_rps", "error_ratio"):
        assert measure(name, whole) == measure(name, by_seconds)


def test_a_slice_is_of_its_moment():
    """What is added later is in the next slice, not in one already taken."""
    timeline = steady(range(20))
    first, of_seconds = timeline.slice(), timeline.slice(from_second=int(START_S) + 5)
    put(timeline, 12, 30)
    put(timeline, 13, 30, operation="audit_create")
    assert measure("throughput_rps", first).samples == 200
    assert measure("throughput_rps", of_seconds).samples == 150
    assert measure("throughput_rps", timeline.slice()).samples == 260
    assert measure("throughput_rps", timeline.slice(phases=HOLDS)).samples == 160
    assert measure("throughput_rps", timeline.slice({"operation": "audit_create"})).samples == 30


def test_the_peak_is_the_best_ten_seconds_in_a_row():
    """Ten seconds of 30 within a steady 10 peak at 30; five such seconds at 20."""
    timeline = steady(range(60))
    for second in range(20, 25):
        put(timeline, second, 20)
    assert timeline.slice().peak_rps == 20.0
    for second in range(25, 30):
        put(timeline, second, 20)
    assert timeline.slice().peak_rps == 30.0


def test_a_peak_does_not_jump_over_silence():
    """Ten seconds are seconds of the clock, not seconds with answers."""
    assert steady(range(0, 60, 2)).slice().peak_rps == 5.0
    assert steady([3]).slice().peak_rps == 1.0


def test_a_stretch_under_ten_seconds_has_no_peak():
    """It is not measured rather than guessed from less."""
    short = Timeline(START_S, [Phase("hold", 0, 9.9, True)])
    put(short, 3, 1000)
    assert short.slice().peak_rps is None
    assert steady(range(60)).slice(None, None, int(START_S), int(START_S) + 9).peak_rps is None
    assert steady(range(60)).slice(None, None, int(START_S), int(START_S) + 10).peak_rps == 10.0
    assert Timeline(START_S, HOLD).slice().peak_rps is None


def test_a_peak_counts_neither_sign_in_nor_errors():
    """As throughput does."""
    timeline = steady(range(60))
    for second in range(20, 40):
        put(timeline, second, 99, operation="auth_login")
        put(timeline, second, 99, outcome=Outcome.HTTP_ERROR)
    assert timeline.slice().peak_rps == 10.0


def silence(timeline: Timeline) -> float | None:
    """The longest silence."""
    return measure("silence_max_s", timeline.slice()).value


def test_silence_between_answers_is_exact():
    """From the last answer of one second to the first of the next that has one."""
    timeline = Timeline(START_S, [Phase("hold", 0, 10, True)])
    put(timeline, 0, 3, done_s=(START_S + 0.2, START_S + 0.5, START_S + 0.9))
    put(timeline, 4, 2, done_s=(START_S + 4.6, START_S + 4.25))
    for second in range(5, 10):
        put(timeline, second, 1)
    assert silence(timeline) == pytest.approx(4.25 - 0.9)


def test_silence_at_either_end_counts():
    """Nothing before 7 s, or nothing after 3 s of 10."""
    late, early = (Timeline(START_S, [Phase("hold", 0, 10, True)]) for _ in range(2))
    for second in range(7, 10):
        put(late, second)
    for second in range(3):
        put(early, second)
    assert silence(late) == pytest.approx(7.5)
    assert silence(early) == pytest.approx(7.5)


def test_a_run_without_any_answer_was_silent_throughout():
    """Time-outs are no answers; a run that sent nothing is not measured."""
    timeline = Timeline(START_S, [Phase("hold", 0, 40, True)])
    put(timeline, 30, 5, outcome=Outcome.TIMEOUT)
    assert silence(timeline) == pytest.approx(40)
    assert silence(Timeline(START_S, HOLD)) is None


def test_errors_and_sign_in_break_a_silence():
    """Any answer does, whatever it says and wherever it comes from."""
    timeline = steady(range(60))
    assert silence(timeline) == pytest.approx(1.0)
    gap = Timeline(START_S, [Phase("hold", 0, 12, True)])
    for second, operation in ((0, "policy_get"), (4, "auth_login"), (8, "policy_create"), (11, "policy_get")):
        put(gap, second, 1, operation=operation, outcome=Outcome.HTTP_ERROR, region=operation)
    assert silence(gap) == pytest.approx(4.0)


def test_silence_is_told_of_whole_runs_only():
    """A slice of phases or seconds has none."""
    timeline = steady(range(60))
    assert timeline.slice(phases=HOLDS).silence_s is None
    assert timeline.slice(from_second=int(START_S)).silence_s is None


def test_windows_of_a_whole_run_follow_each_other_from_its_start():
    """Every whole one, silent ones too; a rest that is not whole is left out."""
    start = int(START_S)
    assert steady(range(60)).windows(25, None) == [(start, start + 25), (start + 25, start + 50)]
    dead = steady(range(13))
    assert len(dead.windows(10, None)) == 6
    rates = [measure("throughput_rps", part).value for _, part in dead.series(10, None, None)]
    assert rates == [10.0, 3.0, 0.0, 0.0, 0.0, 0.0]


def test_windows_of_phases_begin_with_them():
    """A hold from 10 s to 60 s has five windows of 10 s, none of which touches the ramp."""
    start = int(START_S)
    timeline = steady(range(60))
    assert timeline.windows(10, HOLDS) == [(start + at, start + at + 10) for at in range(10, 60, 10)]
    assert [rps(part) for _, part in timeline.series(10, None, HOLDS)] == [10.0] * 5
    assert timeline.windows(10, frozenset({"none"})) == []
    assert timeline.windows(51, HOLDS) == []


def test_windows_in_a_live_run_end_by_the_second_given():
    """What has not settled yet is no window."""
    start = int(START_S)
    timeline = steady(range(60))
    assert timeline.windows(10, HOLDS, start + 29) == [(start + 10, start + 20)]
    assert timeline.windows(10, HOLDS, start + 30)[-1] == (start + 20, start + 30)
    assert timeline.windows(10, None, start + 5) == []


def test_stairs_have_windows_in_each_step_and_none_between():
    """Phases that touch are one stretch; a climb between two steps splits them."""
    start = int(START_S)
    phases = [
        Phase("s1", 0, 12, True),
        Phase("climb", 12, 15, False),
        Phase("s2", 15, 24, True),
        Phase("s3", 24, 30, True),
    ]
    timeline = Timeline(START_S, reversed(phases))
    assert timeline.windows(5, timeline.hold_names) == [(start + at, start + at + 5) for at in (0, 5, 15, 20, 25)]


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 30), st.integers(1, 120), st.integers(1, 15))
def test_a_phase_has_as_many_windows_as_fit_whatever_the_fraction_of_its_start(fraction, ramp, hold, width):
    """The run's start within a second never costs a window."""
    timeline = Timeline(START_S + fraction, [Phase("ramp", 0, ramp, False), Phase("hold", ramp, ramp + hold, True)])
    spans = timeline.windows(width, HOLDS)
    assert len(spans) == hold // width
    assert all(end - begin == width for begin, end in spans)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(spans))
    assert len(timeline.windows(width, None)) == (ramp + hold) // width


def test_a_window_at_the_edge_of_a_phase_is_judged_on_its_own_length():
    """Where the phase begins within a second, throughput counts only the time that belongs to it."""
    timeline = Timeline(START_S + 0.4, [Phase("ramp", 0, 10, False), Phase("hold", 10, 30, True)])
    for second in range(10, 31):
        put(timeline, second, 6 if second == 10 else 10)
    rates = [rps(part) for _, part in timeline.series(10, None, HOLDS)]
    assert rates == [pytest.approx(10.0), pytest.approx(10.0)]


@pytest.mark.parametrize(("fraction", "first"), [(0.0, 10), (0.4, 10), (0.5, 11), (0.7, 11)])
def test_a_phase_begins_with_the_nearest_second(fraction, first):
    """So that at most half a second of its first window belongs to another phase."""
    timeline = Timeline(START_S + fraction, HOLD)
    assert timeline.windows(10, HOLDS)[0][0] == int(START_S) + first


def test_equal_keys_are_merged_in_any_order():
    """Late windows of a second already seen add up."""
    timeline, twin = Timeline(START_S, HOLD), Timeline(START_S, HOLD)
    seconds = [3, 1, 2, 3, 1]
    for second in seconds:
        put(timeline, second, 2)
    for second in sorted(seconds):
        put(twin, second, 2)
    assert timeline.seconds == twin.seconds == [int(START_S) + at for at in (1, 2, 3)]
    assert measure("latency_avg_ms", timeline.slice()) == measure("latency_avg_ms", twin.slice())
    assert measure("latency_avg_ms", timeline.slice()).samples == 10


def test_what_is_forgotten_is_gone_and_the_rest_stays():
    """Slices then speak of what is left."""
    timeline = steady(range(60))
    timeline.slice()
    timeline.forget_before(int(START_S) + 50)
    assert timeline.seconds[0] == int(START_S) + 50
    assert measure("throughput_rps", timeline.slice()).samples == 100
    assert rps(timeline.slice(None, None, int(START_S) + 50, int(START_S) + 60)) == 10.0


def test_the_values_of_labels():
    """Sorted, each once; phases too."""
    timeline = Timeline(START_S, HOLD)
    put(timeline, 1, region="b")
    put(timeline, 2, region="a", phase="ramp")
    put(timeline, 3, region="a", operation="audit_create")
    assert timeline.values("region") == ["a", "b"]
    assert timeline.values("operation") == ["audit_create", "policy_get"]
    assert timeline.values("phase") == ["hold", "ramp"]
    assert timeline.hold_names == HOLDS
    assert [key.second for key, _ in timeline.items()] == [int(START_S) + at for at in (1, 2, 3)]
    assert isinstance(next(timeline.items())[0], WindowKey)

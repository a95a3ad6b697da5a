"""What ends a run while it goes on: thresholds with abort, a target that breaks, a search that has its answer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from course_fixture import START_S, FakeClock, arrival_counts, breaking, course_in, plan_of, report_of, window_at

from acgs_load.plan import Search
from acgs_load.traffic.master.bracket import Bracket
from acgs_load.traffic.master.watchers import RateSearch, ThresholdWatch, watchers_of
from acgs_load.traffic.messages import RATE


@pytest.mark.parametrize(
    ("capacity", "rate_from", "held_from", "held_to"),
    [(1000, 50, 950, 1000), (49, 50, 46, 49), (3.2, 50, 3.0, 3.2), (50, 50, 47.5, 50), (51, 50, 50, 51)],
)
def test_the_bracket_closes_on_the_capacity(capacity, rate_from, held_from, held_to):
    """Up by geometric steps or down by them, then halving, to within 5 %."""
    bracket, tried = Bracket(Search(rate_from, 20.0, 5.0, 1.5, 0.05)), []
    while (rate := bracket.next_rate()) is not None:
        tried.append(rate)
        bracket.learn(rate, rate <= capacity)
    assert held_from <= bracket.held <= held_to
    assert (bracket.broke - bracket.held) / bracket.held <= 0.05
    assert len(set(tried)) == len(tried) <= 15


def test_a_rate_is_not_tried_twice_because_it_has_three_digits_only():
    """Nothing lies between 100 and 101, however precise an answer is wanted."""
    bracket = Bracket(Search(100, 20.0, 5.0, 1.5, 0.001))
    for rate, held in ((100.0, True), (101.0, False)):
        bracket.learn(rate, held)
    assert bracket.next_rate() is None


def test_a_target_that_holds_nothing_has_no_capacity():
    """The search goes down to one request per second and gives up."""
    bracket = Bracket(Search(50, 20.0, 5.0, 1.5, 0.05))
    while (rate := bracket.next_rate()) is not None:
        bracket.learn(rate, False)
    assert bracket.held is None
    assert bracket.broke < 1.5


def _play_search(tmp_path, capacity, duration_s=400.0, waiting=lambda _: 0, logged_in=lambda _: 10):
    """A search against a target that answers in time up to ``capacity``.

    ``waiting`` tells how many arrivals wait for a user at a second of the run, ``logged_in`` how many of the ten users
    have a token.
    """
    flags = {"test_type": "capacity", "duration": f"{duration_s:g}s", "users": 10}
    plan = plan_of("latency_p95_ms <= 200", flags=flags)
    plan = breaking(plan)
    clock, told = FakeClock(START_S), []
    course = course_in(tmp_path, plan, clock, lambda kind, data, client: told.append((kind, data)))
    course.crew.join("a")
    search = next(watcher for watcher in watchers_of(course) if isinstance(watcher, RateSearch))
    for tick in range(int(duration_s * 2)):
        clock.epoch_s = START_S + tick / 2
        if tick % 2 == 0:
            rate = _rate_at(told, tick / 2 - 1)
            slow = rate > capacity
            counts = arrival_counts()
            counts["scheduled"] += waiting(tick // 2)
            told_too = {"arrivals": counts, "users": 10, "logged_in": logged_in(tick // 2)}
            if rate:
                window = window_at(tick // 2 - 1, int(min(rate, capacity)), latency_s=1.0 if slow else 0.05)
                course.take_report(course.crew.get("a"), report_of(window, **told_too))
            else:
                course.take_report(course.crew.get("a"), report_of(**told_too))
        search.look(course)
        if course.ended_by:
            break
    return course


def _rate_at(told, elapsed_s):
    rates = [data["rate"] for kind, data in told if kind == RATE and data["from_s"] <= elapsed_s]
    return rates[-1] if rates else 0.0


def test_a_search_offers_judges_and_tells(tmp_path):
    """The rate that holds is found from the reports; each step has its phase, and says what broke it."""
    course = _play_search(tmp_path, 100)
    assert course.ended_by == "search"
    assert 95 <= course.search["held_rps"] <= 100
    assert course.search["broke_rps"] / course.search["held_rps"] <= 1.05
    broken = [step for step in course.search["steps"] if not step["held"]]
    assert any("latency_p95_ms <= 200" in text for text in broken[0]["broke"])
    names = [phase.name for phase in course.phases.until(course.elapsed_s)]
    assert "rate-50" in names
    assert "pause-3" in names
    assert all(step["to_s"] > step["from_s"] for step in course.search["steps"])


def test_a_search_that_runs_out_of_time_says_what_it_knows(tmp_path):
    """No step is begun that could not be judged."""
    course = _play_search(tmp_path, 1e9, duration_s=60.0)
    assert course.ended_by == "search"
    assert course.search["held_rps"] is not None
    assert course.search["broke_rps"] is None
    assert course.elapsed_s <= 60


def _longest_gap_s(course):
    """Between the end of a step and the begin of the next."""
    steps = course.search["steps"]
    return max(later["from_s"] - earlier["to_s"] for earlier, later in pairwise(steps))


def test_a_search_pauses_until_a_backlog_is_worked_off(tmp_path):
    """A stall of the target leaves arrivals waiting; the next rate is not offered on top of them."""
    course = _play_search(tmp_path, 100, waiting=lambda second: 7 if 20 <= second < 35 else 0)
    assert course.ended_by == "search"
    first, second = course.search["steps"][:2]
    assert first["held"]
    assert first["to_s"] < 35 <= second["from_s"]
    assert 95 <= course.search["held_rps"] <= 100


def test_arrivals_that_nobody_ever_takes_do_not_hold_a_search_up(tmp_path):
    """The counts of a worker that was lost in a stall never come to rest; every step still comes to an end."""
    course = _play_search(tmp_path, 100, waiting=lambda second: 7 if second >= 25 else 0)
    assert course.ended_by == "search"
    assert 95 <= course.search["held_rps"] <= 100
    step_s = course.plan.search.step_s
    assert _longest_gap_s(course) <= 2 * step_s
    assert any(phase.name.startswith("pause") for phase in course.phases.until(60.0))


def test_a_search_waits_for_users_who_still_log_in(tmp_path):
    """Logins that queue at a slow target are not the load of the first step."""
    course = _play_search(tmp_path, 100, logged_in=lambda second: min(10, second // 4))
    assert course.search["steps"][0]["from_s"] >= 40
    assert 95 <= course.search["held_rps"] <= 100
    assert [phase.name for phase in course.phases.until(60.0) if not phase.hold][-1].startswith("pause")


def test_users_who_are_never_let_in_do_not_hold_a_search_up(tmp_path):
    """A third of the run is the most that is waited."""
    course = _play_search(tmp_path, 100, logged_in=lambda _: 3)
    assert 400 / 3 <= course.search["steps"][0]["from_s"] <= 400 / 3 + 20
    assert course.search["held_rps"] is not None


def _play_thresholds(tmp_path, plan, latency_s, seconds=60):
    clock = FakeClock(START_S)
    course = course_in(tmp_path, plan, clock)
    watchers = watchers_of(course)
    member = course.crew.join("a")
    for second in range(seconds):
        clock.epoch_s = START_S + second + 1
        window = window_at(second, 5, latency_s=latency_s, phase=plan.phase_at(second))
        course.take_report(member, report_of(window))
        course.settle()
        for watcher in watchers:
            watcher.look(course)
        if course.ended_by:
            return course, second
    return course, None


def test_an_abort_threshold_ends_the_run_after_its_delay(tmp_path):
    """Not before the delay, soon after it; run.json says which expression and when."""
    text = "latency_p95_ms <= 100 over 5s for 2 abort after 20s"
    plan = plan_of(text, flags={"duration": "60s"})
    course, second = _play_thresholds(tmp_path, plan, 0.5)
    assert course.ended_by == "abort"
    assert 19 <= second <= 32
    assert course.abort == {"expression": text, "at_s": pytest.approx(second + 1)}


def test_a_threshold_that_holds_ends_nothing(tmp_path):
    """The same run, quick enough, goes on."""
    plan = plan_of("latency_p95_ms <= 100 over 5s for 2 abort", flags={"duration": "60s"})
    assert _play_thresholds(tmp_path, plan, 0.05)[0].ended_by is None


def test_thresholds_without_abort_are_not_watched(tmp_path):
    """They are judged afterwards."""
    assert not [
        w for w in watchers_of(course_in(tmp_path, plan_of("latency_p95_ms <= 1"))) if isinstance(w, ThresholdWatch)
    ]


def test_a_stress_test_ends_once_it_has_shown_the_break(tmp_path):
    """Three windows running beyond what says where it broke."""
    plan = breaking(plan_of("latency_p95_ms <= 100", flags={"test_type": "stress", "users": 50, "duration": "120s"}))
    course, second = _play_thresholds(tmp_path, plan, 0.5, 120)
    assert course.ended_by == "broken"
    assert course.abort is None
    assert second < 60

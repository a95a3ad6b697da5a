"""From samples to windows, from windows to files and to Locust's statistics: nothing lost, nothing twice."""

from __future__ import annotations

import csv
import json
from types import SimpleNamespace

import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust
from course_fixture import FakeClock, lines, plan_of, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.stats import PERCENTILES_TO_REPORT, RequestStats

from acgs_load.contract import Outcome, Violation
from acgs_load.health import HealthRow
from acgs_load.histogram import Histogram
from acgs_load.run_folder import RunFolder
from acgs_load.sample_pages import rows_of
from acgs_load.samples import Window, WindowKey
from acgs_load.traffic.clock import Clock, Skew
from acgs_load.traffic.engine.csv_files import CompleteCsvFiles
from acgs_load.traffic.engine.locust_feed import LocustFeed, digits_ms, nearest_rank_ms
from acgs_load.traffic.master.telemetry import SETTLING_S, Telemetry, to_rows
from acgs_load.traffic.phases import PhaseBook
from acgs_load.traffic.worker.recorder import EXAMPLES_MAX, WindowRecorder

START_S = 1_000_100.0


def _recorder(clock=None):
    """A recorder of a run that began at counter 100: a ramp of 1.33 s, a hold up to 4 s."""
    return WindowRecorder(clock or FakeClock(START_S + 50), PhaseBook.of(plan_of()), "eu", START_S)


def test_samples_fold_into_the_second_they_are_done_in_and_the_phase_they_were_due_in():
    """Sent in the ramp and done in the hold: second of the answer, phase of the due time."""
    recorder = _recorder()
    recorder.record(sample(sent_s=101.2, latency_s=0.9))
    recorder.record(sample(sent_s=101.9, latency_s=0.01))
    recorder.record(sample(due_s=100.5, sent_s=103.0, latency_s=0.01))
    recorder.record(sample(sent_s=104.5, latency_s=0.01))
    found = {(key.second - int(START_S), key.phase): window.samples for key, window in recorder.take()}
    assert found == {(2, "ramp"): 1, (1, "hold"): 1, (3, "ramp"): 1, (4, "stop"): 1}
    assert recorder.samples == 4


def test_only_seconds_that_are_over_are_taken_unless_everything_is_asked_for():
    """The second that is still going on stays until it is over, or the run is."""
    clock = FakeClock(START_S + 1.5)
    recorder = _recorder(clock)
    for sent_s in (100.1, 101.1):
        recorder.record(sample(sent_s=sent_s))
    recorder.skip("policy_get", "policy")
    assert sum(window.samples for _, window in recorder.take()) == 1
    assert recorder.take() == []
    rest = recorder.take(everything=True)
    assert sum(window.samples for _, window in rest) == 1
    assert sum(window.skipped for _, window in rest) == 1


def test_examples_are_few_of_each_kind_and_short():
    """Five of each (kind, operation, status), 300 characters at most."""
    recorder = _recorder()
    for number in range(20):
        recorder.example("lost_write", "policy_get", f"{number} " + "x" * 1000, 404)
        recorder.example("timeout", "policy_get", "slow")
        recorder.example("http_error", "policy_get", "overloaded", 500 + number % 2)
    rows = recorder.take_examples()
    assert len(rows) == 4 * EXAMPLES_MAX
    assert max(len(row["text"]) for row in rows) == 300
    assert rows[0].keys() == {"kind", "operation", "status", "second", "region", "text"}
    assert [row["status"] for row in rows[:3]] == [404, 0, 500]
    assert recorder.take_examples() == []


@pytest.mark.parametrize(
    ("value_us", "expected_ms"),
    [(0, 0), (1, 0.001), (345, 0.345), (1_234, 1.23), (12_345, 12.3), (99_960, 100), (2_049_000, 2050), (-3, 0)],
)
def test_three_digits(value_us, expected_ms):
    """Locust would have made 2,000 of 2,049."""
    assert digits_ms(value_us) == pytest.approx(expected_ms)


def _mixed_recorder():
    recorder = _recorder()
    for number in range(200):
        recorder.record(sample(sent_s=100 + number / 100, latency_s=0.001 * (number + 1)))
    for outcome in (Outcome.TIMEOUT, Outcome.THROTTLED, Outcome.CONNECTION_ERROR, Outcome.HTTP_ERROR):
        recorder.record(sample("policy_create", outcome, sent_s=101.0))
    wrong = (Violation.ISOLATION_BREACH, Violation.HASH_WRONG)
    recorder.record(sample("tenant_data_access", Outcome.FAILED_CHECK, 101.0, violations=wrong, scenario="tenant"))
    recorder.record(sample("auth_login", sent_s=100.0, scenario=""))
    return recorder


def test_locust_counts_what_the_windows_count():
    """Requests, failures by label, exact average and extremes; refusals have no response time."""
    recorder, stats = _mixed_recorder(), RequestStats()
    batch = recorder.take()
    LocustFeed(stats, {"policy_get": "HEAD /other"}).feed(batch, recorder.take_labels())
    assert stats.total.num_requests == sum(window.samples for _, window in batch) == 206
    assert stats.total.num_failures == 5
    assert stats.total.num_none_requests == 2
    entry = stats.entries["policy_get", "HEAD"]
    assert (entry.num_requests, entry.min_response_time, entry.max_response_time) == (200, 1.0, 200.0)
    assert entry.avg_response_time == pytest.approx(100.5)
    assert entry.get_response_time_percentile(0.95) == pytest.approx(191, rel=0.01)
    assert sum(entry.num_reqs_per_sec.values()) == 200
    assert ("auth_login", "POST") in stats.entries
    errors = sorted((error.name, error.error, error.occurrences) for error in stats.errors.values())
    assert errors == [
        ("policy_create", "connection_error", 1),
        ("policy_create", "http_error", 1),
        ("policy_create", "throttled", 1),
        ("policy_create", "timeout", 1),
        ("tenant_data_access", "isolation_breach", 1),
    ]


def test_locusts_counts_by_second_do_not_grow_with_the_run():
    """Only the last minutes are kept; the current rate, which is read from them, stays right, and so do the sums."""
    stats = RequestStats()
    feed = LocustFeed(stats, {})
    stats.total.start_time = 1.0
    for second in range(1, 2001):
        window = Window()
        for _ in range(3):
            window.add(sample(outcome=Outcome.HTTP_ERROR, sent_s=float(second)), float(second))
        feed.feed([(WindowKey(second, "eu", "policy", "policy_get", "hold"), window)], {})
    entry = stats.entries["policy_get", "GET"]
    for counts in (entry.num_reqs_per_sec, entry.num_fail_per_sec, stats.total.num_reqs_per_sec):
        assert 60 <= len(counts) <= 121
    assert (entry.num_requests, entry.current_rps, stats.total.current_rps) == (6000, 3, 3)


@given(st.lists(st.integers(1, 5_000_000), min_size=1, max_size=200), st.sampled_from(PERCENTILES_TO_REPORT))
@settings(max_examples=200)
def test_locusts_percentiles_are_ours(latencies_us, quantile):
    """The same rank of the same buckets, so no more than half a bucket lies between them: half a per cent at most."""
    window, stats = Window(), RequestStats()
    for latency_us in latencies_us:
        window.add(sample(latency_s=latency_us / 1e6), 1.0)
    LocustFeed(stats, {}).feed([(WindowKey(1, "eu", "policy", "policy_get", "hold"), window)], {})
    times, ours_us = stats.total.response_times, Histogram.of(latencies_us).percentile_us(quantile)
    found_ms = nearest_rank_ms(times, len(latencies_us), quantile)
    assert found_ms == pytest.approx(ours_us / 1e3, rel=0.0046)
    assert nearest_rank_ms({}, 0, quantile) == 0


def test_locust_is_fed_the_latency_that_is_judged():
    """Open load: from due, not from send."""
    recorder, stats = _recorder(), RequestStats()
    recorder.record(sample(due_s=100.0, sent_s=102.0, latency_s=0.01))
    LocustFeed(stats, {}).feed(recorder.take(), {})
    assert stats.total.max_response_time == pytest.approx(2010)


def _windows(folder):
    return [row for line in lines(folder.windows) for row in rows_of(json.loads(line))]


def test_windows_of_several_workers_merge_and_settle(tmp_path):
    """Two workers of a region become one line; a second is written once it is old enough; what is late comes after."""
    folder, recorders = RunFolder(tmp_path), [_recorder(), _recorder()]
    telemetry = Telemetry(folder)
    for recorder in recorders:
        recorder.record(sample(sent_s=100.0))
        assert telemetry.windows(to_rows(recorder.take())) == 1
    second = int(START_S)
    assert telemetry.settle(second + SETTLING_S) == []
    assert [key.second for key, _ in telemetry.settle(second + SETTLING_S + 1)] == [second]
    late = _recorder()
    late.record(sample(sent_s=100.1))
    telemetry.windows(to_rows(late.take()))
    telemetry.close()
    written = _windows(folder)
    assert [row["samples"] for row in written] == [2, 1]
    assert {row["second"] for row in written} == {second}
    assert set(WindowKey._fields) <= set(written[0])
    assert Histogram.from_wire(written[0]["service"]).total == 2


def test_nothing_that_arrived_is_left_unwritten(tmp_path):
    """Closing writes what has not settled."""
    folder, recorder = RunFolder(tmp_path), _mixed_recorder()
    telemetry = Telemetry(folder)
    telemetry.windows(to_rows(recorder.take()))
    telemetry.close()
    assert sum(row.get("samples", 0) for row in _windows(folder)) == recorder.samples


@pytest.mark.parametrize("row", [[1, "eu", "policy"], [1, "eu", "policy", "policy_get", "hold", {"samples": 3}]])
def test_what_is_no_window_is_refused(tmp_path, row):
    """A stranger on the port, or a worker of another version, does not pass for a measurement."""
    with pytest.raises((ValueError, KeyError)):
        Telemetry(RunFolder(tmp_path)).windows([row])


def test_examples_and_health_are_written_as_the_reader_expects(tmp_path):
    """At most five of each kind over all workers; generators.csv begins with the fields of a HealthRow."""
    folder = RunFolder(tmp_path)
    telemetry = Telemetry(folder)
    for _ in range(3):
        recorder = _recorder()
        for _ in range(3):
            recorder.example("lost_write", "policy_get", "gone", 404)
        telemetry.examples(recorder.take_examples())
    health = HealthRow(1, "worker-0", "eu", 0.5, 1000, 1.5, 30, 10, 0, 0)
    telemetry.health([health])
    telemetry.close()
    assert len(lines(folder.violations)) == EXAMPLES_MAX
    header, row = lines(folder.generators)
    assert header.split(",") == list(HealthRow._fields)
    assert row.split(",") == [str(value) for value in health]


def test_locusts_csv_files_are_complete_in_the_end(tmp_path):
    """Every request and failure is in them, though Locust's own loop has not come round again."""
    stats, recorder = RequestStats(), _mixed_recorder()
    runner = SimpleNamespace(state="running", user_count=3, exceptions={})
    files = CompleteCsvFiles(SimpleNamespace(stats=stats, runner=runner), PERCENTILES_TO_REPORT, f"{tmp_path}/s", True)
    LocustFeed(stats, {}).feed(recorder.take(), recorder.take_labels())
    files.complete()
    files._stats_history_data_rows(files.stats_history_csv_writer, 1e9)
    files.close()
    assert files not in CompleteCsvFiles.open_files
    tables = {
        name: list(csv.DictReader((tmp_path / f"s_{name}.csv").open()))
        for name in ("stats", "failures", "stats_history")
    }
    assert tables["stats"][-1]["Name"] == "Aggregated"
    assert tables["stats"][-1]["Request Count"] == "206"
    assert sum(int(row["Request Count"]) for row in tables["stats"][:-1]) == 206
    assert sum(int(row["Occurrences"]) for row in tables["failures"]) == 5
    assert tables["stats_history"][-1]["Total Request Count"] == "206"
    assert len({row["Timestamp"] for row in tables["stats_history"]}) == 1, "nothing is added after the end"


def test_a_step_of_the_wall_clock_bends_nothing():
    """The epoch is read once; then only the monotonic clock counts."""
    wall, counter = [1_000.0], [5.0]
    clock = Clock(lambda: wall[0], lambda: counter[0])
    wall[0], counter[0] = 9_999.0, 8.0
    assert clock.now_s() == 1_003.0
    assert clock.counter_at(1_003.0) == 8.0


@pytest.mark.parametrize(("skew_s", "corrected_s"), [(0.09, 0.0), (-0.09, 0.0), (0.5, 0.5), (-30.0, -30.0)])
def test_a_skew_is_followed_where_it_is_worth_it(skew_s, corrected_s):
    """Less than a tenth of a second is within what its measurement may be wrong by."""
    clock = Clock(lambda: 1_000.0, lambda: 0.0)
    clock.follow(skew_s)
    assert clock.now_s() == pytest.approx(1_000.0 + corrected_s)
    assert clock.corrected_s == corrected_s


def test_the_quickest_round_trip_tells_the_skew():
    """Slow trips, and trips that end before they begin, teach nothing."""
    skew = Skew()
    skew.trip(100.0, 107.0, 104.0)
    assert skew.skew_s == 5.0
    skew.trip(200.0, 203.01, 200.02)
    assert skew.skew_s == pytest.approx(3.0)
    skew.trip(300.0, 309.0, 301.0)
    skew.trip(300.0, 309.0, 299.0)
    assert skew.skew_s == pytest.approx(3.0)

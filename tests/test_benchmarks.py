"""The arithmetic behind the benchmarks' figures."""

import pytest

from acgs_load.errors import GeneratorError
from benchmarks.added import Pair, paired
from benchmarks.endurance import _by_minute, _sizes, _trend
from benchmarks.exactness import Served, buckets_off, error, open_by_log_s, open_by_schedule_s, percentiles_ms
from benchmarks.generators import Generator, Told
from benchmarks.known_latencies import QUIET, Stalls, answer_s, service_times_s
from benchmarks.rounds import Measured, alternating, ratio
from benchmarks.table import Bar
from benchmarks.workers import Round

STALLS = Stalls(100.0, first_s=4.0, period_s=10.0, length_s=1.0)


@pytest.mark.parametrize(
    ("arrived_s", "service_s", "answered_s"),
    [(101.0, 0.5, 101.5), (103.8, 0.5, 105.0), (104.2, 0.5, 105.5), (105.0, 0.5, 105.5), (114.999, 0.1, 115.1)],
)
def test_a_standing_target_neither_begins_nor_answers(arrived_s, service_s, answered_s):
    """What falls into a stall waits for its end."""
    assert answer_s(arrived_s, service_s, STALLS) == pytest.approx(answered_s)
    assert answer_s(arrived_s, service_s, QUIET) == arrived_s + service_s


@pytest.mark.parametrize(
    ("told_ms", "off"), [(500.0, 0.0), (500.5, 0.0), (501.0, 0.0), (505.01, 0.008), (495.0, -0.01)]
)
def test_an_error_counts_from_the_neighbours_of_the_percentile(told_ms, off):
    """The median of 1 … 1,000 ms is anything from 500 to 501."""
    ordered_s = [number / 1e3 for number in range(1, 1001)]
    assert error(told_ms, ordered_s, 0.5) == pytest.approx(off, abs=1e-4)
    assert percentiles_ms(ordered_s) == pytest.approx([500, 900, 990, 999])


def test_buckets_are_those_of_the_histogram():
    """Two values of one bucket are none apart."""
    assert [buckets_off(told, 40.0) for told in (40.01, 40.3, 41.0)] == [0, 1, 4]


def test_latency_in_open_load_counts_from_the_schedule():
    """Due times that are not the schedule's are refused."""
    log = [Served(10.02, 10.05, "due=10.01"), Served(10.03, 10.04, "due=10.02")]
    assert open_by_log_s(log, started_s=10.0, rate=100.0) == pytest.approx([0.02, 0.04])
    with pytest.raises(GeneratorError, match="1 of 2 due times"):
        open_by_log_s([log[0], Served(10.03, 10.04, "due=10.025")], started_s=10.0, rate=100.0)


def test_what_was_never_sent_counts_too():
    """The exact percentiles of a schedule do not depend on what a generator made of it."""
    quiet_s = open_by_schedule_s([Served(50.0, 50.1, "")], 2.0, 10.0, QUIET)
    assert quiet_s == pytest.approx(sorted(service_times_s()[:20]))


def measured(per_cpu_s):
    """A second of CPU."""
    return Measured(per_cpu_s, 1.0, 1.0, 0)


def test_a_ratio_is_formed_within_rounds():
    """Rounds in which only one took part say nothing; those who never met have no ratio."""
    results = {
        "a": {0: measured(30), 1: measured(80), 2: measured(10)},
        "b": {0: measured(10), 2: measured(2)},
        "c": {},
    }
    assert ratio(results, "a", "b") == 4.0
    assert ratio(results, "a", "c") is None
    assert ratio(results, "a", "absent") is None


def test_rounds_alternate():
    """Every second round runs backwards, and some take part in fewer."""
    asked = []

    def measure(generator):
        asked.append(generator.name)
        return measured(1)

    everybody = [Generator(name, lambda *_: [], lambda *_: Told(0, 0), every) for name, every in (("a", 1), ("b", 2))]
    alternating(everybody, 3, measure)
    assert asked == ["a", "b", "a", "a", "b"]


@pytest.mark.parametrize(
    ("figure", "side", "reached"),
    [(6.0, "at least", True), (5.9, "at least", False), (6.1, "at most", False), (6.0, "at most", True)],
)
def test_a_bar_is_reached_on_its_side(figure, side, reached):
    """And by no figure neither reached nor missed."""
    assert Bar("x", figure, 6.0, side).reached is reached
    assert Bar("x", None, 6.0, side).reached is None


def test_our_account_and_the_gateways_meet_by_the_due_time(tmp_path):
    """Other requests of the log are none of ours; one that only one side knows is an error, not left out."""
    log, times = tmp_path / "log", tmp_path / "times"
    log.write_text("1.0 1.0 0.5 200 auth_login POST /login\n1.0 1.0 0.002 200 verify GET /verify?due=7.25\n")
    times.write_text("7.25,7.5,7.503\n")
    assert paired(times, log) == [Pair(pytest.approx(0.003), 0.002)]
    times.write_text("7.25,7.5,7.503\n7.26,7.5,7.503\n")
    with pytest.raises(GeneratorError, match="1 of 2 requests"):
        paired(times, log)


def test_two_are_held_against_the_mean_of_one():
    """Whichever core is the slower one."""
    assert Round((90.0, 110.0), 190.0).ratio == 1.9


def test_a_trend_is_that_of_the_minutes():
    """Six units an hour, in spite of a second that stands out; and none where nothing rises."""
    rising = [(second, 100 + 6 * second / 3600 + (50 if second == 301 else 0)) for second in range(1200)]
    trend = _trend("x", _by_minute(rising))
    assert trend.per_hour == pytest.approx(6, rel=0.05)
    assert trend.rise_per_hour == trend.per_hour
    flat = _trend("x", _by_minute([(second, 100 + second % 7) for second in range(1200)]))
    assert flat.per_hour == pytest.approx(0, abs=0.2)
    assert flat.rise_per_hour == 0


def test_files_that_grow_are_reckoned_to_a_day(tmp_path):
    """Half an hour of 2 MB is 96 MB a day; small files and reports do not grow with the run."""
    (tmp_path / "spools").mkdir()
    for name, size in {
        "windows.jsonl": 2_000_000,
        "spools/a.jsonl": 300_000,
        "b.csv": 10,
        "report.html": 900_000,
    }.items():
        (tmp_path / name).write_bytes(bytes(size))
    assert _sizes(tmp_path, 1800.0) == {
        "windows.jsonl": (2_000_000, 96_000_000),
        "spools/a.jsonl": (300_000, 14_400_000),
    }

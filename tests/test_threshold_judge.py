"""What becomes of a threshold: pass, fail or not measured, over the right stretch and from enough windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timelines import HOLD, START_S, put, steady

from acgs_load.contract import Outcome, Violation
from acgs_load.measures import EXACT_ONE, MEASURES, Measure
from acgs_load.thresholds import Finding, Row, baseline_of, judge, judge_between, parse
from acgs_load.timeline import Phase, Timeline


def judged(text: str, timeline: Timeline, machine: dict[str, Measure] | None = None, baseline=None) -> Finding:
    """The finding of one expression."""
    return judge(parse(text), timeline, machine or {}, baseline)


def errors(by_second: str) -> Timeline:
    """A hold of as many 10 s windows as letters: ``.`` all well, ``x`` all errors, ``-`` nothing at all."""
    timeline = Timeline(START_S, [Phase("hold", 0.0, 10.0 * len(by_second), True)])
    for place, letter in enumerate(by_second):
        if letter != "-":
            put(timeline, place * 10 + 3, 10, outcome=Outcome.HTTP_ERROR if letter == "x" else Outcome.OK)
    return timeline


def test_a_finding_says_everything():
    """Value, limit, unit, samples and margin."""
    found = judged("latency_p95_ms <= 20", steady(range(60), latency_ms=15.0))
    assert (found.state, found.limit, found.unit, found.samples) == ("pass", 20, "ms", 500)
    assert found.value == pytest.approx(15, rel=0.004)
    assert found.margin == pytest.approx(0.25, abs=0.01)
    assert found.reason is None
    assert found.threshold.expression == "latency_p95_ms <= 20"


def test_latency_and_throughput_speak_of_the_hold_phases():
    """A slow ramp does not count; ``during ramp`` asks for it."""
    timeline = steady(range(10, 60), latency_ms=10.0)
    for second in range(10):
        put(timeline, second, 100, phase="ramp", latency_ms=900.0)
    assert judged("latency_p95_ms <= 20", timeline).state == "pass"
    assert judged("latency_p95_ms <= 20 during ramp", timeline).state == "fail"
    assert judged("throughput_rps = 10", timeline).state == "pass"
    assert judged("throughput_rps = 100 during ramp", timeline).state == "pass"


def test_errors_and_the_exact_measures_speak_of_the_whole_run():
    """A breach in the ramp fails, and ``during hold`` looks past it."""
    timeline = steady(range(60))
    put(timeline, 3, 1, phase="ramp", violations=(Violation.STALE_READ,))
    assert judged("read_consistency = 1", timeline).state == "fail"
    assert judged("read_consistency = 1 during hold", timeline).state == "pass"
    put(timeline, 3, 100, phase="ramp", outcome=Outcome.HTTP_ERROR)
    assert judged("error_ratio <= 0.01", timeline).state == "fail"
    assert judged("error_ratio <= 0.01 during hold", timeline).state == "pass"


def test_labels_select():
    """Only the named operation, scenario or region is judged."""
    timeline = steady(range(60), latency_ms=5.0)
    for second in range(10, 60):
        put(timeline, second, 1, operation="audit_create", region="eu", latency_ms=500.0)
    assert judged("latency_max_ms <= 10", timeline).state == "fail"
    assert judged('latency_max_ms{operation="policy_get"} <= 10', timeline).state == "pass"
    assert judged('latency_max_ms{scenario="integrity"} <= 10', timeline).state == "fail"
    assert judged('latency_max_ms{region="local"} <= 10', timeline).state == "pass"
    assert judged('latency_max_ms{region="local", scenario="integrity"} <= 10', timeline).state == "not_measured"


@pytest.mark.parametrize("name", [name for name, kind in MEASURES.items() if name != "throughput_rps"])
@pytest.mark.parametrize("op", ["<=", ">=", "<", ">", "="])
def test_what_was_not_measured_never_passes(name, op):
    """No measure, whatever is demanded of it, passes on an empty run; a dead target has a throughput of 0."""
    found = judged(f"{name} {op} 0", Timeline(START_S, HOLD))
    assert (found.state, found.value, found.margin, found.samples) == ("not_measured", None, None, 0)
    assert found.reason


def test_a_dead_target_fails_its_throughput():
    """The seconds were there, the answers were not."""
    timeline = steady(range(10, 60), outcome=Outcome.TIMEOUT)
    found = judged("throughput_rps >= 10", timeline)
    assert (found.state, found.value) == ("fail", 0.0)


@pytest.mark.parametrize("name", EXACT_ONE)
def test_exactly_one_means_exactly(name):
    """0.9999999 is not 1."""
    nearly = {name: Measure(1 - 1e-9, "ratio", 10**9, "locust csv")}
    assert judged(f"{name} = 1", Timeline(START_S, ()), nearly).state == "fail"
    assert judged(f"{name} = 1", Timeline(START_S, ()), {name: Measure(1.0, "ratio", 5, "x")}).state == "pass"


def test_machines_are_asked_for_what_windows_do_not_tell():
    """CPU comes from the given measures; what nobody measured is not measured."""
    machine = {"target_cpu": Measure(0.7, "ratio", 60, "process tree"), "target_memory": Measure(None, "ratio", 0, "")}
    timeline = steady(range(60))
    found = judged("target_cpu <= 0.8", timeline, machine)
    assert (found.state, found.value, found.samples) == ("pass", 0.7, 60)
    assert judged("target_cpu <= 0.6", timeline, machine).state == "fail"
    assert judged("target_memory <= 0.6", timeline, machine).state == "not_measured"
    assert judged("workers_lost = 0", timeline, machine).state == "not_measured"


def test_windows_beat_what_machines_say_of_the_same_measure():
    """Where there are windows, they are the source; without any, a plain CSV may be, but not for a label."""
    csv = {"latency_p95_ms": Measure(7.0, "ms", 10, "locust csv")}
    assert judged("latency_p95_ms <= 8", steady(range(60), latency_ms=20.0), csv).state == "fail"
    empty = Timeline(START_S, ())
    assert judged("latency_p95_ms <= 8", empty, csv).state == "pass"
    assert judged('latency_p95_ms{operation="policy_get"} <= 8', empty, csv).state == "not_measured"
    assert judged("latency_p95_ms <= 8 during hold", empty, csv).state == "not_measured"
    assert judged("latency_p95_ms <= 8 over 10s", empty, csv).state == "not_measured"


ROWS = [
    ("......", 3, "pass", None),
    ("..xx..", 3, "pass", None),
    (".xxx..", 3, "fail", 10),
    ("xxxxxx", 3, "fail", 0),
    ("...xxx", 3, "fail", 30),
    ("xx.xx.xx", 3, "pass", None),
    ("xx-x.", 3, "not_measured", None),  # no three in a row have a value
    ("xx-x..", 3, "pass", None),
    ("xx-xxx", 3, "fail", 30),
    ("------", 3, "not_measured", None),
    ("x", 1, "fail", 0),
    ("..x", 1, "fail", 20),
    ("-.-", 1, "pass", None),
    ("..", 3, "not_measured", None),  # too short a run to be judged never reads as passed
    ("xx", 3, "not_measured", None),
]


@pytest.mark.parametrize(("by_window", "count", "state", "first_breach_s"), ROWS)
def test_windows_in_a_row(by_window, count, state, first_breach_s):
    """It fails where ``count`` windows in a row fail; one without a value ends the row."""
    found = judged(f"error_ratio <= 0.5 over 10s for {count}", errors(by_window))
    assert (found.state, found.first_breach_s) == (state, first_breach_s)
    if state != "not_measured":
        assert found.value is not None
        assert (found.value <= 0.5) is (state == "pass")


@given(st.text(alphabet=".x-", min_size=1, max_size=12), st.integers(1, 4))
def test_windows_in_a_row_against_a_plain_reading(by_window, count):
    """The same as looking for the row in the text."""
    found = judged(f"error_ratio <= 0.5 over 10s for {count}", errors(by_window))
    if "x" * count in by_window:
        assert (found.state, found.first_breach_s) == ("fail", by_window.index("x" * count) * 10)
    elif any(len(row) >= count for row in by_window.split("-")):
        assert found.state == "pass"
    else:
        assert found.state == "not_measured"


def test_the_value_of_windows_is_what_decided():
    """The row that went furthest beyond, by the best of its windows; so value and verdict never contradict."""
    timeline = Timeline(START_S, [Phase("hold", 0.0, 50.0, True)])
    for place, latency_ms in enumerate((10.0, 70.0, 80.0, 90.0, 20.0)):
        put(timeline, place * 10 + 5, 10, latency_ms=latency_ms)
    found = judged("latency_max_ms <= 50 over 10s for 3", timeline)
    assert (found.state, found.value, found.first_breach_s, found.samples) == ("fail", 70.0, 10, 50)
    assert found.margin == pytest.approx(-0.4)
    found = judged("latency_max_ms <= 75 over 10s for 3", timeline)
    assert (found.state, found.value) == ("pass", 70.0)
    assert judged("latency_max_ms >= 15 over 10s for 2", timeline).state == "pass"
    assert judged("latency_max_ms >= 15 over 10s", timeline).state == "fail"


def test_windows_of_latency_stay_within_the_hold():
    """A slow second just before it, or just after, is in no window."""
    timeline = steady(range(10, 60), latency_ms=5.0)
    put(timeline, 9, 100, phase="ramp", latency_ms=900.0)
    put(timeline, 60, 100, phase="hold", latency_ms=900.0)
    assert judged("latency_max_ms <= 10 over 10s", timeline).state == "pass"
    assert judged("latency_max_ms <= 10", timeline).state == "fail"


def test_silent_windows_fail_a_throughput():
    """A target that dies in the middle has windows of 0, also at the very end."""
    found = judged("throughput_rps >= 5 over 10s for 2", steady(range(10, 40)))
    assert (found.state, found.first_breach_s, found.value) == ("fail", 40, 0.0)


def test_relative_to_a_baseline():
    """The limit is the factor times what the baseline measured of the same subject, over the same stretch."""
    before = baseline_of(steady(range(60), latency_ms=100.0), {"target_cpu": Measure(0.5, "ratio", 9, "x")})
    now = steady(range(60), latency_ms=108.0)
    found = judged("latency_avg_ms <= 1.10 * baseline", now, baseline=before)
    assert (found.state, found.limit) == ("pass", pytest.approx(110))
    assert judged("latency_avg_ms <= 1.05 * baseline", now, baseline=before).state == "fail"
    assert judged("latency_avg_ms <= baseline * 1.05 over 10s", now, baseline=before).state == "fail"
    assert judged("throughput_rps >= baseline", now, baseline=before).state == "pass"
    cpu = {"target_cpu": Measure(0.6, "ratio", 9, "x")}
    assert judged("target_cpu <= 1.1 * baseline", now, cpu, before).state == "fail"


def test_a_baseline_without_the_value_is_not_measured():
    """Absent baseline, absent phase, absent operation: none reads as passed."""
    now, before = steady(range(60)), baseline_of(steady(range(60)), {})
    for text, baseline in (
        ("latency_avg_ms <= 2 * baseline", None),
        ("latency_avg_ms <= 2 * baseline during peak", before),
        ('latency_avg_ms{operation="audit_create"} <= 2 * baseline', before),
        ("target_cpu <= 2 * baseline", before),
    ):
        found = judged(text, now, baseline=baseline)
        assert (found.state, found.limit) == ("not_measured", None)
        assert "baseline" in (found.reason or "")


def test_a_step_of_a_search_is_judged_by_its_seconds():
    """Labels count, phases and windows do not; machines and baselines are for later."""
    timeline = steady(range(60), latency_ms=5.0)
    put(timeline, 30, 1, latency_ms=400.0)
    start = int(START_S)
    assert judge_between(parse("latency_max_ms <= 10 during ramp"), timeline, start + 20, start + 30).state == "pass"
    assert judge_between(parse("latency_max_ms <= 10 over 5s"), timeline, start + 20, start + 31).state == "fail"
    assert judge_between(parse("throughput_rps >= 10"), timeline, start + 20, start + 30).value == 10
    assert judge_between(parse("target_cpu <= 1"), timeline, start, start + 9).state == "not_measured"
    assert judge_between(parse("resent <= 1 * baseline"), timeline, start, start + 9).state == "not_measured"


def test_a_row_keeps_its_first_breach():
    """Once failed, always failed; later windows do not move where it began."""
    row = Row(parse("error_ratio <= 0.5 over 1s for 2"), 0.5)
    for at, value in enumerate([0.6, 0.7, 0.1, 0.9, 0.9, None, 0.0]):
        row.add(float(at), value, 1)
    assert row.failed
    assert (row.first_breach_s, row.value, row.samples) == (0.0, 0.9, 6)

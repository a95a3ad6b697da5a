"""Each measure against its definition in measures.md, with numbers that can be checked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timelines import START_S, put, window

from acgs_load.contract import Outcome, Violation
from acgs_load.measures import MEASURES, Slice, measure, merged
from acgs_load.samples import Window
from acgs_load.timeline import Phase, Timeline

WINDOW_MEASURES = [name for name, kind in MEASURES.items() if kind.read is not None]


def part(*windows: tuple[str, Window], seconds: float = 10.0) -> Slice:
    """A slice of windows by operation."""
    by_operation: dict[str, Window] = {}
    for operation, one in windows:
        by_operation.setdefault(operation, Window()).merge(one)
    return Slice(by_operation, seconds)


def value(name: str, *windows: tuple[str, Window], seconds: float = 10.0) -> float | None:
    """The measure's value."""
    return measure(name, part(*windows, seconds=seconds)).value


def of(operation: str, count: int = 1, **more: object) -> tuple[str, Window]:
    """One operation's window."""
    return operation, window(count, operation=operation, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", WINDOW_MEASURES)
def test_nothing_seen_is_not_measured(name):
    """Every measure of an empty stretch is None with no samples, but for a throughput of nothing in known time."""
    found = measure(name, Slice({}, 0.0))
    assert (found.value, found.samples) == (None, 0)
    assert found.unit == MEASURES[name].unit
    assert found.source == "windows"


def test_no_answer_in_known_time_is_no_throughput():
    """A target that answers nothing for ten seconds has a throughput of 0, which can fail a threshold."""
    assert value("throughput_rps", seconds=10.0) == 0.0


def test_names_end_in_their_unit():
    """ms, rps and s are in the name; ratios and counts say so by their noun."""
    for name, kind in MEASURES.items():
        if kind.unit in {"ms", "rps", "s"}:
            assert name.endswith(f"_{kind.unit}")


def test_machine_measures_are_not_guessed_from_windows():
    """Asking windows for CPU is an error of the caller."""
    for name, kind in MEASURES.items():
        if kind.read is None:
            with pytest.raises(ValueError, match="not told by windows"):
                measure(name, Slice({}, 1.0))
    with pytest.raises(KeyError):
        measure("latency", Slice({}, 1.0))


def test_percentiles_are_nearest_rank_within_the_histograms_error():
    """Of 1 to 100 ms, the 95th is 95 ms; average and maximum are exact."""
    windows = [of("policy_get", latency_ms=float(ms)) for ms in range(1, 101)]
    for name, expected in {"p50": 50, "p75": 75, "p90": 90, "p95": 95, "p99": 99, "p99_9": 100}.items():
        assert value(f"latency_{name}_ms", *windows) == pytest.approx(expected, rel=0.004)
    assert value("latency_avg_ms", *windows) == pytest.approx(50.5)
    assert value("latency_max_ms", *windows) == pytest.approx(100)
    assert measure("latency_p95_ms", part(*windows)).samples == 100


def test_a_second_above_two_thousand_is_not_rounded_down():
    """2,049 ms does not read as 2,000, as it would with two significant digits."""
    found = value("latency_p95_ms", of("policy_get", 10, latency_ms=2049.0))
    assert found == pytest.approx(2049, rel=0.004)
    assert found is not None
    assert found > 2000


def test_open_load_counts_from_when_a_request_was_due():
    """Waiting for a free user is latency; the time from send is kept beside it."""
    waited = window(10, latency_ms=5.0, waited_ms=300.0)
    assert value("latency_p95_ms", ("policy_get", waited)) == pytest.approx(305, rel=0.004)
    assert waited.service.percentile_us(0.95) == pytest.approx(5_000, rel=0.004)


def test_windows_of_closed_and_open_load_merge_in_either_order():
    """A punctual sample counts as due when it was sent."""
    prompt, late = window(9, latency_ms=1.0), window(1, latency_ms=1.0, waited_ms=99.0)
    for order in ((prompt, late), (late, prompt)):
        whole = merged(order)
        assert whole.latency.total == 10
        assert whole.latency.max_us == 100_000
        assert whole.service.max_us == 1_000


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.CONNECTION_ERROR])
def test_quick_refusals_do_not_flatter_latency(outcome):
    """They are left out of latency, and seen in their own ratio."""
    windows = [of("policy_get", 10, latency_ms=100.0), of("policy_get", 90, latency_ms=1.0, outcome=outcome)]
    assert value("latency_p50_ms", *windows) == pytest.approx(100, rel=0.004)
    assert measure("latency_avg_ms", part(*windows)).samples == 10
    ratio = "throttled_ratio" if outcome is Outcome.THROTTLED else "error_ratio"
    assert value(ratio, *windows) == 0.9


def test_timeouts_and_http_errors_are_in_latency():
    """A request that took 30 s to fail was slow."""
    windows = [of("policy_get", 1, latency_ms=30_000.0, outcome=Outcome.TIMEOUT)]
    assert value("latency_max_ms", *windows) == 30_000
    assert value("latency_max_ms", of("policy_get", latency_ms=7.0, outcome=Outcome.HTTP_ERROR)) == 7


def test_throughput_counts_only_what_was_answered_rightly_or_wrongly():
    """ok and failed_check over seconds; errors, throttling and sign-in do not count."""
    windows = [
        of("policy_get", 30),
        of("policy_get", 10, violations=(Violation.STALE_READ,)),
        of("policy_get", 5, outcome=Outcome.HTTP_ERROR),
        of("policy_get", 5, outcome=Outcome.THROTTLED),
        of("policy_get", 5, outcome=Outcome.TIMEOUT),
        of("auth_login", 50),
    ]
    assert value("throughput_rps", *windows, seconds=8.0) == 5.0


def test_errors_are_the_four_error_outcomes_over_everything():
    """Sign-in counts; violations and throttling are no errors but stand in the denominator."""
    errors = [Outcome.HTTP_ERROR, Outcome.TIMEOUT, Outcome.CONNECTION_ERROR, Outcome.BAD_RESPONSE]
    windows = [of("policy_get", 1, outcome=outcome) for outcome in errors]
    windows += [of("auth_login", 1, outcome=Outcome.HTTP_ERROR), of("auth_refresh", 1)]
    windows += [of("policy_get", 2, violations=(Violation.LOST_WRITE,)), of("policy_get", 2, outcome=Outcome.THROTTLED)]
    assert value("error_ratio", *windows) == 0.5
    assert value("throttled_ratio", *windows) == 0.2
    # an expected 403 is ok
    assert value("error_ratio", of("cross_tenant_access_attempt", 5, status=403)) == 0


def test_compliance_is_the_mean_over_responses_that_have_a_value():
    """0 with any violation, the header's score on a 2xx, nothing for others; sign-in is left out."""
    windows = [
        of("policy_get", 2, score=1.0),
        of("policy_get", 1, score=0.9),
        of("policy_get", 1, score=1.0, violations=(Violation.STALE_READ,)),
        of("policy_get", 7, outcome=Outcome.HTTP_ERROR),
        of("cross_tenant_access_attempt", 7, status=403),
        of("policy_get", 7, score=None),
        of("auth_login", 7, score=0.1),
    ]
    found = measure("compliance_score", part(*windows))
    assert found.value == pytest.approx(2.9 / 4)
    assert found.samples == 4
    # a violation in an error's body scores 0 as well
    bad = of("policy_get", 1, status=403, violations=(Violation.ISOLATION_BREACH,))
    assert value("compliance_score", bad) == 0


def test_two_violations_in_one_answer_score_once():
    """The mean is over responses."""
    double = of("policy_get", 1, violations=(Violation.STALE_READ, Violation.HASH_WRONG))
    assert value("compliance_score", double, of("policy_get", 1)) == 0.5


def test_hash_consistency_is_over_answers_and_counts_each_once():
    """Right hash ÷ (ok + failed_check); two faults of one answer are one; sign-in counts."""
    windows = [
        of("policy_get", 6),
        of("auth_login", 1, violations=(Violation.HASH_ABSENT,)),
        of("policy_get", 1, violations=(Violation.STALE_READ,)),
        of("policy_get", 1, violations=(Violation.HASH_WRONG, Violation.HASH_ABSENT)),
        of("policy_get", 1, violations=(Violation.HASH_WRONG,)),
        of("policy_get", 5, outcome=Outcome.HTTP_ERROR),
    ]
    found = measure("hash_consistency", part(*windows))
    assert found.value == pytest.approx(0.7)
    assert found.samples == 10


def test_unknown_proofs_skips_and_repeats_stand_beside():
    """Ratios over proofs and over wanted requests, and a plain count."""
    unknown = of("proof_obligation", 1, proof_unknown=True)
    assert value("proofs_unknown_ratio", of("formal_verification", 3), unknown, of("policy_get", 9)) == 0.25
    assert value("proofs_unknown_ratio", of("policy_get", 9)) is None
    skipped = window(3)
    skipped.skipped = 1
    assert value("skipped_ratio", ("policy_get", skipped)) == 0.25
    nothing_sent = Window()
    nothing_sent.skipped = 4
    assert value("skipped_ratio", ("policy_get", nothing_sent)) == 1.0
    assert value("resent", of("policy_get", 2, resent=True), of("policy_get", 5)) == 2.0
    assert value("resent", of("policy_get", 5)) == 0.0


def test_skipped_requests_are_in_no_other_measure():
    """A window of skips alone measures nothing but skips."""
    nothing_sent = Window()
    nothing_sent.skipped = 4
    for name in WINDOW_MEASURES:
        if name not in {"skipped_ratio", "throughput_rps"}:
            assert value(name, ("policy_get", nothing_sent)) is None


KINDS = st.sampled_from([
    {"outcome": Outcome.OK},
    {"outcome": Outcome.OK, "waited_ms": 40.0},
    {"outcome": Outcome.TIMEOUT},
    {"outcome": Outcome.THROTTLED},
    {"outcome": Outcome.HTTP_ERROR},
    {"violations": (Violation.STALE_READ,)},
    {"violations": (Violation.HASH_WRONG,)},
])  # fmt: skip
SAMPLES = st.lists(
    st.tuples(st.sampled_from(["policy_get", "audit_create", "auth_login"]), KINDS, st.integers(1, 9_000)), max_size=12
)


@given(SAMPLES, st.randoms())
def test_measures_do_not_depend_on_the_order_of_windows(samples, random):
    """However windows are split and shuffled, every measure is the same."""
    windows = [(name, window(1, operation=name, latency_ms=ms / 7, **kind)) for name, kind, ms in samples]
    shuffled = list(windows)
    random.shuffle(shuffled)
    for name in WINDOW_MEASURES:
        one, other = measure(name, part(*windows)), measure(name, part(*shuffled))
        assert one.samples == other.samples
        assert one.value == pytest.approx(other.value) if one.value is not None else other.value is None
        if one.value is not None and one.unit == "ratio":
            assert 0 <= one.value <= 1


def test_every_measure_exists_per_operation_scenario_region_and_phase():
    """A slice by any label or phase has only what belongs to it."""
    timeline = Timeline(START_S, [Phase("ramp", 0, 5, False), Phase("hold", 5, 10, True)])
    put(timeline, 1, 4, phase="ramp", operation="policy_get", region="a", latency_ms=1.0)
    put(timeline, 6, 2, operation="policy_create", region="b", latency_ms=2.0)
    put(timeline, 6, 1, operation="audit_create", region="a", latency_ms=4.0)
    for labels, samples in (
        ({"operation": "policy_get"}, 4),
        ({"scenario": "policy"}, 6),
        ({"region": "a"}, 5),
        ({"region": "a", "scenario": "integrity"}, 1),
        ({"region": "b", "operation": "policy_get"}, 0),
    ):
        assert measure("latency_p50_ms", timeline.slice(labels)).samples == samples
    assert measure("latency_p50_ms", timeline.slice(phases=frozenset({"hold"}))).samples == 3

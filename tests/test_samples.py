"""Windows count what samples say, and merging never changes the sum."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acgs_load.contract import ANSWERED_OUTCOMES, Outcome, Violation
from acgs_load.samples import Sample, Window


def sample(**changes):
    base = Sample("policy_get", "policy", 10.0, 10.0, 10.5, Outcome.OK, status=200, score=1.0)
    return base._replace(**changes)


SAMPLES = st.builds(
    sample,
    due_s=st.sampled_from([9.0, 10.0]),
    outcome=st.sampled_from(list(Outcome)),
    status=st.sampled_from([0, 200, 403, 404, 500]),
    violations=st.sampled_from([(), (Violation.STALE_READ,), (Violation.LOST_WRITE, Violation.HASH_WRONG)]),
    score=st.sampled_from([None, 0.5, 1.0]),
    resent=st.booleans(),
    signature_checked=st.booleans(),
)


def window_of(samples):
    window = Window()
    for number, one in enumerate(samples):
        window.add(one, 1000.0 + number % 7)
    return window


@given(st.lists(SAMPLES, max_size=30), st.integers(0, 30), st.randoms())
@settings(max_examples=60)
def test_merging_parts_in_any_order_equals_the_whole(samples, cut, shuffler):
    """Workers may report in any order and split."""
    numbered = list(enumerate(samples))
    whole, parts = Window(), [Window(), Window(), Window()]
    for number, one in numbered:
        whole.add(one, 1000.0 + number)
        parts[(number + cut) % 3].add(one, 1000.0 + number)
    shuffler.shuffle(parts)
    total = Window()
    for part in parts:
        total.merge(Window.from_wire(part.to_wire()))
    expected, found = whole.to_wire(), total.to_wire()
    assert found.pop("score_sum", 0) == pytest.approx(expected.pop("score_sum", 0))
    assert found == expected


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.CONNECTION_ERROR])
def test_quick_refusals_do_not_flatter_latency(outcome):
    """Throttled and refused requests are counted, and stay out of both histograms."""
    window = window_of([sample(outcome=outcome, status=429)])
    assert window.samples == 1
    assert window.latency.total == 0


def test_errors_and_timeouts_do_count_in_latency():
    """A time-out is the slowest answer there is."""
    window = window_of([sample(outcome=Outcome.TIMEOUT, status=0, done_s=40.0)])
    assert window.latency.max_us == 30_000_000


def test_open_load_keeps_both_clocks():
    """Latency counts from due; the time from send stands beside it."""
    window = window_of([sample(), sample(due_s=8.0)])
    assert window.latency.max_us == 2_500_000
    assert window.service.max_us == 500_000
    assert window.latency.total == window.service.total == 2


def test_any_violation_scores_zero():
    """Compliance takes the header's word only for answers without a violation."""
    window = window_of([sample(), sample(violations=(Violation.DECISION_WRONG,), outcome=Outcome.FAILED_CHECK)])
    assert (window.score_sum, window.score_count) == (1.0, 2)


def test_a_response_with_both_hash_faults_counts_once():
    """hash_faulty counts responses, not faults."""
    both = (Violation.HASH_WRONG, Violation.HASH_ABSENT)
    window = window_of([sample(violations=both, outcome=Outcome.FAILED_CHECK)])
    assert window.hash_faulty == 1
    assert window.violations == {"hash_wrong": 1, "hash_absent": 1}


def test_first_and_last_answer_are_kept():
    """The gap between answers can be told from the edges of each window."""
    window = Window()
    for done in random.Random(1).sample(range(100, 200), 20):
        window.add(sample(), float(done))
    assert 100 <= window.first_done_s < window.last_done_s < 200


def test_a_refused_connection_is_no_answer():
    """Silence is not broken by a refusal."""
    window = window_of([sample(status=0, outcome=Outcome.CONNECTION_ERROR)])
    assert window.last_done_s == 0.0


@given(st.lists(SAMPLES, max_size=30))
@settings(max_examples=60)
def test_failures_add_up_to_violations_and_errors(samples):
    """By status and kind: the same requests as by kind alone, so that two tables of a report never disagree."""
    window = window_of(samples)
    by_kind: dict[str, int] = {}
    for label, count in window.failures.items():
        kind = label.split()[1]
        by_kind[kind] = by_kind.get(kind, 0) + count
    errors = {kind: count for kind, count in window.outcomes.items() if kind not in ANSWERED_OUTCOMES}
    assert by_kind == {**errors, **window.violations}


def test_a_target_that_invents_statuses_fills_no_table():
    """900 statuses are a few groups: the registered ones, and a class for the rest."""
    window = window_of([sample(outcome=Outcome.HTTP_ERROR, status=status) for status in range(100, 1000)])
    assert window.failures["503 http_error"] == 1
    assert window.failures["7xx http_error"] == 100
    assert len(window.failures) < 80
    assert sum(window.failures.values()) == 900


def test_windows_of_before_have_no_failures():
    """Folders that an older version wrote still read."""
    wire = window_of([sample(outcome=Outcome.HTTP_ERROR, status=500)]).to_wire()
    del wire["failures"]
    assert Window.from_wire(wire).failures == {}


def test_whatever_a_window_counts_survives_the_wire_and_a_merge():
    """A count that somebody adds to the window and forgets there would be lost between worker and report."""
    counts = {name: getattr(Window(), name) for name in Window.__slots__ if type(getattr(Window(), name)) is int}
    assert len(counts) > 10
    window = Window()
    for number, name in enumerate(counts, start=1):
        setattr(window, name, number)
    once = Window.from_wire(window.to_wire())
    assert [getattr(once, name) for name in counts] == [*range(1, len(counts) + 1)]
    once.merge(window)
    assert [getattr(once, name) for name in counts] == [*range(2, 2 * len(counts) + 1, 2)]

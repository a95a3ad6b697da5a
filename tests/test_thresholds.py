"""The grammar of thresholds: what is legal, and where an error points."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acgs_load.errors import ExitCode, UsageError
from acgs_load.measures import MEASURES
from acgs_load.plan import ThresholdText
from acgs_load.thresholds import Threshold, merged, parse, read

LEGAL = [
    ("latency_p95_ms <= 2000", Threshold("", "latency_p95_ms", "<=", 2000)),
    ("latency_p99_9_ms<5e3", Threshold("", "latency_p99_9_ms", "<", 5000)),
    ("  throughput_rps   >=  1500.5 ", Threshold("", "throughput_rps", ">=", 1500.5)),
    ("throughput_rps > .5", Threshold("", "throughput_rps", ">", 0.5)),
    ("hash_consistency = 1", Threshold("", "hash_consistency", "=", 1)),
    ("hash_consistency == 1.0", Threshold("", "hash_consistency", "=", 1)),
    ("workers_lost = 0", Threshold("", "workers_lost", "=", 0)),
    (
        'latency_p99_ms{operation="policy_create", region="eu-west-1"} <= 800',
        Threshold("", "latency_p99_ms", "<=", 800, labels={"operation": "policy_create", "region": "eu-west-1"}),
    ),
    (
        "latency_p99_ms { scenario = 'formal' } <= 800",
        Threshold("", "latency_p99_ms", "<=", 800, labels={"scenario": "formal"}),
    ),
    (
        'error_ratio{operation="auth_login"} <= 0.1',
        Threshold("", "error_ratio", "<=", 0.1, labels={"operation": "auth_login"}),
    ),
    (
        "error_ratio <= 0.01 over 10s for 3 abort after 30s      # three 10-second windows in a row",
        Threshold("", "error_ratio", "<=", 0.01, over_s=10, count=3, abort=True, abort_after_s=30),
    ),
    ("error_ratio <= 0.01 over 1m abort", Threshold("", "error_ratio", "<=", 0.01, over_s=60, abort=True)),
    ("error_ratio <= 0.01 over 15", Threshold("", "error_ratio", "<=", 0.01, over_s=15)),
    ("error_ratio <= 1 abort after 1h30m", Threshold("", "error_ratio", "<=", 1, abort=True, abort_after_s=5400)),
    ("error_ratio <= 0 abort after 500ms", Threshold("", "error_ratio", "<=", 0, abort=True, abort_after_s=0.5)),
    ("latency_p95_ms <= 9 during hold", Threshold("", "latency_p95_ms", "<=", 9, during="hold")),
    ('latency_p95_ms <= 9 during "step-300"', Threshold("", "latency_p95_ms", "<=", 9, during="step-300")),
    (
        "latency_p95_ms <= 9 during step-300 over 5s for 2",
        Threshold("", "latency_p95_ms", "<=", 9, during="step-300", over_s=5, count=2),
    ),
    ("latency_p95_ms <= 1.10 * baseline", Threshold("", "latency_p95_ms", "<=", 1.1, relative=True)),
    ("latency_p95_ms <= baseline * 1.10", Threshold("", "latency_p95_ms", "<=", 1.1, relative=True)),
    ("latency_p95_ms <= baseline*2", Threshold("", "latency_p95_ms", "<=", 2, relative=True)),
    ("throughput_rps >= baseline", Threshold("", "throughput_rps", ">=", 1, relative=True)),
    ("error_ratio <= 3 * baseline", Threshold("", "error_ratio", "<=", 3, relative=True)),
    ("silence_max_s <= 2 abort", Threshold("", "silence_max_s", "<=", 2, abort=True)),
    ("target_cpu <= 0.8", Threshold("", "target_cpu", "<=", 0.8)),
    ("resent <= 10 # a '#' in a comment is # fine", Threshold("", "resent", "<=", 10)),
]


@pytest.mark.parametrize(("text", "expected"), LEGAL, ids=[text for text, _ in LEGAL])
def test_legal_thresholds(text, expected):
    """Each part of the grammar is read as it says."""
    found = parse(text)
    plain = text.partition("#")[0].strip()
    assert found.expression == plain
    for name in Threshold.__dataclass_fields__:
        if name != "expression":
            assert getattr(found, name) == getattr(expected, name), name


ILLEGAL = [
    ("", 1, "expected a measure such as latency_p95_ms"),
    ("# only a comment", 1, "expected a measure"),
    ("<= 5", 1, "expected a measure such as latency_p95_ms, not <="),
    ("latency_p95 <= 3", 1, "did you mean latency_p95_ms?"),
    ("Latency_P95_ms <= 3", 1, "is no measure"),
    ("zzz <= 3", 1, "legal: latency_p50_ms, latency_p75_ms"),
    ("latency_p95_ms", 15, "expected a comparison: <= >= < > ="),
    ("latency_p95_ms 3", 16, "expected a comparison"),
    ("latency_p95_ms != 3", 16, "! has no meaning"),
    ("latency_p95_ms => 3", 17, "expected a number (ms), not >"),
    ("latency_p95_ms <=", 18, "expected a number (ms)"),
    ("latency_p95_ms <= fast", 19, "expected a plain number, not fast (ms)"),
    ("latency_p95_ms <= -3", 19, "expected a plain number, not -3"),
    ("latency_p95_ms <= nan", 19, "expected a plain number, not nan"),
    ("latency_p95_ms <= inf", 19, "expected a plain number, not inf"),
    ("latency_p95_ms <= 2s", 19, "latency_p95_ms is in ms, written without a unit"),
    ("latency_p95_ms <= 2,000", 20, "numbers are written without commas"),
    ("latency_p95_ms <= 0x10", 19, "expected a plain number, not 0x10"),
    ("error_ratio <= 1%", 16, "error_ratio is a ratio from 0 to 1: write 0.01"),
    ("error_ratio <= 5", 16, "error_ratio goes from 0 to 1; did you mean 0.05?"),
    ("compliance_score >= 95", 21, "did you mean 0.95?"),
    ("latency_p95_ms <= 2 baseline", 21, "baseline is out of place; write 2 * baseline"),
    ("latency_p95_ms <= 2 * 3", 23, "expected baseline"),
    ("latency_p95_ms <= 2 * ", 22, "expected baseline"),
    ("latency_p95_ms <= baseline *", 29, "expected a number"),
    ("latency_p95_ms{} < 3", 16, "expected a label: operation, scenario, region, not }"),
    ("latency_p95_ms{op='x'} < 3", 16, "op is no label; legal: operation, scenario, region"),
    ("latency_p95_ms{oparation='x'} < 3", 16, "did you mean operation?"),
    ("latency_p95_ms{phase='hold'} < 3", 16, "write: during PHASE"),
    ("latency_p95_ms{operation} < 3", 25, 'expected = after operation, as in operation="…"'),
    ("latency_p95_ms{operation<='policy_get'} < 3", 25, "labels are compared with = only"),
    ("latency_p95_ms{operation=policy_get} < 3", 26, "expected the operation in quotes"),
    ("latency_p95_ms{operation='policy_gat'} < 3", 26, "did you mean policy_get?"),
    ("latency_p95_ms{scenario='policies'} < 3", 25, "did you mean policy?"),
    ("latency_p95_ms{operation='auth_login'} < 3", 26, "counts in errors and hash measures only"),
    ("latency_p95_ms{operation='policy_get' region='x'} < 3", 39, "expected a comma or }"),
    ("latency_p95_ms{region='a', region='b'} < 3", 28, "region stands there twice"),
    ("latency_p95_ms{operation='policy_get', scenario='tenant'} < 3", 40, "is none of scenario tenant"),
    ("latency_p95_ms{operation='policy_get'", 38, "expected a comma or }"),
    ("latency_p95_ms{operation='policy_get < 3", 26, "the quote is not closed"),
    ("silence_max_s{region='x'} < 3", 14, "silence_max_s has no labels"),
    ("target_cpu{region='x'} < 0.3", 11, "target_cpu has no labels"),
    ("latency_p95_ms < 3 during", 26, "expected the name of a phase"),
    ("latency_p95_ms < 3 during <", 27, "expected the name of a phase"),
    ("silence_max_s < 3 during hold", 19, "known for the whole run only"),
    ("target_cpu < 0.3 during hold", 18, "known for the whole run only"),
    ("latency_p95_ms < 3 over", 24, "expected a window such as 10s"),
    ("latency_p95_ms < 3 over ten", 25, "write 30s"),
    ("latency_p95_ms < 3 over 1.5s", 25, "whole seconds, from 1s to 24h"),
    ("latency_p95_ms < 3 over 0s", 25, "whole seconds, from 1s to 24h"),
    ("latency_p95_ms < 3 over 10s for", 32, "expected how many windows in a row"),
    ("latency_p95_ms < 3 over 10s for x", 33, "x is no number of windows"),
    ("latency_p95_ms < 1e400", 18, "expected a plain number, not 1e400"),
    ("latency_p95_ms < 3 over 10s for 0", 33, "0 is no number of windows"),
    ("latency_p95_ms < 3 over 10s for 99999", 33, "write a whole number from 1 to 10,000"),
    ("latency_p95_ms < 3 over 10s for 2.5", 33, "2.5 is no number of windows"),
    ("latency_p95_ms < 3 for 3", 20, "for is out of place; legal here: during, over, abort"),
    ("throughput_peak_rps > 3 over 10s", 25, "not told window by window"),
    ("silence_max_s < 3 over 10s", 19, "not told window by window"),
    ("target_cpu < 0.3 over 10s", 18, "not told window by window"),
    ("target_cpu < 0.3 abort", 18, "known after the run only"),
    ("latency_p95_ms < 3 abort after", 31, "expected a delay such as 30s"),
    ("latency_p95_ms < 3 abort 30s", 26, "30s is out of place; legal here: after"),
    ("latency_p95_ms < 3 abort over 10s", 26, "over is out of place; legal here: after"),
    ("latency_p95_ms < 3 over 10s during hold", 29, "during is out of place; legal here: for, abort"),
    ("latency_p95_ms < 3 over 10s for 3 during hold", 35, "during is out of place; legal here: abort"),
    ("latency_p95_ms < 3 abort after 3s x", 35, "x is out of place; nothing may follow here"),
    ("latency_p95_ms < 3; error_ratio < 1", 19, "; has no meaning"),
]


@pytest.mark.parametrize(("text", "column", "told"), ILLEGAL, ids=[text for text, _, _ in ILLEGAL])
def test_illegal_thresholds_point_at_the_column(text, column, told):
    """One line with the expression, the column and what would be legal; exit code 2."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    message = str(caught.value)
    assert told in message
    assert f"column {column}: " in message
    assert "\n" not in message
    assert caught.value.exit_code == ExitCode.USAGE


@given(
    st.text(
        alphabet='latency_p95_ms error_ratio{}="<>0123456789.,*baseline during over for abort after#\n', max_size=60
    )
)
def test_any_text_is_parsed_or_refused(text):
    """Whatever is typed: a threshold or a UsageError, never a traceback."""
    with contextlib.suppress(UsageError):
        assert parse(text).expression


@given(
    st.sampled_from(sorted(MEASURES)),
    st.sampled_from(["<=", ">=", "<", ">", "="]),
    st.floats(0, 1, allow_nan=False),
    st.sampled_from(["", " "]),
)
def test_every_measure_takes_every_comparison(name, op, limit, space):
    """Any measure against any legal number, with or without spaces."""
    found = parse(f"{name}{space}{op}{space}{limit:f}")
    assert (found.measure, found.op, found.limit) == (name, op, float(f"{limit:f}"))


HOLDS = [
    ("<=", 5, 5, True), ("<=", 5.0001, 5, False),
    (">=", 5, 5, True), (">=", 4.9999, 5, False),
    ("<", 5, 5, False), ("<", 4.9999, 5, True),
    (">", 5, 5, False), (">", 5.0001, 5, True),
    ("=", 1.0, 1, True), ("=", 1 - 1e-12, 1, False), ("=", 1 + 1e-12, 1, False),
]  # fmt: skip


@pytest.mark.parametrize(("op", "value", "limit", "holds"), HOLDS)
def test_comparisons_are_exact(op, value, limit, holds):
    """At the limit, and a hair beside it."""
    assert parse(f"resent {op} 1").holds(value, limit) is holds


@given(st.sampled_from(["<=", ">=", "<", ">", "="]), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_margin_has_the_sign_of_the_verdict(op, value, limit):
    """Positive inside, negative outside; at the limit it is 0 whatever the verdict."""
    threshold = parse(f"resent {op} 1")
    margin = threshold.margin(value, limit)
    if margin > 0:
        assert threshold.holds(value, limit)
    if margin < 0:
        assert not threshold.holds(value, limit)


def test_margins_are_shares_of_the_limit():
    """A fifth below 2,000 is 0.2; above a limit of 0 they are absolute."""
    assert parse("latency_p95_ms <= 2000").margin(1600, 2000) == pytest.approx(0.2)
    assert parse("throughput_rps >= 100").margin(80, 100) == pytest.approx(-0.2)
    assert parse("workers_lost <= 0").margin(2, 0) == -2
    assert parse("hash_consistency = 1").margin(0.9, 1) == pytest.approx(-0.1)


def test_who_wrote_a_threshold_is_kept_and_told():
    """``read`` adds the source, and names it where the text is wrong."""
    found = read(ThresholdText("target_cpu <= 0.8", "default", required=False, breaking=True))
    assert (found.source, found.required, found.breaking) == ("default", False, True)
    for source, told in (("flag", "--threshold: threshold"), ("file", "THRESHOLDS: threshold")):
        with pytest.raises(UsageError, match=told):
            read(ThresholdText("nonsense", source))


def test_a_threshold_of_the_same_subject_gives_way_to_the_stronger_source():
    """Operator strictness and the number are no part of the subject; sides, labels, phase and window are."""
    default = ThresholdText("latency_p95_ms <= 2000", "default")
    same = ThresholdText("latency_p95_ms < 9", "file")
    assert merged([default], [same]) == (same,)
    assert merged([default], [same, ThresholdText("latency_p95_ms <= 1", "flag")])[0].source == "flag"
    twice = ThresholdText("latency_p95_ms <= 8", "file")
    assert merged([default], [same, twice]) == (same, twice)
    for other in (
        "latency_p95_ms >= 1",
        "latency_p95_ms = 1",
        "latency_p95_ms <= 9 during hold",
        "latency_p95_ms <= 9 over 10s",
        "latency_p95_ms{region='x'} <= 9",
        "latency_p99_ms <= 9",
    ):
        assert merged([default], [ThresholdText(other, "flag")])[0] == default

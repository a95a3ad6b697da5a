"""Each rule of the verdict, shown by a row planted for it; and what beats what."""

from dataclasses import replace

import pytest
from run_fixture import STARTED, RunFixture, plan_of, thresholds

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.judging.machines import lag_p99_ms
from acgs_load.analysis.reading.load import load_run
from acgs_load.contract import Outcome
from acgs_load.errors import ExitCode, UsageError
from acgs_load.health import HealthRow
from acgs_load.plan import ThresholdText


@pytest.fixture
def fixture(tmp_path):
    """A run that passes."""
    return RunFixture(tmp_path / "run").steady().sampled()


def verdict(fixture, *, finished=True, **options):
    """The verdict of what was planted."""
    return report_of(load_run(fixture.write(finished=finished)), **options).verdict


def heat(fixture, process="worker-1", seconds=(10, 11, 12), cpu=0.95, lag_ms=2.0):
    """Make one process busy in some seconds."""
    for place, row in enumerate(fixture.health):
        if row.process == process and row.second - STARTED in seconds:
            fixture.health[place] = row._replace(cpu=cpu, loop_lag_max_ms=lag_ms)


def test_a_good_run_passes(fixture):
    """Every threshold holds, the generators kept up: PASS, exit code 0, nothing to explain."""
    found = verdict(fixture)
    assert (found.status, found.exit_code, found.reasons) == ("PASS", ExitCode.PASSED, ())
    assert {row.state for row in found.findings} == {"pass"}


INVALID = {
    "a process above 90 % for 3 s": (lambda f: heat(f), "saturated: worker-1 above 90 %"),
    "the master above 90 % for 3 s": (lambda f: heat(f, "master"), "saturated: master"),
    "a saturated process that skips a row": (lambda f: heat(f, seconds=(10, 12)) or drop(f, 11), "for 3 s in a row"),
    "long stalls": (lambda f: heat(f, seconds=(10, 15), cpu=0.3, lag_ms=180), "loop of worker-1 adds up to 55 ms"),
    "a loop that stalls as a rule": (lambda f: heat(f, seconds=range(13), cpu=0.3, lag_ms=51), "adds up to 51 ms"),
    "a lost worker": (lambda f: f.run.update(workers_lost=1), "1 of 2 workers lost"),
    "all workers lost": (lambda f: f.run.update(ended_by="workers_lost"), "all of 2 workers lost"),
    "lost samples": (lambda f: f.run.update(samples_lost=3), "3 samples"),
    "errors of users": (lambda f: f.run.update(user_errors=2), "2 errors inside the simulated users"),
    "errors of users in words": (
        lambda f: f.run.update(user_errors=1, errors=["KeyError: 'x'"]),
        "first: KeyError: 'x';",
    ),
    "unsent arrivals": (lambda f: f.run.update(arrivals=arrivals(11)), "11 of 1,000 arrivals (1.1 %)"),
    "clocks apart": (lambda f: f.run.update(clock_skew_ms=-1001), "differ by 1,001 ms"),
    "nobody watched": (lambda f: f.health.clear(), "nobody watched"),
}


def drop(fixture, second):
    """Take the health rows of one second away."""
    fixture.health[:] = [row for row in fixture.health if row.second != STARTED + second]


def arrivals(unsent):
    """An open load's account of a thousand arrivals."""
    return {"scheduled": 1000, "sent": 1000 - unsent, "unsent": unsent, "waited": 0, "late_max_ms": 1.0}


@pytest.mark.parametrize("rule", INVALID)
def test_untrustworthy_runs_are_invalid(fixture, rule):
    """Each reason to distrust makes INVALID with exit code 4, and says what was seen."""
    plant, said = INVALID[rule]
    plant(fixture)
    found = verdict(fixture)
    assert (found.status, found.exit_code) == ("INVALID", ExitCode.INVALID)
    assert said in found.reasons[0]


TRUSTED = {
    "2 s above 90 %": lambda f: heat(f, seconds=(10, 11)),
    "3 s above 90 %, not in a row": lambda f: heat(f, seconds=(10, 11, 14)),
    "exactly 90 %": lambda f: heat(f, cpu=0.9),
    "busy before the run": lambda f: f.health.extend(
        HealthRow(STARTED - s, "master", "", 1.0, 1, 900.0, 1, 0, 0, 0) for s in (3, 4, 5, 6)
    ),
    "one hiccup in a short run": lambda f: heat(f, seconds=(10,), cpu=0.3, lag_ms=299),
    "stalls that few moments see": lambda f: heat(f, seconds=(10, 15), cpu=0.3, lag_ms=174),
    "a late master": lambda f: heat(f, "master", seconds=range(25), cpu=0.3, lag_ms=400),
    "1 % unsent": lambda f: f.run.update(arrivals=arrivals(10)),
    "clocks within a second": lambda f: f.run.update(clock_skew_ms=1000),
    "clocks unknown": lambda f: f.run.update(clock_skew_ms=None),
    "1 % of the users without a token": lambda f: tokens(f, 1),
}


@pytest.mark.parametrize("rule", TRUSTED)
def test_what_just_stays_within_is_trusted(fixture, rule):
    """The last value within each rule still passes."""
    TRUSTED[rule](fixture)
    assert verdict(fixture).status == "PASS"


def tokens(fixture, missing):
    """A hundred users, some without a token."""
    fixture.run["users"] = {"wanted": 100, "reached": 100, "without_token": missing}


def test_users_without_a_token_fail_the_run(fixture):
    """More than 1 % is FAIL; any is a warning."""
    tokens(fixture, 2)
    found = verdict(fixture)
    assert (found.status, found.exit_code) == ("FAIL", ExitCode.FAILED)
    assert "2 of 100 users (2.0 %)" in found.reasons[0]
    tokens(fixture, 1)
    report = report_of(load_run(fixture.write()))
    assert any("1 of 100 users" in text for text in report.warnings)


FAILING = {
    "latency_p95_ms": lambda f: f.add(10, "policy_get", [2500] * 60),
    "error_ratio": lambda f: f.add(10, "policy_get", [10] * 20, Outcome.HTTP_ERROR),
    "throttled_ratio": lambda f: f.add(10, "policy_get", [10] * 20, Outcome.THROTTLED),
    "compliance_score": lambda f: f.add(10, "policy_get", [10] * 200, score=0.5),
    "proofs_unknown_ratio": lambda f: f.add(10, "proof_obligation", [10] * 9, proof_unknown=True),
    "hash_consistency": lambda f: wrong(f, "policy_get", "hash_wrong"),
    "isolation_integrity": lambda f: wrong(f, "policy_list", "isolation_breach"),
    "chain_integrity": lambda f: wrong(f, "chain_verify", "chain_broken"),
    "proof_correctness": lambda f: wrong(f, "formal_verification", "proof_wrong"),
    "decision_correctness": lambda f: wrong(f, "governance_decision", "decision_wrong"),
    "signature_correctness": lambda f: wrong(f, "crypto_validate", "signature_wrong"),
    "durability": lambda f: wrong(f, "policy_get", "lost_write"),
    "read_consistency": lambda f: wrong(f, "policy_get", "stale_read"),
}


def wrong(fixture, operation, violation):
    """One answer with a violation."""
    fixture.add(10, operation, [10], Outcome.FAILED_CHECK, violations=(violation,))


@pytest.mark.parametrize("measure", FAILING)
def test_each_threshold_fails_the_run(fixture, measure):
    """One planted fault fails exactly the measure that speaks of it."""
    FAILING[measure](fixture)
    found = verdict(fixture)
    failed = {row.measure for row in found.findings if row.state == "fail"}
    assert (found.status, found.exit_code) == ("FAIL", ExitCode.FAILED)
    assert measure in failed
    assert failed <= {measure, "latency_p99_ms", "latency_avg_ms"}
    assert any(measure in reason for reason in found.reasons)


def test_a_slow_target_fails_throughput(tmp_path):
    """Requests that were answered over the hold phases decide."""
    fixture = RunFixture(tmp_path / "run", plan_of(thresholds=thresholds("throughput_rps >= 38.1")))
    assert verdict(fixture.steady()).status == "FAIL"


def test_integrity_without_an_answer_fails(tmp_path):
    """Operations were sent and none could be judged: not measured, and that fails."""
    fixture = RunFixture(tmp_path / "run").steady()
    fixture.windows = {key: window for key, window in fixture.windows.items() if key.operation != "governance_decision"}
    fixture.add(10, "governance_decision", [10], Outcome.TIMEOUT, score=None)
    found = verdict(fixture)
    row = next(row for row in found.findings if row.measure == "decision_correctness")
    assert (row.state, row.decides, found.status) == ("not_measured", True, "FAIL")
    assert "not measured" in found.reasons[0]


def test_integrity_of_operations_never_sent_is_not_owed(tmp_path):
    """A default threshold on what the run did not do is shown, and does not fail it."""
    fixture = RunFixture(tmp_path / "run").steady()
    fixture.windows = {key: window for key, window in fixture.windows.items() if key.operation != "governance_decision"}
    found = verdict(fixture)
    row = next(row for row in found.findings if row.measure == "decision_correctness")
    assert (row.state, row.decides, found.status) == ("not_measured", False, "PASS")


@pytest.mark.parametrize(
    ("operation", "measure", "status"),
    [
        ("governance_decision", "decision_correctness", "FAIL"),
        ("cross_tenant_access_attempt", "isolation_integrity", "PASS"),
    ],
)
def test_operations_that_were_only_ever_skipped_are_owed(tmp_path, operation, measure, status):
    """Nothing was acknowledged that they could speak of: that passes nobody. Without another tenant it may be right."""
    fixture = RunFixture(tmp_path / "run").steady()
    fixture.windows = {key: window for key, window in fixture.windows.items() if key.operation != operation}
    fixture.skip(10, operation, 3)
    found = verdict(fixture)
    row = next(row for row in found.findings if row.measure == measure)
    assert (row.state, found.status) == ("not_measured", status)


def test_what_the_user_demands_is_owed(tmp_path):
    """A threshold that the user set never passes unmeasured."""
    plan = plan_of(thresholds=thresholds("decision_correctness = 1"))
    fixture = RunFixture(tmp_path / "run", plan).steady()
    fixture.windows = {key: window for key, window in fixture.windows.items() if key.operation != "governance_decision"}
    assert verdict(fixture).status == "FAIL"


def test_cpu_nobody_sampled_does_not_fail(tmp_path):
    """Target CPU and memory are shown as not measured by default, and fail where the user asked for them."""
    fixture = RunFixture(tmp_path / "run").steady()
    assert verdict(fixture).status == "PASS"
    fixture.plan = replace(fixture.plan, thresholds=(ThresholdText("target_cpu <= 0.8", "flag"),))
    assert verdict(fixture).status == "FAIL"


def test_measured_cpu_decides(fixture):
    """CPU above its limit fails, whoever set the limit."""
    fixture.resources.clear()
    fixture.sampled(cpu=0.9)
    assert verdict(fixture).status == "FAIL"


def test_invalid_beats_fail(fixture):
    """Both reasons are told, and the verdict is INVALID."""
    FAILING["durability"](fixture)
    heat(fixture)
    found = verdict(fixture)
    assert (found.status, found.exit_code) == ("INVALID", ExitCode.INVALID)
    assert "saturated" in found.reasons[0]
    assert "durability" in found.reasons[1]


@pytest.mark.parametrize(("fault", "status"), [(None, "PASS"), ("durability", "FAIL"), ("heat", "INVALID")])
def test_an_interrupted_run_exits_130(fixture, fault, status):
    """What was measured is judged, the verdict says interrupted, the exit code is 130."""
    fixture.run |= {"interrupted": True, "ended_by": "interrupt"}
    if fault:
        {"heat": heat, **FAILING}[fault](fixture)
    found = verdict(fixture)
    assert (found.status, found.exit_code, found.interrupted) == (status, ExitCode.INTERRUPTED, True)
    assert found.reasons[0].startswith("interrupted after")


def test_a_crashed_run_is_invalid(fixture):
    """Without run.json nobody knows how the run ended."""
    found = verdict(fixture, finished=False)
    assert (found.status, found.exit_code) == ("INVALID", ExitCode.INVALID)
    assert "cut short" in found.reasons[0]


def test_an_abort_is_a_failure(fixture):
    """A run that its own threshold stopped has failed, and says when."""
    fixture.run |= {"ended_by": "abort", "abort": {"expression": "error_ratio <= 0.5 over 5s abort", "at_s": 12.0}}
    found = verdict(fixture)
    assert found.status == "FAIL"
    assert "stopped at 12 s by its threshold error_ratio <= 0.5" in found.reasons[0]


def test_given_thresholds_replace_the_plans(fixture):
    """The same run, judged by others."""
    assert verdict(fixture, thresholds=thresholds("latency_p50_ms <= 9")).status == "FAIL"
    assert verdict(fixture, thresholds=thresholds("latency_p50_ms <= 11")).status == "PASS"


def test_an_unreadable_threshold_is_refused(fixture):
    """Before anything is judged."""
    with pytest.raises(UsageError, match="column"):
        verdict(fixture, thresholds=thresholds("latency <= 9"))


@pytest.mark.parametrize(
    ("stalls_ms", "expected_ms"),
    [
        ([0] * 100, 0),
        ([5] * 100, 5),  # 0.5 % of the moments wait at all; the typical second stalls 5 ms
        ([60] * 100, 60),
        ([1000] * 2 + [0] * 98, 500),  # the last 500 ms of each stall are 1 % of 100 s
        ([0] * 99 + [2000], 1000),
        ([1500] + [500] * 2 + [0] * 97, 500),
        ([30], 30),
    ],
)
def test_loop_lag_is_what_random_moments_see(stalls_ms, expected_ms):
    """The delay that 1 % of the moments exceed, from each second's longest stall; at least the typical second's."""
    rows = [HealthRow(s, "worker-0", "", 0.1, 1, float(ms), 1, 1, 0, 0) for s, ms in enumerate(stalls_ms)]
    assert lag_p99_ms(rows) == pytest.approx(expected_ms)

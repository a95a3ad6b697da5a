"""The campaign's own judgement: a run that misses, misnames or invents something is complained about, in words."""

import copy

import pytest
from campaign.cells import ONSET_S, Cell, matrix, pairs, rare
from campaign.complaints import complaints
from campaign.ledger import page
from campaign.proportion import proportion_interval
from campaign.trial import Outcome, run_cell
from campaign.truths import BY_NAME, TRUTHS

from acgs_load.gateway.faults import FAULTS, parse_faults
from acgs_load.profile_types import PROFILES

LEAK = Cell((BY_NAME["tenant-leak"],), "enterprise", 1, "closed")
CLEAN = Cell((), "enterprise", 1, "closed")


def threshold(measure, state="pass"):
    return {"measure": measure, "state": state}


def report(verdict="FAIL", **parts):
    """A report of a run of 11 s that found the leak as it should."""
    leak = {"violation": "isolation_breach", "operation": "cross_tenant_access_attempt", "count": 40, "first_s": 3.0}
    whole = {
        "verdict": verdict,
        "thresholds": [threshold("isolation_integrity", "fail"), threshold("error_ratio")],
        "violations": [{**leak, "examples": ["data of tenant-b given away"]}],
        "errors": [],
        "breaking_point": None,
        "reasons": [],
        "test": {"duration_s": 11.0},
        "measures": {"isolation_integrity": {"value": 0.99, "samples": 4_000}},
        "operations": [],
    }
    return {**copy.deepcopy(whole), **parts}


def test_every_fault_is_in_every_type_and_load():
    """The matrix holds each defect of the gateway, each type, one and four workers, closed and open load."""
    cells = list(matrix())
    assert {cell.truths[0].name for cell in cells if cell.truths} == set(FAULTS) == set(BY_NAME)
    assert {cell.test_type for cell in cells} == set(PROFILES)
    assert {(cell.workers, cell.load) for cell in cells} == {(w, load) for w in (1, 4) for load in ("closed", "open")}
    assert len({cell.name for cell in [*cells, *rare(), *pairs(1)]}) == len(cells) + len(list(rare())) + len(pairs(1))
    assert pairs(1) == pairs(1) != pairs(2)


@pytest.mark.parametrize("fault", [text for truth in TRUTHS for text in (truth.fault, truth.rare) if text])
def test_what_is_planted_can_be_planted(fault):
    """The gateway understands every value in the table."""
    assert parse_faults([fault])


def test_a_right_run_has_no_complaint():
    """Found, named, in time, and nothing else."""
    assert complaints(LEAK, 1, report(), "3 × isolation_breach in …") == []
    clean = report("PASS", thresholds=[threshold("error_ratio")], violations=[])
    assert complaints(CLEAN, 0, clean, "") == []


INVENTED = {"violation": "stale_read", "operation": "policy_get", "count": 1, "first_s": 5.0, "examples": ["x"]}


@pytest.mark.parametrize(
    ("exit_code", "parts", "terminal", "words"),
    [
        (0, {}, "isolation_breach", "exit code 0, expected FAIL with 1"),
        (1, {"verdict": "PASS"}, "isolation_breach", "verdict PASS"),
        (1, {"thresholds": [threshold("isolation_integrity")]}, "isolation_breach", "none of isolation_integrity"),
        (1, {"violations": []}, "isolation_breach", "isolation_breach is not reported"),
        (1, {}, "nothing here", "not named on the terminal"),
        (1, {"violations": [*report()["violations"], INVENTED]}, "isolation_breach", "false finding: 1 × stale_read"),
        (1, {"errors": [{"outcome": "timeout", "operation": "policy_get", "count": 2}]}, "isolation_breach", "timeout"),
    ],
)
def test_a_wrong_run_is_complained_about(exit_code, parts, terminal, words):
    """Each complaint says what was wrong."""
    assert any(words in text for text in complaints(LEAK, exit_code, report(**parts), terminal))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"operation": "policy_get"}, "false finding"),
        ({"examples": []}, "has no example"),
        ({"first_s": 0.0}, "first seen at 0.0 s"),
        ({"first_s": ONSET_S + 6}, "expected from"),
    ],
)
def test_a_finding_in_the_wrong_place_or_time_is_complained_about(changed, words):
    """Another operation, without example, before it was planted, or long after."""
    row = {**report()["violations"][0], **changed}
    assert any(words in text for text in complaints(LEAK, 1, report(violations=[row]), "isolation_breach"))


def test_refusals_that_the_gateway_owns_up_to_are_no_invention():
    """A starved gateway refuses proofs, and counts them; what it did not count was invented."""
    busy = {"outcome": "throttled", "operation": "proof_obligation", "count": 4, "first_s": 5.0, "examples": ["503"]}
    told = report("PASS", thresholds=[threshold("error_ratio")], violations=[], errors=[busy])
    assert complaints(CLEAN, 0, told, "", {"proof_obligation": 4}) == []
    for refused in ({}, {"proof_obligation": 3}, {"policy_get": 4}):
        assert any("4 × throttled" in text for text in complaints(CLEAN, 0, told, "", refused))


def test_a_wrong_ratio_is_complained_about():
    """1 % planted: 1 % of 4,000 is right, 2 % is not."""
    cell = Cell((BY_NAME["tenant-leak"],), "enterprise", 1, "open", rare=True)
    row = {**report()["violations"][0], "first_s": 0.0}
    assert complaints(cell, 1, report(violations=[row]), "isolation_breach") == []
    doubled = {"isolation_integrity": {"value": 0.98, "samples": 4_000}}
    found = complaints(cell, 1, report(violations=[row], measures=doubled), "isolation_breach")
    assert any("0.01 was planted" in text for text in found)


def test_a_type_that_sends_nothing_of_it_must_pass():
    """A leak between tenants is invisible where no user asks for another tenant's data."""
    cell = Cell((BY_NAME["tenant-leak"],), "constitutional", 1, "closed")
    assert complaints(cell, 0, report("PASS", violations=[], thresholds=[]), "") == []
    assert complaints(cell, 1, report(), "isolation_breach") != []


def test_a_breaking_type_must_name_where_it_broke():
    """Errors do not fail a stress test; they are its answer."""
    cell = Cell((BY_NAME["errors"],), "stress", 1, "closed")
    error = {"outcome": "http_error", "operation": "policy_get", "count": 50, "first_s": 3.0, "examples": ["500"]}
    parts = {"violations": [], "errors": [error], "thresholds": [threshold("error_ratio", "fail")]}
    unbroken = report("PASS", **parts, breaking_point={"broke": None})
    assert complaints(cell, 0, unbroken, "http_error") == ["no breaking point, though the target broke"]
    assert complaints(cell, 0, report("PASS", **parts, breaking_point={"broke": {}}), "http_error") == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("stall", "3 of 100 users (3.0 %) had no token after the ramp, more than 1 %"),
        ("deny-all", "decision_correctness = 1: not measured (not one was answered in a way that could be judged)"),
    ],
)
def test_a_breaking_test_may_fail_for_what_the_defect_hides(fault, why):
    """Users who cannot log in at a slow target, answers that are not there: for this and for no other reason."""

    def said(name, reason):
        parts = {
            "violations": [],
            "thresholds": [threshold("latency_p95_ms", "fail"), threshold("error_ratio", "fail")],
        }
        cell = Cell((BY_NAME[name],), "stress", 1, "closed")
        told = report("FAIL", **parts, breaking_point={"broke": {}}, reasons=[reason])
        return [text for text in complaints(cell, 1, told, "") if "verdict FAIL" in text]

    assert said(fault, why) == []
    assert said(fault, "something else") != []
    assert said("errors", why) != []


@pytest.mark.parametrize(
    ("hits", "trials", "sure", "low", "high"),
    [
        (0, 10, 0.95, 0.0, 0.3085),
        (10, 10, 0.95, 0.6915, 1.0),
        (5, 10, 0.95, 0.1871, 0.8129),
        (30, 30_000, 0.95, 0.000675, 0.001427),
    ],
)
def test_intervals_are_those_of_the_tables(hits, trials, sure, low, high):
    """Clopper and Pearson's, as published."""
    assert proportion_interval(hits, trials, sure) == pytest.approx((low, high), abs=6e-5)


def test_the_page_shows_what_was_wrong():
    """Sums, a row a defect, and each complaint."""
    outcomes = [
        Outcome("drop/smoke/1w/closed", True, 1, "FAIL", 1, 900, {"connection_error": 40}, 3.0, (), 15.0),
        Outcome(
            "drop/smoke/4w/closed", False, 3, "PASS", 0, 800, {}, None, ("connection_error is not reported",), 60.0
        ),
        Outcome("errors/enterprise/1w/open/rare", True, 1, "PASS", 0, 30_000, {"http_error": 29}, 1.0, (), 70.0),
    ]
    text = page(outcomes, 3, "2 cores", "abc")
    assert "\n3 runs, 2 right, 31,700 requests" in text
    assert "\n3 of 742 runs, 2 right" in page(outcomes, 742, "2 cores", "abc"), "cut short"
    assert "| `drop` | 1/2 |" in text
    assert "| `errors` | 30,000 | 29 × http_error | yes |" in text
    assert "`drop/smoke/4w/closed`: connection_error is not reported" in text
    assert "1 cells were run again, 2 times" in text


SAMPLE = [
    "none/spike/4w/open", "hash-absent-body/stress/1w/closed", "canary-in-403/distributed/4w/open",
    "stale-read/endurance/4w/closed", "errors/capacity/1w/open", "slow-tail/smoke/1w/open",
]  # fmt: skip


@pytest.mark.matrix
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_the_campaign(name):
    """A handful of cells of types and loads that no other test pairs with these defects; `make campaign` runs all."""
    (cell,) = [cell for cell in matrix() if cell.name == name]
    outcome = run_cell(cell)
    assert outcome.complaints == ()

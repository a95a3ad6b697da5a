"""Every number of a report against a run whose truth is known; and report.json against its published schema."""

import json
from pathlib import Path

import jsonschema
import pytest
from run_fixture import REGION, RunFixture, plan_of

from acgs_load.analysis.judge import analyse, report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.render_json import to_json
from acgs_load.contract import Outcome
from acgs_load.measures import MEASURES

SCHEMA = json.loads((Path(__file__).parents[1] / "schemas" / "report.schema.json").read_text())


def told(fixture, *, finished=True):
    """The report as JSON objects, checked against the schema."""
    report = report_of(load_run(fixture.write(finished=finished)))
    value = json.loads(to_json(report))
    jsonschema.validate(value, SCHEMA)
    return value


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A run of 25 s with faults planted at known places, as JSON."""
    fixture = RunFixture(tmp_path_factory.mktemp("known") / "run", plan_of(headers={"X-Key": "secret-value"}))
    fixture.steady(latency_ms=10, each=2, regions=(REGION, "eu-west-1")).sampled(cpu=0.4, memory=0.25)
    fixture.add(12, "policy_get", [100] * 10, Outcome.FAILED_CHECK, violations=("lost_write", "stale_read"))
    fixture.add(13, "policy_get", [100] * 5, Outcome.FAILED_CHECK, violations=("stale_read",))
    fixture.add(14, "chain_verify", [1] * 7, Outcome.THROTTLED)
    fixture.add(15, "chain_verify", [1] * 3, Outcome.CONNECTION_ERROR)
    fixture.add(16, "chain_verify", [30_000] * 2, Outcome.TIMEOUT, region="eu-west-1")
    fixture.add(17, "policy_list", [10], resent=True)
    fixture.add(18, "proof_obligation", [10] * 4, proof_unknown=True)
    fixture.skip(3, "policy_get", 6)
    for second in range(9):
        fixture.example("stale_read", "policy_get", second, f"version {second % 7}")
    fixture.preflight["warnings"] = ["the target limits requests to 600 a minute"]
    return told(fixture)


def row(rows, name, value):
    """The row of a list whose ``name`` is ``value``."""
    return next(row for row in rows if row[name] == value)


REQUESTS = 25 * 19 * 2 * 2 + 15 + 7 + 3 + 2 + 1 + 4
"""Steady traffic in two regions, and what was planted; ``auth_*`` not counted."""
LOGINS = 2


def test_counts_of_the_whole(known):
    """Requests are what was sent; ratios go over all of them, logins included."""
    total = REQUESTS + LOGINS
    assert sum(entry["requests"] for entry in known["operations"]) == total
    assert known["measures"]["error_ratio"]["value"] == pytest.approx(5 / total)
    assert known["measures"]["throttled_ratio"]["value"] == pytest.approx(7 / total)
    assert known["measures"]["error_ratio"]["samples"] == total
    assert known["measures"]["skipped_ratio"]["value"] == pytest.approx(6 / (REQUESTS + 6))
    assert known["measures"]["resent"]["value"] == 1


def test_measures_that_judge_answers(known):
    """Compliance, hashes, isolation, proofs: each by its own denominator."""
    measures = {name: measure["value"] for name, measure in known["measures"].items()}
    scored = 25 * 18 * 4 + 15 + 1 + 4
    assert measures["compliance_score"] == pytest.approx((scored - 15) / scored)
    assert measures["hash_consistency"] == 1
    assert measures["isolation_integrity"] == 1
    assert measures["durability"] == pytest.approx(1 - 10 / (25 * 5 * 4 + 15))
    assert measures["read_consistency"] == pytest.approx(1 - 15 / (25 * 2 * 4 + 15))
    assert measures["proofs_unknown_ratio"] == pytest.approx(4 / (25 * 4 * 4 + 4))


def test_throughput_and_latency_are_of_the_hold_phases(known):
    """20 s of hold: what was answered in it, by the clock; refusals and closed connections do not flatter latency."""
    answered = 20 * 19 * 4 + 15 + 1 + 4
    assert known["measures"]["throughput_rps"]["value"] == pytest.approx(answered / 20)
    timed = answered + 2
    assert known["measures"]["latency_p50_ms"]["samples"] == timed
    assert known["measures"]["latency_p50_ms"]["value"] == pytest.approx(10, rel=0.004)
    assert known["measures"]["latency_max_ms"]["value"] == 30_000
    average = (10 * (timed - 17) + 15 * 100 + 2 * 30_000) / timed
    assert known["measures"]["latency_avg_ms"]["value"] == pytest.approx(average)


def test_every_measure_is_there(known):
    """Also those that nobody measured, as null."""
    assert list(known["measures"]) == list(MEASURES)
    assert known["measures"]["arrivals_unsent"]["value"] is None
    assert known["measures"]["samples_lost"] == {"value": 0, "unit": "samples", "samples": 1934, "source": "run.json"}


def test_operations(known):
    """A row an operation, in the contract's order, with outcomes and violations of its own."""
    got = row(known["operations"], "operation", "policy_get")
    assert got["scenario"] == "policy"
    assert got["requests"] == 25 * 4 + 15
    assert got["skipped"] == 6
    assert got["outcomes"] == {"failed_check": 15, "ok": 100}
    assert got["violations"] == {"lost_write": 10, "stale_read": 15}
    assert got["latency_ms"]["p50"] == pytest.approx(10, rel=0.004)
    assert got["latency_ms"]["p95"] == pytest.approx(100, rel=0.004)
    assert got["measures"]["read_consistency"] == pytest.approx(1 - 15 / 115)
    chain = row(known["operations"], "operation", "chain_verify")
    assert chain["outcomes"] == {"connection_error": 3, "timeout": 2, "throttled": 7, "ok": 100}
    assert row(known["operations"], "operation", "policy_list")["resent"] == 1
    assert [entry["operation"] for entry in known["operations"]][:3] == [
        "auth_login",
        "constitutional_verify",
        "constitutional_score",
    ]


def test_shares_leave_logins_out(known):
    """Planned by the mix, actual by the requests of the five scenarios."""
    shares = {entry["scenario"]: entry for entry in known["scenarios"]}
    assert shares["tenant"]["share_planned"] == pytest.approx(0.30)
    assert shares["tenant"]["share"] == pytest.approx(25 * 3 * 4 / REQUESTS)
    assert sum(entry["share"] for entry in known["scenarios"]) == pytest.approx(1)
    assert any("tenant 15.5 % (mix 30.0 %)" in text for text in known["warnings"])


def test_regions(known):
    """Each region by itself."""
    west, east = row(known["regions"], "region", "eu-west-1"), row(known["regions"], "region", REGION)
    assert (west["requests"], east["requests"]) == (25 * 19 * 2 + 1 + 2, 25 * 19 * 2 + 1 + 30)
    assert west["outcomes"]["timeout"] == 2
    assert "timeout" not in east["outcomes"]


def test_phases(known):
    """Each phase with its times, its own latency and its own throughput."""
    ramp, hold = known["phases"]
    assert (ramp["phase"], ramp["from_s"], ramp["to_s"], ramp["hold"]) == ("ramp", 0, 5, False)
    assert (hold["phase"], hold["from_s"], hold["to_s"], hold["hold"]) == ("hold", 5, 25, True)
    assert ramp["measures"]["throughput_rps"] == pytest.approx(19 * 4)
    assert ramp["latency_ms"]["max"] == 10
    assert hold["latency_ms"]["max"] == 30_000


def test_violations(known):
    """Count, first time and at most five different examples, in the contract's order."""
    assert [(entry["violation"], entry["count"], entry["first_s"]) for entry in known["violations"]] == [
        ("lost_write", 10, 12),
        ("stale_read", 15, 12),
    ]
    assert known["violations"][1]["examples"] == [f"version {place}" for place in range(5)]


def test_errors(known):
    """Errors and throttling, likewise."""
    assert [(entry["outcome"], entry["count"], entry["first_s"]) for entry in known["errors"]] == [
        ("connection_error", 3, 15),
        ("timeout", 2, 16),
        ("throttled", 7, 14),
    ]


def test_resources(known):
    """Means over the hold phases and maxima; and the busiest generator."""
    target = known["resources"]["target"]
    assert (target["cpu"], target["memory"], target["source"], target["samples"]) == (0.4, 0.25, "process tree", 20)
    assert known["measures"]["target_cpu"]["value"] == pytest.approx(0.4)
    assert known["resources"]["generator"]["cpu_max"] == 0.3
    assert [process["name"] for process in known["resources"]["generator"]["processes"]] == [
        "master",
        "worker-0",
        "worker-1",
    ]


def test_the_frame(known):
    """What was run, the preflight's warning, the note of closed load; header values stay secret."""
    assert known["schema_version"] == "1.1"
    assert known["test"] | {"started": None} == {
        "name": "fixture",
        "type": "smoke",
        "target": "http://127.0.0.1:8080",
        "started": None,
        "duration_s": 25,
        "seed": 7,
        "load": "closed",
        "users_max": 20,
        "rate": None,
        "ended_by": "plan",
    }
    assert known["test"]["started"] == "2027-01-15T08:00:00Z"
    assert "the target limits requests to 600 a minute" in known["warnings"]
    assert any(note.startswith("closed load") for note in known["notes"])
    assert known["plan"]["headers"] == {"X-Key": "(not shown)"}
    assert "secret-value" not in json.dumps(known)
    assert known["plan"]["origins"]["duration"] == "flag --duration"


def test_analyse_writes_every_file(tmp_path):
    """Each form of the report, the JSON last, and no temporary file stays."""
    folder = RunFixture(tmp_path / "run").steady(each=1).sampled().write()
    report = analyse(folder)
    names = {path.name for path in folder.path.iterdir()}
    assert {"report.json", "report.md", "report.html", "junit.xml", "charts"} <= names
    assert not [name for name in names if name.startswith(".")]
    assert {path.name for path in folder.charts.iterdir()} == {
        "throughput.png",
        "latency.png",
        "errors.png",
        "violation-kinds.png",
        "compliance.png",
        "machines.png",
    }
    newest = max(folder.path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name == "report.json"
    assert json.loads(folder.report("json").read_text()) == json.loads(to_json(report))
    assert report.written == str(folder.report("html"))

"""Reports of runs that are not as the others: open load, parts judged alone, a crash, windows in any order."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_fixture import REGION, STARTED, RunFixture, plan_of, thresholds
from test_analysis_report import row, told

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.render_json import to_object
from acgs_load.contract import Outcome
from acgs_load.plan import Stage
from acgs_load.sample_pages import pages_of


def test_silence_is_the_longest_gap(tmp_path):
    """Four seconds without an answer, between the last one before and the first one after."""
    fixture = RunFixture(tmp_path / "run").watched()
    for second in [*range(6), *range(10, 25)]:
        fixture.add(second, "policy_get", [5])
    value = told(fixture)
    assert value["measures"]["silence_max_s"]["value"] == pytest.approx(5)


def test_open_load_tells_both_latencies(tmp_path):
    """From due in latency, from send beside it."""
    stages = (Stage("ramp", 5, 20, 20, 0, 10), Stage("hold", 20, 20, 20, 10, 10, hold=True))
    fixture = RunFixture(tmp_path / "run", plan_of(load="open", rate=10, stages=stages)).watched()
    for second in range(25):
        fixture.add(second, "policy_get", [10] * 10, late_ms=90)
    value = told(fixture)
    assert value["measures"]["latency_p95_ms"]["value"] == pytest.approx(100, rel=0.004)
    assert value["service_ms"]["p95"] == pytest.approx(10, rel=0.004)
    assert value["operations"][0]["latency_ms"]["p95"] == pytest.approx(100, rel=0.004)
    assert value["operations"][0]["service_ms"]["p95"] == pytest.approx(10, rel=0.004)
    assert value["test"]["load"] == "open"
    assert any(note.startswith("open load") for note in value["notes"])


def test_a_threshold_with_labels_is_judged_by_its_part(tmp_path):
    """Only the named operation's requests count."""
    plan = plan_of(thresholds=thresholds('latency_max_ms{operation="policy_get"} <= 20', "latency_max_ms <= 20"))
    fixture = RunFixture(tmp_path / "run", plan).steady()
    fixture.add(10, "policy_list", [50])
    states = {entry["expression"]: entry for entry in told(fixture)["thresholds"]}
    assert states['latency_max_ms{operation="policy_get"} <= 20']["state"] == "pass"
    assert states['latency_max_ms{operation="policy_get"} <= 20']["labels"] == {"operation": "policy_get"}
    assert states["latency_max_ms <= 20"]["state"] == "fail"


def test_latencies_of_the_ramp_stay_out_of_every_part(tmp_path):
    """Operations, scenarios and regions tell the latency of the hold phases, as the thresholds do; counts tell all."""
    fixture = RunFixture(tmp_path / "run").steady()
    fixture.add(2, "policy_get", [4000] * 3)
    value = told(fixture)
    parts = [value["operations"], value["scenarios"], value["regions"]]
    assert max(entry["latency_ms"]["max"] or 0 for rows in parts for entry in rows) == 10
    assert row(value["operations"], "operation", "policy_get")["requests"] == 53
    assert value["phases"][0]["latency_ms"]["max"] == 4000
    assert value["measures"]["latency_max_ms"]["value"] == 10


def test_the_best_source_of_cpu_is_used(tmp_path):
    """A whole host's figures beat those of one process tree."""
    fixture = RunFixture(tmp_path / "run").steady().sampled(cpu=0.1).sampled(cpu=0.6, source="prometheus")
    value = told(fixture)
    assert value["resources"]["target"]["source"] == "prometheus"
    assert value["measures"]["target_cpu"]["value"] == pytest.approx(0.6)


def test_a_crashed_run_has_a_report(tmp_path):
    """It says what is missing and fits the schema."""
    value = told(RunFixture(tmp_path / "run").steady(), finished=False)
    assert value["verdict"] == "INVALID"
    assert any("run.json" in text for text in value["warnings"])


ROWS = st.lists(
    st.tuples(
        st.integers(0, 24),
        st.sampled_from(["policy_get", "chain_verify", "auth_login", "cross_tenant_access_attempt"]),
        st.lists(st.floats(0.01, 40_000), min_size=1, max_size=4),
        st.sampled_from(list(Outcome)),
        st.sampled_from([REGION, "eu-west-1"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_windows_changes_nothing(tmp_path_factory, rows, random):
    """Workers, regions and late windows may arrive in any order: the report is the same to the last digit."""
    reports = []
    for _ in range(2):
        fixture = RunFixture(tmp_path_factory.mktemp("order") / "run").watched()
        lines = []
        for second, operation, latencies, outcome, region in rows:
            single = RunFixture(fixture.folder.path)
            single.add(second, operation, latencies, outcome, region=region, score=None)
            lines += [json.dumps(page) for page in pages_of(list(single.windows.items()))]
        folder = fixture.write()
        folder.windows.write_text("\n".join(lines) + "\n")
        value = to_object(report_of(load_run(folder)))
        value["plan"]["folder"] = ""
        reports.append(value)
        random.shuffle(rows)
    assert reports[0] == reports[1]
    assert sum(entry["requests"] for entry in reports[0]["operations"]) == sum(len(row[2]) for row in rows)


def test_the_run_begins_where_the_record_says(tmp_path):
    """First times are seconds since the start, which need not be a whole second."""
    fixture = RunFixture(tmp_path / "run").steady()
    fixture.run["started_s"] = STARTED + 0.75
    fixture.add(12, "policy_get", [10], Outcome.HTTP_ERROR)
    assert told(fixture)["errors"][0]["first_s"] == 11.25

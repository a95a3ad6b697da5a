"""What a run must show by default, and how the user's thresholds take its place; nodes and their shares."""

from __future__ import annotations

import pytest
from test_profiles import expressions, plan
from test_profiles_refused import file, refused  # noqa: F401 - file is a fixture

from acgs_load.errors import UsageError
from acgs_load.measures import EXACT_ONE
from acgs_load.plan import Node
from acgs_load.profile_nodes import REGIONS, shares, users_by_node, with_workers
from acgs_load.settings_table import SETTINGS

TABLE = [
    "latency_p95_ms <= 2000",
    "latency_p99_ms <= 5000",
    "latency_avg_ms <= 1000",
    "throughput_rps >= 1000",
    "throughput_peak_rps >= 1500",
    "error_ratio <= 0.01",
    "throttled_ratio <= 0.01",
    "proofs_unknown_ratio <= 0.01",
    "compliance_score >= 0.95",
    *(f"{name} = 1" for name in EXACT_ONE),
    "target_cpu <= 0.80",
    "target_memory <= 0.85",
]


def test_the_defaults_of_enterprise_are_the_promised_ones():
    """The table of measures.md; only CPU and memory may go unmeasured."""
    made = plan()
    assert expressions(made) == TABLE
    assert [text.expression for text in made.thresholds if not text.required] == TABLE[-2:]
    assert not any(text.breaking for text in made.thresholds)
    assert {text.source for text in made.thresholds} == {"default"}


THROUGHPUT = [
    ({}, ["throughput_rps >= 1000", "throughput_peak_rps >= 1500"], "default: 1 RPS a user"),
    ({"users": 200}, ["throughput_rps >= 200", "throughput_peak_rps >= 300"], "default: 1 RPS a user"),
    ({"test_type": "smoke"}, ["throughput_rps >= 20", "throughput_peak_rps >= 30"], "default: 1 RPS a user"),
    ({"test_type": "spike"}, ["throughput_rps >= 2000", "throughput_peak_rps >= 3000"], "default: 1 RPS a user"),
    ({"target_rps": 1234.5}, ["throughput_rps >= 1234.5", "throughput_peak_rps >= 1851.75"], "flag --target-rps"),
    ({"rate": 200}, ["throughput_rps >= 196"], "default: 0.98 of the rate"),
    ({"rate": 200, "target_rps": 150}, ["throughput_rps >= 150"], "flag --target-rps"),
    ({"users": 10, "duration": "9s"}, ["throughput_rps >= 10"], "default: 1 RPS a user"),
    ({"users": 10, "duration": "10s"}, ["throughput_rps >= 10", "throughput_peak_rps >= 15"], "default: 1 RPS a user"),
    ({"test_type": "stress"}, ["throughput_rps >= 3000 during step-3000"], "default: 1 RPS a user"),
    ({"test_type": "capacity"}, [], "default: none, each step of the search owes its own rate"),
]


@pytest.mark.parametrize(("asked", "owed", "origin"), THROUGHPUT, ids=lambda value: str(value))
def test_the_throughput_that_is_owed(asked, owed, origin):
    """The user's TARGET_RPS, else 0.98 of the rate, else one a user; the peak only in closed load of ten seconds."""
    made = plan(**asked)
    assert [text for text in expressions(made) if text.startswith("throughput")] == owed
    assert made.origins["TARGET_RPS"] == origin


def test_integrity_of_what_is_not_sent_is_not_owed():
    """The constitutional mix sends no tenant operations: their measures fail on a breach, not for being unmeasured."""
    required = {text.expression.split()[0]: text.required for text in plan(test_type="constitutional").thresholds}
    assert not required["isolation_integrity"]
    assert not required["chain_integrity"]
    assert required["proof_correctness"]
    assert required["decision_correctness"]
    assert required["durability"]
    assert required["hash_consistency"]


def test_stress_and_capacity_only_note_where_it_broke():
    """Latency, throughput, errors and throttling say where; integrity and compliance still decide."""
    for test_type in ("stress", "capacity"):
        made = plan(test_type=test_type, thresholds=["latency_p99_ms <= 9", "compliance_score >= 0.99"])
        breaking = {text.expression.split()[0] for text in made.thresholds if text.breaking}
        deciding = {text.expression.split()[0] for text in made.thresholds if not text.breaking}
        assert {"latency_p95_ms", "latency_p99_ms", "latency_avg_ms", "error_ratio", "throttled_ratio"} <= breaking
        assert {*EXACT_ONE, "compliance_score", "proofs_unknown_ratio", "target_cpu"} <= deciding


def test_a_given_threshold_takes_the_place_of_the_default(file):  # noqa: F811
    """Flag over file over default, subject by subject; another window, label, phase or side is another subject."""
    flags = file(THRESHOLDS=["latency_p95_ms <= 700", "latency_p99_ms <= 900", "error_ratio <= 0.5"])
    made = plan(
        flags,
        thresholds=[
            "latency_p95_ms <= 600",
            'latency_p99_ms{operation="policy_get"} <= 5',
            "latency_avg_ms <= 7 during ramp",
            "error_ratio <= 0.2 over 10s for 3",
            "throughput_rps <= 5000",
        ],
    )
    texts = {text.expression: text.source for text in made.thresholds}
    assert texts["latency_p95_ms <= 600"] == "flag"
    assert texts["latency_p99_ms <= 900"] == texts["error_ratio <= 0.5"] == "file"
    assert texts["latency_avg_ms <= 1000"] == texts["throughput_rps >= 1000"] == "default"
    for gone in ("latency_p95_ms <= 700", "latency_p95_ms <= 2000", "latency_p99_ms <= 5000", "error_ratio <= 0.01"):
        assert gone not in texts
    assert len(made.thresholds) == len(TABLE) + 4


def test_a_given_cpu_threshold_is_owed():
    """What the user set fails when it is not measured."""
    made = plan(thresholds=["target_cpu <= 0.5"])
    assert {text.expression: text.required for text in made.thresholds}["target_cpu <= 0.5"] is True
    assert "target_cpu <= 0.80" not in expressions(made)


def test_the_least_compliance_is_a_setting(file):  # noqa: F811
    """COMPLIANCE_THRESHOLD is what the default threshold demands."""
    made = plan(file(COMPLIANCE_THRESHOLD=0.999))
    assert "compliance_score >= 0.999" in expressions(made)
    assert made.compliance_min == 0.999


UNFIT = [
    ("latency_p95_ms <= 5 during rush", "rush is no phase of this run; legal: ramp, hold"),
    ("latency_p95_ms <= 5 during hald", "did you mean hold?"),
    ('latency_p95_ms{region="eu-west-1"} <= 5', "eu-west-1 is no region of this run; legal: local"),
    ("latency_p95_ms <= 1.1 * baseline", "name its run folder with --baseline"),
    ("latency_p95_ms <= 1.1", None),
    ("error_ratio <= 0.1 over 1h", "the window do not fit"),
    ("latency_p95_ms <= 5 over 600s for 3", "3 windows of 600 s do not fit into what it speaks of; this run has ramp"),
    ("latency_p95_ms <= 5 during ramp over 60s for 2", "2 windows of 60 s do not fit"),
    ("latency_p95_ms <= 5 during ramp over 50s for 2", None),
    ("latency_p95_ms <=", "column 18: expected a number (ms)"),
]


@pytest.mark.parametrize(("expression", "told"), UNFIT)
def test_a_threshold_that_does_not_fit_the_plan_is_refused(expression, told):
    """Phases, regions, baseline and windows are checked before the first request, naming who wrote the threshold."""
    if told is None:
        assert expression in expressions(plan(thresholds=[expression]))
        return
    message = refused(thresholds=[expression])
    assert told in message
    assert message.startswith("--threshold: threshold ")


def test_a_threshold_on_a_scenario_that_is_not_run_is_refused():
    """It could only ever read "not measured"."""
    for text in ('latency_p95_ms{scenario="tenant"} <= 5', 'latency_p95_ms{operation="audit_create"} <= 5'):
        assert "is not run; the mix has constitutional, policy, formal" in refused(
            test_type="constitutional", thresholds=[text]
        )


def test_a_baseline_cannot_abort():
    """The master does not have the earlier run."""
    told = refused(thresholds=["latency_p95_ms <= 2 * baseline abort"], baseline="x")
    assert "leave out abort" in told


def test_one_machine_by_default():
    """All CPUs but one, at least one; --workers says otherwise."""
    assert plan(cpus=8).nodes == (Node("localhost", 7, 1000, "local"),)
    assert plan(cpus=1).workers == 1
    assert plan(cpus=8, workers=3).workers == 3


def test_distributed_plays_four_regions():
    """Four nodes of four workers and 1,000 users each, on this machine unless others are named."""
    made = plan(test_type="distributed")
    assert made.nodes == tuple(Node("localhost", 4, 1000, region) for region in REGIONS)
    assert made.workers == 16
    assert [node.workers for node in plan(test_type="distributed", workers=6).nodes] == [2, 2, 1, 1]
    assert "4 nodes; each node needs at least one" in refused(test_type="distributed", workers=3)


NODES = [
    {"host": "a", "workers": 8, "max_users": 500, "region": "us-east-1"},
    {"host": "b", "workers": 2, "max_users": 250, "region": "eu-west-1"},
]


def test_named_nodes_carry_what_they_can(file):  # noqa: F811
    """Default users give way to max_users, so that the promise's example runs; users asked for are refused."""
    made = plan(file(LOAD_TEST_NODES=NODES))
    assert made.users_max == 750
    assert made.origins["USERS"] == "default: what the nodes carry (max_users)"
    assert users_by_node(made.nodes, made.users_max) == [500, 250]
    assert plan(file(LOAD_TEST_NODES=NODES), rate=1000).users_max == 750
    assert "--users 751: the nodes carry 750 users" in refused(config=file(LOAD_TEST_NODES=NODES), users=751)
    assert "custom.json: USERS 751: the nodes carry" in refused(config=file(LOAD_TEST_NODES=NODES, USERS=751))
    assert "ACGS_USERS 9999" in refused(test_type="distributed", environ={"ACGS_USERS": "9999"})


@pytest.mark.parametrize("total", [0, 1, 2, 3, 10, 99, 100, 4000])
@pytest.mark.parametrize("weights", [[1], [1, 1], [1, 2, 3], [500, 250, 1], [7, 7, 7, 7]])
def test_shares_are_exact(total, weights):
    """They add up to the total, and none is off its exact share by one or more."""
    split = shares(total, weights)
    assert sum(split) == total
    for part, weight in zip(split, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 1


def test_workers_are_shared_but_every_node_keeps_one():
    """In proportion to what the nodes had."""
    nodes = [Node("a", 8, 1, "x"), Node("b", 1, 1, "y"), Node("c", 1, 1, "z")]
    assert [node.workers for node in with_workers(nodes, 20)] == [14, 3, 3]
    assert [node.workers for node in with_workers(nodes, 3)] == [1, 1, 1]
    with pytest.raises(UsageError):
        with_workers(nodes, 2)


def test_every_setting_says_where_it_came_from():
    """The plan's origins speak of every key; what the type decided says so."""
    made = plan(test_type="spike", users=10, environ={"ACGS_SEED": "9"})
    assert set(made.origins) == {setting.key for setting in SETTINGS}
    assert made.origins["USERS"] == "flag --users"
    assert made.origins["SEED"] == "env ACGS_SEED"
    assert made.origins["TEST_DURATION"] == "default of spike"
    assert made.origins["LOCUST_MASTER_PORT"] == "default"

"""Each iteration is three requests in the contract's order and form; rotations and alternations turn per user."""

import sys
from collections import Counter

import pytest
from fake_logic import sha
from fake_transport import SCENARIOS, FakeAnswer, FakeArrivals, Stage

from acgs_load.contract import OPERATIONS
from acgs_load.traffic.user.memory import EVENTS_MAX

FIXED = {
    "constitutional": ["constitutional_verify", "constitutional_score", "constitutional_formal_request"],
    "tenant": ["tenant_data_access", "cross_tenant_access_attempt", "tenant_config_update"],
    "policy": ["policy_create", "policy_get", {"policy_update", "policy_list", "governance_decision"}],
    "formal": ["formal_verification", "proof_obligation", {"constraint_validation", "verification_status"}],
    "integrity": ["audit_create", "audit_verify", {"chain_verify", "crypto_validate"}],
}
OUTSIDE = {"auth_login", "auth_refresh", "config"}


def iterations(stage, visit, scenario, times):
    """The requests of each iteration."""
    found = []
    for _ in range(times):
        begin = len(stage.sent)
        visit.prepare()
        visit.run(scenario)
        found.append([sent for sent in stage.sent[begin:] if sent["operation"] not in OUTSIDE])
    return found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_iteration_is_three_requests_and_the_third_rotates(scenario):
    """The first two are fixed; over as many iterations as there are choices, each comes once."""
    stage = Stage(tenants=("a", "b"))
    visit = stage.visit()
    third = FIXED[scenario][2]
    choices = third if isinstance(third, set) else {third}
    for _ in range(4):
        rounds = iterations(stage, visit, scenario, len(choices))
        for sent in rounds:
            assert [row["operation"] for row in sent[:2]] == FIXED[scenario][:2]
            assert len(sent) == 3
        assert {sent[2]["operation"] for sent in rounds} == choices
    samples = [s for s in stage.recorder.samples if s.scenario]
    assert {s.scenario for s in samples} == {scenario}
    assert stage.recorder.skipped == []


def test_users_start_at_different_points_of_a_rotation():
    """So that a thousand users do not all update at once."""
    stage = Stage(tenants=("a", "b"))
    thirds = Counter()
    for _ in range(40):
        visit = stage.visit()
        thirds[iterations(stage, visit, "policy", 1)[0][2]["operation"]] += 1
    assert len(thirds) == 3
    assert min(thirds.values()) >= 4


def test_an_unknown_scenario_is_an_error():
    """A wrong mix is no silent nothing."""
    with pytest.raises(KeyError):
        Stage().visit().run("unknown")


def test_each_request_goes_where_the_contract_says():
    """Method and path of every operation, with nothing left to fill in, and bodies with exactly the table's keys."""
    keys = {
        "constitutional_score": "operation tenant_id constitutional_hash",
        "constitutional_formal_request": "policy_content verification_type constitutional_hash tenant_id timestamp",
        "tenant_config_update": "setting value constitutional_hash",
        "policy_create": "rule constraints conditions metadata constitutional_hash",
        "policy_update": "rule constraints conditions metadata version constitutional_hash",
        "governance_decision": "policy_id decision",
        "formal_verification": "policy_content verification_type constitutional_hash tenant_id timestamp",
        "proof_obligation": "obligation_id smtlib timeout_ms",
        "constraint_validation": "constraints declarations",
        "audit_create": "event_type tenant_id user_id details timestamp",
        "crypto_validate": "payload signature key_id",
    }
    stage = Stage(tenants=("a", "b"))
    visit = stage.visit()
    for scenario in SCENARIOS:
        iterations(stage, visit, scenario, 6)
    for sent in stage.sent:
        if sent["operation"] in OUTSIDE:
            continue
        operation = OPERATIONS[sent["operation"]]
        assert sent["method"] == operation.method
        assert "{" not in sent["path"]
        assert set(sent["body"] or {}) == set(keys.get(operation.name, "").split())
    for sent in stage.sent_as("proof_obligation"):
        assert 1 <= sent["body"]["timeout_ms"] <= 30_000
        assert len(sent["body"]["smtlib"]) < 16 * 1024
    for sent in stage.sent_as("governance_decision"):
        assert set(sent["body"]["decision"]) == {"action", "subject", "context"}
    for sent in stage.sent_as("crypto_validate"):
        assert len(sent["body"]["payload"]) == 9


def test_every_other_attempt_spoofs_the_tenant_header():
    """Token and user stay the own ones."""
    stage = Stage(tenants=("a", "b"))
    visit = stage.visit()
    iterations(stage, visit, "tenant", 8)
    own = stage.sent_as("tenant_data_access")[0]["headers"]
    spoofed = []
    for sent in stage.sent_as("cross_tenant_access_attempt"):
        other = sent["path"].split("/")[3]
        assert other != own["X-Tenant-ID"]
        spoofed.append(sent["headers"]["X-Tenant-ID"] == other)
        assert {**sent["headers"], "X-Tenant-ID": ""} == {**own, "X-Tenant-ID": ""}
    assert spoofed in ([True, False] * 4, [False, True] * 4)


def test_every_other_read_asks_for_the_policy_that_was_updated_last():
    """The others ask for the policy of the iteration."""
    stage = Stage()
    visit = stage.visit()
    iterations(stage, visit, "policy", 6)
    updated, kinds = None, []
    for sent in iterations(stage, visit, "policy", 12):
        policies = list(stage.target.policies)
        path = sent[1]["path"]
        kinds.append("new" if path.endswith(_quoted(policies[len(kinds) + 6])) else "updated")
        if kinds[-1] == "updated":
            updated = path
        if sent[2]["operation"] == "policy_update":
            assert sent[2]["path"] == path
    assert updated
    assert kinds in (["new", "updated"] * 6, ["updated", "new"] * 6)


def _quoted(policy_id):
    return policy_id.replace(" ", "%20").replace("/", "%2F").replace("ä", "%C3%A4")


def test_updates_name_the_version_that_was_read():
    """So a truthful target accepts every one, and versions climb."""
    stage = Stage()
    visit = stage.visit()
    iterations(stage, visit, "policy", 24)
    assert stage.recorder.outcomes("policy_update") == {"ok": 8}
    assert max(len(contents) for _, contents in stage.target.policies.values()) > 2


def test_every_other_event_read_back_is_an_earlier_one():
    """The others are the latest."""
    stage = Stage(tenants=("a",))
    visit = stage.visit()
    rounds = iterations(stage, visit, "integrity", 40)
    latest = [sent[1]["path"].endswith(f"event-a-{number}") for number, sent in enumerate(rounds)]
    assert sum(latest) in range(20, 28)
    assert all(latest[::2]) or all(latest[1::2])


def test_every_other_signature_is_tampered_with():
    """In one field or in one bit; the genuine ones are the user's own entries as acknowledged."""
    stage = Stage(tenants=("a",))
    visit = stage.visit()
    iterations(stage, visit, "integrity", 48)
    entries = [sha(entry) for entry in stage.target.chains["a"]]
    sent = stage.sent_as("crypto_validate")
    known = [sha(row["body"]["payload"]) in entries for row in sent]
    valid = [stage.target.verify_signature("a", row["body"])[1]["is_valid"] for row in sent]
    assert valid in ([True, False] * 12, [False, True] * 12)
    assert all(entry for entry, ok in zip(known, valid, strict=True) if ok)
    assert {entry for entry, ok in zip(known, valid, strict=True) if not ok} == {True, False}


@pytest.mark.parametrize("published", [True, False])
def test_signatures_count_as_checked_where_keys_are_published(published):
    """Every audit_create under published keys, none without, and no other operation ever."""
    stage = Stage(tenants=("a",))
    stage.target.publishes_keys = published
    visit = stage.visit()
    iterations(stage, visit, "integrity", 4)
    checked = {(sample.operation, sample.signature_checked) for sample in stage.recorder.samples}
    assert ("audit_create", published) in checked
    assert {operation for operation, yes in checked if yes} == ({"audit_create"} if published else set())


def test_what_has_no_object_is_skipped_and_takes_no_arrival():
    """It is counted as skipped under its operation; arrivals are asked for once per request that is sent."""
    stage = Stage()
    visit = stage.visit()
    stage.plant_before("audit_create", lambda: FakeAnswer(500, {"error": "internal_error"}, None))
    begin = stage.arrivals.asked
    rounds = iterations(stage, visit, "integrity", 2)
    skipped = [operation for operation, scenario in stage.recorder.skipped if scenario == "integrity"]
    assert skipped.count("audit_verify") == 2
    assert "crypto_validate" in skipped
    assert sum(len(sent) for sent in rounds) + len(skipped) == 6
    assert stage.arrivals.asked - begin == sum(len(sent) for sent in rounds)


def test_latency_counts_from_the_arrival():
    """In open load a sample is due when its arrival was; a login is due when it is sent."""
    stage = Stage()
    visit = stage.visit()
    stage.arrivals = FakeArrivals([1.0, 2.0, 3.0])
    visit._client._arrivals = stage.arrivals
    visit.run("constitutional")
    samples = [s for s in stage.recorder.samples if s.scenario]
    assert [s.due_s for s in samples] == [1.0, 2.0, 3.0]
    login = stage.recorder.samples[0]
    assert login.due_s == login.sent_s < login.done_s


def test_two_runs_with_one_seed_send_the_same():
    """Apart from times, ids and tokens that the target gave; another seed sends other things."""

    def bodies(seed):
        stage = Stage(seed=seed)
        visits = [stage.visit() for _ in range(3)]
        for _ in range(6):
            for visit in visits:
                for scenario in SCENARIOS:
                    visit.run(scenario)
        return [(sent["method"], sent["path"], sent["body"]) for sent in stage.sent]

    assert bodies(7) == bodies(7)
    assert bodies(7) != bodies(8)


def test_what_a_user_sends_does_not_depend_on_other_scenarios_or_failures():
    """The n-th policy of a user is the same whatever else happened."""
    stage, other = Stage(), Stage()
    visit, another = stage.visit(), other.visit()
    other.plant("policy_get", lambda answer: setattr(answer, "status", 500))
    iterations(stage, visit, "policy", 4)
    for _ in range(4):
        another.run("tenant")
        another.run("policy")
    sent = [[row["body"] for row in each.sent_as("policy_create")] for each in (stage, other)]
    assert sent[0] == sent[1]


def test_isolation_is_right_only_beside_an_own_access_that_was_ok():
    """A target that denies everything never looks isolated."""
    stage = Stage(tenants=("a", "b"))
    visit = stage.visit()
    visit.run("tenant")
    attempts = [s for s in stage.recorder.samples if s.operation == "cross_tenant_access_attempt"]
    assert [s.isolation_right for s in attempts] == [True]

    def deny(answer):
        answer.status = 403
        answer.body = {**dict.fromkeys(("message", "request_id", "timestamp"), ""), "error": "tenant_access_denied"}

    stage.plant("tenant_data_access", deny)
    visit.run("tenant")
    attempts = [s for s in stage.recorder.samples if s.operation == "cross_tenant_access_attempt"]
    assert [s.isolation_right for s in attempts] == [True, False]
    assert not any(s.isolation_right for s in stage.recorder.samples if s.operation != attempts[0].operation)


def test_unknown_proofs_are_ok_and_counted():
    """A solver that gives up is slow, not wrong."""
    stage = Stage()
    visit = stage.visit()
    unknown = {"solver_result": "unknown", "is_compliant": False}
    stage.plant("formal_verification", lambda answer: answer.body.update(unknown))
    stage.plant("constitutional_formal_request", lambda answer: answer.body.update(unknown))
    stage.plant("proof_obligation", lambda answer: answer.body.update(result="unknown", counterexample=None))
    stage.plant("constraint_validation", lambda answer: answer.body.update(satisfiable=None, model=None))
    for scenario in ("constitutional", "formal"):
        iterations(stage, visit, scenario, 4)
    counted = Counter(s.operation for s in stage.recorder.samples if s.proof_unknown)
    assert counted == {
        "formal_verification": 4,
        "proof_obligation": 4,
        "constraint_validation": 2,
        "constitutional_formal_request": 4,
    }
    assert {str(s.outcome) for s in stage.recorder.samples} == {"ok"}


def test_what_a_user_remembers_stays_bounded():
    """Of hours of events some are kept, the latest always."""
    stage = Stage(tenants=("a",))
    visit = stage.visit()
    iterations(stage, visit, "integrity", 150)
    memory = visit._client.memory
    assert memory.events == EVENTS_MAX
    assert memory.event().event_id == "event-a-149"
    kept = {int(memory.event(place).event_id.split("-")[2]) for place in range(EVENTS_MAX)}
    assert min(kept) < 125
    assert sys.getsizeof(memory._events) + sum(map(sys.getsizeof, memory._events)) < 4_096
    assert stage.recorder.violations() == {}

"""Each lie that can be planted in an operation shows, and leaves the rest truthful."""

import hashlib
import json

import pytest
from test_gateway_support import EVENT, HASH, NAMED, POLICY, Client, gateways_by_faults

pytestmark = pytest.mark.slow

SCORE = ("POST", "/api/constitutional/score", {"operation": "o", "tenant_id": "tenant-a", **NAMED})


@pytest.fixture(scope="module")
def gateways():
    with gateways_by_faults() as start:
        yield start


@pytest.fixture(scope="module")
def lying(gateways):
    """A gateway with defects that do not touch each other."""
    faults = ("hash-wrong-header", "hash-absent-body", "score-low", "decision-wrong", "signature-accepted")
    return gateways(*faults, "stale-read=1", "tenant-leak", "counterexample-bogus", "chain-tampered=1")


@pytest.fixture(scope="module")
def other(gateways):
    """A gateway with another set of defects."""
    faults = ("hash-absent-header", "hash-wrong-body", "spoof-leak", "canary-in-403")
    return gateways(*faults, "proof-wrong=1", "lost-audit=1")


def canonical_hash(value):
    """The hash of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_health_stays_truthful_under_wrong_hashes(lying, other):
    """A starter must still recognise its own gateway."""
    for gateway in (lying, other):
        answer = Client(gateway.port).call("GET", "/gateway/health", headers={})
        assert answer.headers["x-constitutional-hash"] == answer.body["constitutional_hash"] == HASH


def test_hash_wrong_header_and_absent_body(lying):
    """Each alone, on errors too."""
    for path, status in (("/api/constitutional/verify", 200), ("/api/policy/unknown", 404)):
        answer = lying.client().call("GET", path)
        assert answer.status == status
        assert answer.headers["x-constitutional-hash"] not in (HASH, "")
        assert "constitutional_hash" not in answer.body


def test_hash_absent_header_and_wrong_body(other):
    """The other way round."""
    for path, status in (("/api/constitutional/verify", 200), ("/api/policy/unknown", 404)):
        answer = other.client().call("GET", path)
        assert answer.status == status
        assert "x-constitutional-hash" not in answer.headers
        assert answer.body["constitutional_hash"] != HASH


@pytest.mark.parametrize("fault", ["hash-wrong-header=0.5", "hash-absent-body=0.5"])
def test_a_ratio_is_a_ratio(gateways, fault):
    """Half of the answers, not all and not none."""
    client = gateways("hash-wrong-header=0.5", "hash-absent-body=0.5").client()
    answers = [client.call("GET", "/api/constitutional/verify") for _ in range(60)]
    wrong = [answer.headers["x-constitutional-hash"] != HASH for answer in answers]
    absent = ["constitutional_hash" not in answer.body for answer in answers]
    assert 5 < sum(wrong if "header" in fault else absent) < 55


def test_tenant_leak(lying):
    """200 with the other's canary and records, with and without the spoofed header; the own data stays right."""
    theirs = lying.client("tenant-b").call("GET", "/api/tenant/tenant-b/data").body
    client = lying.client()
    for header in ("tenant-a", "tenant-b"):
        leaked = client.call("GET", "/api/tenant/tenant-b/data", X_Tenant_ID=header)
        assert (leaked.status, leaked.body["canary"], leaked.body["records"]) == (
            200,
            theirs["canary"],
            theirs["records"],
        )
    assert client.call("GET", "/api/tenant/tenant-a/data").body["tenant_id"] == "tenant-a"
    assert client.call("GET", "/api/tenant/tenant-b/data", Authorization=None).status == 401


def test_spoof_leak_and_canary_in_403(other):
    """Without the spoofed header a refusal that holds the canary; with it the other's data."""
    canary = other.client("tenant-b").call("GET", "/api/tenant/tenant-b/data").body["canary"]
    client = other.client()
    refused = client.call("GET", "/api/tenant/tenant-b/data")
    assert (refused.status, refused.body["error"]) == (403, "tenant_access_denied")
    assert canary in refused.body["message"]
    leaked = client.call("GET", "/api/tenant/tenant-b/data", X_Tenant_ID="tenant-b")
    assert (leaked.status, leaked.body["canary"]) == (200, canary)


def test_lost_audit(other):
    """Acknowledged, then unknown."""
    client = other.client("lost")
    made = client.create_event()
    assert made.status == 201
    assert client.call("GET", f"/api/integrity/audit/verify?event_id={made.body['event_id']}").status == 404
    assert client.call("GET", "/api/integrity/chain/verify").body["length"] == 0


def test_chain_tampered(lying):
    """The stored entry does not hash as acknowledged any more, and says so."""
    client = lying.client("tampered")
    made = client.create_event().body
    found = client.call("GET", f"/api/integrity/audit/verify?event_id={made['event_id']}").body
    assert found["is_valid"] is False
    assert found["entry_hash"] == made["entry_hash"] != canonical_hash(found["entry"])
    assert client.call("GET", "/api/integrity/chain/verify").body["is_valid"] is False


OBLIGATION = {"obligation_id": "o", "timeout_ms": 5000}


def test_proof_wrong(other):
    """Every verdict is turned round, whichever operation gives it."""
    client = other.client()
    path = "/api/verification/obligations"
    body = client.call("POST", path, {**OBLIGATION, "smtlib": "(assert false)"}).body
    assert body["result"] == "invalid"
    body = client.call("POST", path, {**OBLIGATION, "smtlib": "(assert true)"}).body
    assert (body["result"], body["counterexample"]) == ("valid", None)
    path = "/api/verification/constraints"
    assert client.call("POST", path, {"declarations": {}, "constraints": ["false"]}).body["satisfiable"] is True
    assert client.call("POST", path, {"declarations": {}, "constraints": []}).body["satisfiable"] is False
    content = {"declarations": {}, "constraints": ["false"]}
    told = {"policy_content": content, "verification_type": "consistency", "tenant_id": "tenant-a", "timestamp": "t"}
    body = client.call("POST", "/api/verification/verify", {**told, **NAMED}).body
    assert (body["is_compliant"], body["solver_result"]) == (True, "sat")


@pytest.mark.parametrize(
    ("constraint", "holds"),
    [("(> x 5)", lambda x: x > 5), ("(= x 0)", lambda x: x == 0), ("(not (= x 3))", lambda x: x != 3)],
)
def test_counterexample_bogus(lying, constraint, holds):
    """The verdict is right, the model does not satisfy; a tautology's lacks a constant."""
    client = lying.client()
    told = {**OBLIGATION, "smtlib": f"(declare-const x Int)(assert {constraint})"}
    body = client.call("POST", "/api/verification/obligations", told).body
    assert body["result"] == "invalid"
    assert not holds(body["counterexample"]["x"])
    told = {"declarations": {"x": "Int"}, "constraints": [constraint]}
    body = client.call("POST", "/api/verification/constraints", told).body
    assert body["satisfiable"] is True
    assert not holds(body["model"]["x"])
    told["constraints"] = ["(= x x)"]
    assert client.call("POST", "/api/verification/constraints", told).body["model"] == {}


def test_signature_accepted(lying):
    """Any signature will do; an unknown key still will not."""
    client = lying.client()
    made = client.create_event().body
    told = {"payload": {"forged": True}, "signature": made["signature"], "key_id": made["key_id"]}
    assert client.call("POST", "/api/integrity/crypto/verify", told).body["is_valid"] is True
    assert client.call("POST", "/api/integrity/crypto/verify", {**told, "key_id": "x"}).status == 422


def test_stale_read(lying):
    """The version before the last update; a policy that was never updated is read as it is."""
    client = lying.client()
    policy_id = client.create_policy().body["policy_id"]
    assert client.call("GET", f"/api/policy/{policy_id}").body["version"] == 1
    changed = {**POLICY, "metadata": {"new": True}, "version": 1, **NAMED}
    assert client.call("PUT", f"/api/policy/{policy_id}", changed).body["version"] == 2
    read = client.call("GET", f"/api/policy/{policy_id}").body
    assert (read["version"], read["policy"]) == (1, POLICY)
    assert client.call("PUT", f"/api/policy/{policy_id}", {**changed, "version": 2}).body["version"] == 3


def test_decision_wrong(lying):
    """What the rule permits is denied, and the other way round."""
    client = lying.client()
    policy_id = client.create_policy().body["policy_id"]
    for action, outcome in (("read", "deny"), ("write", "permit")):
        told = {"policy_id": policy_id, "decision": {"action": action}}
        body = client.call("POST", "/api/governance/decisions/validate", told).body
        assert (body["outcome"], body["is_valid"]) == (outcome, outcome == "permit")


def test_score_low(lying):
    """Header, body and mean agree on 0.5; other operations keep their own."""
    client = lying.client()
    answer = client.call(*SCORE)
    scores = answer.body["principle_scores"].values()
    assert answer.body["compliance_score"] == sum(scores) / len(scores) == 0.5
    assert answer.headers["x-constitutional-score"] == "0.5"
    verified = client.call("GET", "/api/constitutional/verify")
    assert verified.headers["x-constitutional-score"] == "1.0"
    assert verified.body["is_valid"] is True


def test_no_fault_is_planted_unasked(gateways):
    """The truthful gateway under the same questions."""
    client = gateways().client()
    made = client.create_event().body
    found = client.call("GET", f"/api/integrity/audit/verify?event_id={made['event_id']}").body
    assert canonical_hash(found["entry"]) == made["entry_hash"]
    assert found["entry"].items() >= {**EVENT, "tenant_id": "tenant-a"}.items()
    assert client.call(*SCORE).body["compliance_score"] == 1.0
    assert client.call("GET", "/api/tenant/tenant-b/data").status == 403

"""What the gateway says about itself: health, configuration, description, exact counts."""

import base64
import hashlib
import re

import pytest
from test_gateway_support import HASH, POLICY, Gateway, requests_counted

from acgs_load.contract import OPERATIONS

pytestmark = pytest.mark.slow

NAMED = {"constitutional_hash": HASH}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
GENESIS = hashlib.sha256(f"genesis_block:{HASH}".encode()).hexdigest()


@pytest.fixture(scope="module")
def gateway():
    with Gateway("--solvers", "1") as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway):
    return gateway.client()


def test_gateway_pages_ask_for_no_header(client):
    """Health, configuration, description: open, with the hash in header and body."""
    for path in ("/gateway/health", "/gateway/config", "/gateway/openapi.json"):
        answer = client.call("GET", path, headers={})
        assert answer.status == 200
        assert answer.headers["x-constitutional-hash"] == answer.body["constitutional_hash"] == HASH
    health = client.call("GET", "/gateway/health", headers={"X-Constitutional-Hash": "wrong"}).body
    assert (health["status"], "instance" in health) == ("healthy", False)
    assert TIMESTAMP.fullmatch(health["timestamp"])
    config = client.call("GET", "/gateway/config", headers={}).body
    assert config["rate_limiting"] == {"requests_per_minute": None, "burst_limit": None}
    assert all(isinstance(name, str) for name in config["services"])
    assert all(len(base64.b64decode(key, validate=True)) == 32 for key in config["signing_keys"].values())


def test_description_has_every_route(client):
    """Every method and path of the table is in the OpenAPI document and on the page for people."""
    described = client.call("GET", "/gateway/openapi.json", headers={}).body
    page = client.call("GET", "/gateway/docs", headers={})
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-constitutional-hash"] == HASH
    for operation in OPERATIONS.values():
        path = re.sub(r"\{(own|other)\}", "{tenant_id}", operation.path.partition("?")[0])
        entry = described["paths"][path][operation.method.lower()]
        named = {parameter["name"] for parameter in entry["parameters"] if parameter["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
        assert operation.name in page.text
    assert described["openapi"].startswith("3.")


def test_metrics_count_every_request_once_under_its_operation(gateway):
    """Requests sent are requests counted, by operation and status; /gateway/* counts nowhere."""
    client = gateway.client("counted")
    before = requests_counted(client)
    event_id = client.create_event().body["event_id"]
    policy_id = client.create_policy().body["policy_id"]
    content = {"declarations": {}, "constraints": [], "requirement": "true"}
    verify = {"policy_content": content, "tenant_id": "counted", "timestamp": "t", **NAMED}
    sent = [
        ("auth_refresh", 200, "POST", "/api/auth/refresh", {}),
        ("constitutional_verify", 200, "GET", "/api/constitutional/verify", None),
        ("constitutional_score", 422, "POST", "/api/constitutional/score", NAMED),
        (
            "constitutional_formal_request",
            200,
            "POST",
            "/api/verification/verify",
            {**verify, "verification_type": "consistency"},
        ),
        ("formal_verification", 200, "POST", "/api/verification/verify", {**verify, "verification_type": "compliance"}),
        ("tenant_data_access", 200, "GET", "/api/tenant/counted/data", None),
        ("cross_tenant_access_attempt", 403, "GET", "/api/tenant/other/data", None),
        ("tenant_config_update", 200, "PUT", "/api/tenant/counted/config", {"setting": "s", "value": 1, **NAMED}),
        ("policy_get", 200, "GET", f"/api/policy/{policy_id}", None),
        ("policy_update", 409, "PUT", f"/api/policy/{policy_id}", {**POLICY, "version": 7, **NAMED}),
        ("policy_list", 200, "GET", "/api/policy/list?limit=20&cursor=", None),
        (
            "governance_decision",
            200,
            "POST",
            "/api/governance/decisions/validate",
            {"policy_id": policy_id, "decision": {"action": "read"}},
        ),
        (
            "proof_obligation",
            200,
            "POST",
            "/api/verification/obligations",
            {"obligation_id": "o", "smtlib": "", "timeout_ms": 100},
        ),
        ("constraint_validation", 400, "POST", "/api/verification/constraints", b"{"),
        ("verification_status", 200, "GET", "/api/verification/status", None),
        ("audit_verify", 200, "GET", f"/api/integrity/audit/verify?event_id={event_id}", None),
        ("chain_verify", 200, "GET", "/api/integrity/chain/verify?last=16", None),
        ("crypto_validate", 422, "POST", "/api/integrity/crypto/verify", {}),
        ("none", 404, "GET", "/nowhere", None),
    ]
    expected = {("audit_create", 201): 1, ("policy_create", 201): 1}
    for operation, status, method, path, body in sent:
        assert client.call(method, path, body).status == status, operation
        expected[operation, status] = expected.get((operation, status), 0) + 1
    client.call("GET", "/gateway/health")
    after = requests_counted(client)
    assert {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)} == expected
    text = client.call("GET", "/gateway/metrics", headers={})
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert text.headers["x-constitutional-hash"] == HASH
    for operation in {key[0] for key in after}:
        total = sum(count for key, count in after.items() if key[0] == operation)
        buckets = re.findall(
            rf'^acgs_request_duration_seconds_bucket\{{operation="{operation}",le="(\S+)"\}} (\d+)$', text.text, re.M
        )
        counts = [int(count) for _, count in buckets]
        assert buckets[-1][0] == "+Inf"
        assert counts == sorted(counts)
        assert counts[-1] == total
        assert f'acgs_request_duration_seconds_count{{operation="{operation}"}} {total}\n' in text.text

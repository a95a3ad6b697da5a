"""What the gateway says about itself: health, configuration, description, exact counts."""

import base64
import re

import pytest
from test_gateway_support import HASH, NAMED, POLICY, TIMESTAMP, requests_counted

from acgs_load.contract import OPERATIONS

pytestmark = pytest.mark.slow


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


VERIFY_PATH = "/api/verification/verify"
VERIFY = {
    "policy_content": {"declarations": {}, "constraints": [], "requirement": "true"},
    "tenant_id": "counted",
    "timestamp": "t",
    **NAMED,
}
OBLIGATION = {"obligation_id": "o", "smtlib": "", "timeout_ms": 100}
EVERYTHING = [
    ("auth_refresh", 200, "POST", "/api/auth/refresh", {}),
    ("constitutional_verify", 200, "GET", "/api/constitutional/verify", None),
    ("constitutional_score", 422, "POST", "/api/constitutional/score", NAMED),
    ("constitutional_formal_request", 200, "POST", VERIFY_PATH, {**VERIFY, "verification_type": "consistency"}),
    ("formal_verification", 200, "POST", VERIFY_PATH, {**VERIFY, "verification_type": "compliance"}),
    ("tenant_data_access", 200, "GET", "/api/tenant/counted/data", None),
    ("cross_tenant_access_attempt", 403, "GET", "/api/tenant/other/data", None),
    ("tenant_config_update", 200, "PUT", "/api/tenant/counted/config", {"setting": "s", "value": 1, **NAMED}),
    ("policy_get", 404, "GET", "/api/policy/unknown", None),
    ("policy_update", 404, "PUT", "/api/policy/unknown", {**POLICY, "version": 7, **NAMED}),
    ("policy_list", 200, "GET", "/api/policy/list?limit=20&cursor=", None),
    ("governance_decision", 422, "POST", "/api/governance/decisions/validate", {}),
    ("proof_obligation", 200, "POST", "/api/verification/obligations", OBLIGATION),
    ("constraint_validation", 400, "POST", "/api/verification/constraints", b"{"),
    ("verification_status", 200, "GET", "/api/verification/status", None),
    ("audit_verify", 404, "GET", "/api/integrity/audit/verify?event_id=unknown", None),
    ("chain_verify", 200, "GET", "/api/integrity/chain/verify?last=16", None),
    ("crypto_validate", 422, "POST", "/api/integrity/crypto/verify", {}),
    ("none", 404, "GET", "/nowhere", None),
]  # fmt: skip
"""Operation, status, and the request that gets it."""


def test_metrics_count_every_request_once_under_its_operation(gateway):
    """Requests sent are requests counted, by operation and status; /gateway/* counts nowhere."""
    client = gateway.client("counted")
    before = requests_counted(client)
    client.create_event()
    client.create_policy()
    expected = {("audit_create", 201): 1, ("policy_create", 201): 1}
    for operation, status, method, path, body in EVERYTHING:
        assert client.call(method, path, body).status == status, operation
        expected[operation, status] = expected.get((operation, status), 0) + 1
    client.call("GET", "/gateway/health")
    after = requests_counted(client)
    assert {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)} == expected


def test_durations_add_up_to_the_requests(client):
    """Each operation's histogram rises to as many as were counted, in the format that Prometheus reads."""
    client.call("GET", "/api/policy/list")
    page = client.call("GET", "/gateway/metrics", headers={})
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert page.headers["x-constitutional-hash"] == HASH
    counted = requests_counted(client)
    assert {"auth_login", "policy_list"} <= {operation for operation, _ in counted}
    for operation in {key[0] for key in counted}:
        total = sum(count for key, count in counted.items() if key[0] == operation)
        bucket = rf'^acgs_request_duration_seconds_bucket\{{operation="{operation}",le="(\S+)"\}} (\d+)$'
        bounds, counts = zip(*re.findall(bucket, page.text, re.M), strict=True)
        assert bounds[-1] == "+Inf"
        assert [int(count) for count in counts] == sorted(map(int, counts))
        assert int(counts[-1]) == total
        assert f'acgs_request_duration_seconds_count{{operation="{operation}"}} {total}\n' in page.text

"""Bodies: what is no JSON, what is no object, what is missing, of the wrong type, too long, or cannot be hashed."""

import json

import pytest
from test_gateway_checks import HASHED, NAMED, PLAIN, SENDING, VERIFY, is_refusal
from test_gateway_support import EVENT, POLICY, Gateway

pytestmark = pytest.mark.slow

OTHER_HASH = "0" * 16
LONG = b'{"a":"' + b"x" * (256 * 1024) + b'"}'


@pytest.fixture(scope="module")
def client():
    with Gateway("--solvers", "1") as running:
        yield running.client()


NO_JSON = [
    b"",
    b" ",
    b"{",
    b"nonsense",
    b"{'a':1}",
    b'{"a":01}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1}x',
    b"\xef\xbb\xbf{}",
    b'{"a":"\xff"}',
    b'{"a":"\x01"}',
    '{"a":1}'.encode("utf-16"),
    b"[" * 100_000,
    b'{"a":1e999}',
]


@pytest.mark.parametrize(("method", "path", "body"), PLAIN)
def test_no_json_is_400(client, method, path, body):
    """NaN and Infinity are no JSON either; UTF-8 is read whatever the charset says."""
    for data in NO_JSON:
        answer = client.call(method, path, data, Content_Type="application/json; charset=iso-8859-1")
        assert is_refusal(answer, 400, "bad_json"), data[:20]


@pytest.mark.parametrize(("method", "path", "body"), HASHED)
def test_no_json_is_422_where_content_is_hashed(client, method, path, body):
    """Content that cannot be hashed is an invalid field."""
    for data in NO_JSON:
        assert is_refusal(client.call(method, path, data), 422, "invalid_field"), data[:20]


@pytest.mark.parametrize(("method", "path", "body"), SENDING)
def test_json_but_no_object_is_422(client, method, path, body):
    """Lists, texts, numbers and null are no requests."""
    for data in (b"[]", b'"x"', b"1", b"null", b"true"):
        assert is_refusal(client.call(method, path, data), 422, "invalid_field")


MISSING = [(*row, name) for row in SENDING for name in row[2] if name != "constitutional_hash"]


@pytest.mark.parametrize(("method", "path", "body", "name"), MISSING)
def test_missing_field_is_422(client, method, path, body, name):
    """Every field of the table is asked for; an absent policy id is an unknown one (404)."""
    bare = {key: value for key, value in body.items() if key != name}
    expected = (404, "not_found") if name == "policy_id" else (422, "invalid_field")
    assert is_refusal(client.call(method, path, bare), *expected)


WRONG = [
    ("POST", "/api/constitutional/score", {"operation": 1}),
    ("POST", "/api/verification/verify", {"verification_type": "other"}),
    ("POST", "/api/verification/verify", {"verification_type": 1}),
    ("POST", "/api/verification/verify", {"verification_type": "compliance"}),  # no requirement
    ("POST", "/api/verification/verify", {"policy_content": []}),
    ("POST", "/api/verification/verify", {"policy_content": {"constraints": []}}),
    ("POST", "/api/verification/verify", {"policy_content": {"declarations": {}}}),
    ("POST", "/api/verification/verify", {"policy_content": {"declarations": [], "constraints": []}}),
    ("POST", "/api/verification/verify", {"policy_content": {"declarations": {}, "constraints": "true"}}),
    ("POST", "/api/verification/verify", {"policy_content": {"declarations": {}, "constraints": [1]}}),
    ("POST", "/api/verification/verify", {"policy_content": {"declarations": {"x": "Array"}, "constraints": []}}),
    ("POST", "/api/verification/verify", {"policy_content": {"declarations": {"x": 1}, "constraints": []}}),
    ("POST", "/api/verification/verify", {"policy_content": {"declarations": {"1x": "Int"}, "constraints": []}}),
    ("PUT", "/api/tenant/tenant-a/config", {"setting": 1}),
    ("PUT", "/api/tenant/tenant-a/config", {"setting": ""}),
    ("PUT", "/api/policy/unknown", {"version": "1"}),
    ("PUT", "/api/policy/unknown", {"version": True}),
    ("PUT", "/api/policy/unknown", {"version": 1.0}),
    ("POST", "/api/governance/decisions/validate", {"decision": "read"}),
    ("POST", "/api/governance/decisions/validate", {"decision": {}}),
    ("POST", "/api/governance/decisions/validate", {"decision": {"action": 1}}),
    ("POST", "/api/governance/decisions/validate", {"policy_id": 1}),
    ("POST", "/api/verification/obligations", {"obligation_id": 1}),
    ("POST", "/api/verification/obligations", {"smtlib": ["(check-sat)"]}),
    ("POST", "/api/verification/obligations", {"timeout_ms": 0}),
    ("POST", "/api/verification/obligations", {"timeout_ms": 30_001}),
    ("POST", "/api/verification/obligations", {"timeout_ms": 1.5}),
    ("POST", "/api/verification/obligations", {"timeout_ms": True}),
    ("POST", "/api/verification/constraints", {"constraints": "true"}),
    ("POST", "/api/verification/constraints", {"declarations": []}),
    ("POST", "/api/integrity/audit/create", {"event_type": 1}),
    ("POST", "/api/integrity/audit/create", {"user_id": None}),
    ("POST", "/api/integrity/audit/create", {"timestamp": 1}),
    ("POST", "/api/integrity/crypto/verify", {"signature": 1}),
    ("POST", "/api/integrity/crypto/verify", {"key_id": 1}),
    ("POST", "/api/integrity/crypto/verify", {"key_id": "unknown"}),
]


@pytest.mark.parametrize(("method", "path", "change"), WRONG)
def test_field_of_the_wrong_type_or_range_is_422(client, method, path, change):
    """A boolean is no integer, 1.0 is none either."""
    body = next(row[2] for row in SENDING if row[:2] == (method, path))
    assert is_refusal(client.call(method, path, {**body, **change}), 422, "invalid_field")


UNHASHABLE = [
    "1.5",
    "1.0",
    "1e2",
    "9007199254740993",
    '"\\ud800"',
    '{"k":1,"k":2}',
    '[{"k":{"\\udc00":1}}]',
    "1" * 5000,
]


@pytest.mark.parametrize("value", UNHASHABLE)
def test_unhashable_content_is_422_and_stores_nothing(client, value):
    """Floats, great integers, lone surrogates and duplicate keys are refused in hashed content, at any depth."""
    length = client.call("GET", "/api/integrity/chain/verify").body["length"]
    for method, path, body, name in (
        ("POST", "/api/policy/create", {**POLICY, **NAMED}, "metadata"),
        ("PUT", "/api/policy/unknown", {**POLICY, "version": 1, **NAMED}, "rule"),
        ("POST", "/api/integrity/audit/create", {**EVENT, "tenant_id": "tenant-a"}, "details"),
        ("POST", "/api/integrity/crypto/verify", {"payload": 1, "signature": "", "key_id": key_id(client)}, "payload"),
    ):
        data = json.dumps({**body, name: ["here"]}).replace('"here"', value).encode()
        assert is_refusal(client.call(method, path, data), 422, "invalid_field"), path
    assert client.call("GET", "/api/integrity/chain/verify").body["length"] == length


@pytest.mark.parametrize("depth", [200, 300, 600, 900, 1200, 5000, 100_000])
def test_deep_nesting_is_answered(client, depth):
    """Echoed, stored, compared or refused, but never a failure of the gateway."""
    deep = "[" * depth + "]" * depth
    bodies = {
        ("PUT", "/api/tenant/tenant-a/config"): {"setting": "s", "value": "here", **NAMED},
        ("POST", "/api/policy/create"): {**POLICY, "metadata": "here", **NAMED},
        ("POST", "/api/integrity/audit/create"): {**EVENT, "tenant_id": "tenant-a", "details": "here"},
        ("POST", "/api/integrity/crypto/verify"): {"payload": "here", "signature": "", "key_id": key_id(client)},
    }
    for (method, path), body in bodies.items():
        answer = client.call(method, path, json.dumps(body).replace('"here"', deep).encode())
        assert answer.status in ((200, 201) if depth < 700 else (200, 201, 400, 422)), path
    rule = [{"field": "context", "op": "==", "value": "here"}]
    made = json.dumps({**POLICY, "conditions": rule, **NAMED}).replace('"here"', deep).encode()
    made = client.call("POST", "/api/policy/create", made)
    if made.status == 201:
        assert client.call("GET", f"/api/policy/{made.body['policy_id']}").status == 200
        told = {"policy_id": made.body["policy_id"], "decision": {"action": "read", "context": "here"}}
        told = json.dumps(told).replace('"here"', deep).encode()
        assert client.call("POST", "/api/governance/decisions/validate", told).status in (200, 422)


def key_id(client):
    """The id of the gateway's one key."""
    return next(iter(client.call("GET", "/gateway/config", headers={}).body["signing_keys"]))


def test_duplicate_hashed_field_is_422(client):
    """Which of the two was meant nobody knows."""
    data = json.dumps({**POLICY, **NAMED}).replace('"metadata"', '"metadata":{},"metadata"').encode()
    assert is_refusal(client.call("POST", "/api/policy/create", data), 422, "invalid_field")


def test_duplicate_keys_elsewhere_the_last_wins(client):
    """Bodies that are not hashed follow the common reading."""
    data = json.dumps({"setting": "s", "value": 1, **NAMED})[:-1] + ',"value":2,"value":{"a":1,"a":3}}'
    assert client.call("PUT", "/api/tenant/tenant-a/config", data.encode()).body["value"] == {"a": 3}


def test_unknown_fields_and_headers_are_ignored(client):
    """More than is asked for does no harm, a float beside the hashed content neither."""
    data = json.dumps({**POLICY, **NAMED, "more": 1.5}).encode()
    assert client.call("POST", "/api/policy/create", data, X_More="x").status == 201


@pytest.mark.parametrize("path", ["/api/auth/login", "/no/such/route", "/gateway/health"])
def test_too_long_a_body_is_413_before_the_route(client, path):
    """The limit is 256 KiB, whatever is asked for."""
    assert is_refusal(client.call("POST", path, LONG, headers={}), 413, "payload_too_large")


def test_a_body_of_exactly_the_limit_is_read(client):
    """256 KiB are not over 256 KiB."""
    rest = json.dumps({"setting": "s", **NAMED})[:-1] + ',"value":"'
    data = rest.encode() + b"x" * (256 * 1024 - len(rest) - 2) + b'"}'
    assert len(data) == 256 * 1024
    assert client.call("PUT", "/api/tenant/tenant-a/config", data).status == 200
    assert client.call("PUT", "/api/tenant/tenant-a/config", data + b" ").status == 413


def test_smtlib_over_16_kib_is_413(client):
    """All constraints count together, the requirement too; declarations and the limit itself are let through."""
    half = "(or true " + "b " * 4090 + ")"
    assert len(half) < 8192
    body = {"declarations": {"b": "Bool"}, "constraints": [half, half]}
    assert client.call("POST", "/api/verification/constraints", body).status == 200
    body["constraints"].append("(or true b)")
    assert is_refusal(client.call("POST", "/api/verification/constraints", body), 413, "payload_too_large")
    content = {"declarations": {"b": "Bool"}, "constraints": [half], "requirement": half + " " * 20}
    assert client.call("POST", "/api/verification/verify", {**VERIFY, "policy_content": content}).status == 200
    asked = {**VERIFY, "policy_content": content, "verification_type": "compliance"}
    assert is_refusal(client.call("POST", "/api/verification/verify", asked), 413, "payload_too_large")
    obligation = {"obligation_id": "o", "smtlib": ";" * 16_385, "timeout_ms": 1000}
    assert is_refusal(client.call("POST", "/api/verification/obligations", obligation), 413, "payload_too_large")

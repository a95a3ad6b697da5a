"""What the gateway demands of every request, in which order, and what every answer carries."""

import base64
import json
import re
import time

import jwt
import pytest
from test_gateway_support import EVENT, HASH, NAMED, POLICY, Client, Gateway, requests_counted

pytestmark = pytest.mark.slow

OTHER_HASH = "0" * 16
LONG = b'{"a":"' + b"x" * (256 * 1024) + b'"}'
VERIFY = {
    "policy_content": {"declarations": {}, "constraints": []},
    "verification_type": "consistency",
    "tenant_id": "tenant-a",
    "timestamp": "t",
    **NAMED,
}


@pytest.fixture(scope="module")
def gateway():
    with Gateway("--solvers", "1") as running:
        running.client("tenant-b", "user-b")
        yield running


SENDING = [
    ("POST", "/api/auth/refresh", {}),
    ("POST", "/api/constitutional/score", {"operation": "o", "tenant_id": "tenant-a", **NAMED}),
    ("POST", "/api/verification/verify", VERIFY),
    ("PUT", "/api/tenant/tenant-a/config", {"setting": "s", "value": 1, **NAMED}),
    ("POST", "/api/policy/create", {**POLICY, **NAMED}),
    ("PUT", "/api/policy/unknown", {**POLICY, "version": 1, **NAMED}),
    ("POST", "/api/governance/decisions/validate", {"policy_id": "unknown", "decision": {"action": "read"}}),
    ("POST", "/api/verification/obligations", {"obligation_id": "o", "smtlib": "", "timeout_ms": 1000}),
    ("POST", "/api/verification/constraints", {"constraints": [], "declarations": {}}),
    ("POST", "/api/integrity/audit/create", {**EVENT, "tenant_id": "tenant-a"}),
    ("POST", "/api/integrity/crypto/verify", {"payload": 1, "signature": "", "key_id": "unknown"}),
]
READING = [
    ("GET", "/api/constitutional/verify", None),
    ("GET", "/api/tenant/tenant-a/data", None),
    ("GET", "/api/policy/unknown", None),
    ("GET", "/api/policy/list", None),
    ("GET", "/api/verification/status", None),
    ("GET", "/api/integrity/audit/verify?event_id=unknown", None),
    ("GET", "/api/integrity/chain/verify", None),
]
NAMING = [row for row in SENDING if row[2].get("constitutional_hash")]
HASHED = [row for row in SENDING if re.search("policy/|audit|crypto", row[1])]
PLAIN = [row for row in SENDING if row not in HASHED]


def is_refusal(answer, status, code):
    """Whether an answer is this error of the contract, whole."""
    body = answer.body
    assert set(body) == {"error", "message", "constitutional_hash", "request_id", "timestamp"}
    assert all(isinstance(value, str) and value for value in body.values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    assert answer.headers["x-constitutional-hash"] == body["constitutional_hash"] == HASH
    assert answer.headers["content-type"] == "application/json"
    assert "Traceback" not in answer.text
    return (answer.status, body["error"]) == (status, code)


@pytest.mark.parametrize(("method", "path", "body"), SENDING + READING)
def test_absent_or_wrong_hash_is_403_before_the_token_is_looked_at(client, method, path, body):
    """The header decides first, whatever else is wrong."""
    for wrong in (None, OTHER_HASH, HASH.upper(), HASH + " x"):
        answer = client.call(method, path, body, X_Constitutional_Hash=wrong, Authorization=None, X_Tenant_ID=None)
        assert is_refusal(answer, 403, "constitutional_hash_mismatch")


@pytest.mark.parametrize("blanks", [" ", "  \t "])
def test_blanks_around_a_value_are_no_part_of_it(client, blanks):
    """As HTTP says of every header; between scheme and token, one blank or more."""
    headers = {"X_Constitutional_Hash": HASH, "X_Tenant_ID": client.tenant, "Authorization": f"Bearer {client.token}"}
    spaced = {name: f"{blanks}{value}{blanks}" for name, value in headers.items()}
    assert client.call("GET", "/api/constitutional/verify", **spaced).status == 200
    assert client.call("GET", "/api/constitutional/verify", Authorization=f"bearer   {client.token}").status == 200


@pytest.mark.parametrize(("method", "path", "body"), SENDING + READING)
def test_no_good_token_is_401_before_the_tenant_is_looked_at(client, method, path, body):
    """Absent, malformed, forged, unsigned and expired tokens are refused alike."""
    claims = jwt.decode(client.token, options={"verify_signature": False})
    past = {**claims, "exp": int(time.time()) - 1}
    head, payload, signature = client.token.split(".")
    forged = [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Basic {client.token}",
        client.token,
        f"Bearer {jwt.encode(claims, 'x' * 32, 'HS256')}",
        f"Bearer {jwt.encode(claims, None, 'none')}",
        f"Bearer {jwt.encode(past, 'x' * 32, 'HS256')}",
        f"Bearer {head}.{payload}.{signature[:-4]}AAAA",
    ]
    for authorization in forged:
        answer = client.call(method, path, body, Authorization=authorization, X_Tenant_ID="tenant-b")
        assert is_refusal(answer, 401, "invalid_token"), authorization


@pytest.mark.parametrize(("method", "path", "body"), SENDING + READING)
def test_another_tenant_in_the_header_is_403_before_the_body_is_looked_at(client, method, path, body):
    """Absent counts as another one."""
    for other in (None, "tenant-b", "Tenant-A"):
        answer = client.call(method, path, body and b"{", X_Tenant_ID=other)
        assert is_refusal(answer, 403, "tenant_access_denied")


@pytest.mark.parametrize(("method", "path", "body"), SENDING)
def test_another_tenant_in_the_body_is_403(client, method, path, body):
    """Wherever a body names a tenant it must be the token's, also where none is asked for."""
    for other in ("tenant-b", None, 5, {"x": 1}):
        assert is_refusal(client.call(method, path, {**body, "tenant_id": other}), 403, "tenant_access_denied")


@pytest.mark.parametrize(("method", "path", "body"), NAMING)
def test_hash_in_the_body(client, method, path, body):
    """Another value is 403, an absent one 422, both before the token is looked at."""
    for wrong in (OTHER_HASH, "", 1, None):
        answer = client.call(method, path, {**body, "constitutional_hash": wrong}, Authorization=None)
        assert is_refusal(answer, 403, "constitutional_hash_mismatch")
    bare = {name: value for name, value in body.items() if name != "constitutional_hash"}
    assert is_refusal(client.call(method, path, bare, Authorization=None), 422, "invalid_field")


@pytest.mark.parametrize(("method", "path", "body"), [row for row in SENDING if row not in NAMING])
def test_hash_in_other_bodies_is_ignored(client, method, path, body):
    """Only the bodies that the contract lists name the hash."""
    answer = client.call(method, path, {**body, "constitutional_hash": OTHER_HASH})
    assert answer.body.get("error") != "constitutional_hash_mismatch"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api"),
        ("POST", "/api/auth/login/"),
        ("GET", "/api/auth/login"),
        ("DELETE", "/api/policy/x"),
        ("POST", "/api/policy/x"),
        ("GET", "/api/policy/"),
        ("GET", "/api/policy/create"),
        ("PUT", "/api/policy/list"),
        ("GET", "/api/policy/a/b"),
        ("POST", "/api/tenant/tenant-a/data"),
        ("GET", "/api/tenant/tenant-a/config"),
        ("GET", "/api/tenant/tenant-a"),
        ("GET", "/api/tenant//data"),
        ("GET", "/api/tenant/a/b/data"),
        ("PATCH", "/api/constitutional/verify"),
        ("OPTIONS", "/api/constitutional/verify"),
        ("GET", "/gateway"),
        ("POST", "/gateway/health"),
        ("GET", "/api/%2e%2e/x"),
        ("GET", "/API/constitutional/verify"),
    ],
)
def test_no_such_route_is_404_before_the_hash(client, method, path):
    """A wrong method too; no header is asked for, and it is counted under none."""
    before = requests_counted(client).get(("none", 404), 0)
    assert is_refusal(client.call(method, path, headers={}), 404, "not_found")
    assert requests_counted(client)["none", 404] == before + 1


@pytest.mark.parametrize(("method", "path", "body"), SENDING + READING)
def test_every_success_says_score_and_compliance(client, method, path, body):
    """2xx carries both headers; errors carry neither, but the hash."""
    answer = client.call(method, path, body)
    assert answer.headers["x-constitutional-hash"] == answer.body["constitutional_hash"] == HASH
    if answer.status < 300:
        assert answer.headers["x-constitutional-compliant"] == "true"
        assert 0.95 <= float(answer.headers["x-constitutional-score"]) <= 1
    else:
        assert "x-constitutional-score" not in answer.headers


def test_foreign_reads_are_403_and_never_tell_the_canary(gateway, client):
    """With and without the spoofed header; a tenant that does not exist is refused alike."""
    canary = gateway.client("tenant-b").call("GET", "/api/tenant/tenant-b/data").body["canary"]
    for path in ("/api/tenant/tenant-b/data", "/api/tenant/nobody/data", "/api/tenant/%74enant-b/data"):
        for header in ("tenant-a", path.split("/")[3]):
            answer = client.call("GET", path, X_Tenant_ID=header)
            assert is_refusal(answer, 403, "tenant_access_denied")
            assert canary not in answer.text
    config = {"setting": "s", "value": 1, **NAMED}
    assert is_refusal(client.call("PUT", "/api/tenant/tenant-b/config", config), 403, "tenant_access_denied")


def test_own_data_with_a_spoofed_header_is_403(client):
    """The header must name the token's tenant even if the path does."""
    answer = client.call("GET", "/api/tenant/tenant-a/data", X_Tenant_ID="tenant-b")
    assert is_refusal(answer, 403, "tenant_access_denied")


def test_repeated_headers_are_no_way_in(gateway, client):
    """Two values for one header are joined, as HTTP says, and match nothing."""
    client.connection.putrequest("GET", "/api/tenant/tenant-a/data")
    for name, value in (*client.headers().items(), ("X-Tenant-ID", "tenant-a")):
        client.connection.putheader(name, value)
    client.connection.endheaders()
    answer = client.connection.getresponse()
    answer.read()
    assert answer.status == 403


def test_others_policies_and_events_are_403_and_unknown_ones_404(gateway, client):
    """Reading, updating and deciding alike."""
    other = gateway.client("tenant-b")
    policy_id = other.create_policy().body["policy_id"]
    event_id = other.create_event().body["event_id"]
    update = {**POLICY, "version": 1, **NAMED}
    decision = {"policy_id": policy_id, "decision": {"action": "read"}}
    for asked, told in ((policy_id, (403, "tenant_access_denied")), ("unknown", (404, "not_found"))):
        decision["policy_id"] = asked
        assert is_refusal(client.call("GET", f"/api/policy/{asked}"), *told)
        assert is_refusal(client.call("PUT", f"/api/policy/{asked}", update), *told)
        assert is_refusal(client.call("POST", "/api/governance/decisions/validate", decision), *told)
    path = "/api/integrity/audit/verify"
    assert is_refusal(client.call("GET", f"{path}?event_id={event_id}"), 403, "tenant_access_denied")
    for query in ("?event_id=unknown", "?event_id=", "", "?event_id=%ff%00"):
        assert is_refusal(client.call("GET", path + query), 404, "not_found")
    assert policy_id not in client.call("GET", "/api/policy/list?limit=100").text


def test_lone_surrogate_as_an_id_is_404(client):
    """An id that cannot exist is unknown, not a crash."""
    data = b'{"policy_id":"\\ud800","decision":{"action":"read"}}'
    assert is_refusal(client.call("POST", "/api/governance/decisions/validate", data), 404, "not_found")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"username": ""}, 401, "invalid_token"),
        ({"password": ""}, 401, "invalid_token"),
        ({"username": 1}, 422, "invalid_field"),
        ({"password": None}, 422, "invalid_field"),
        ({"tenant_id": ""}, 422, "invalid_field"),
        ({"tenant_id": "a b"}, 422, "invalid_field"),
        ({"tenant_id": "x" * 65}, 422, "invalid_field"),
        ({"tenant_id": "tenant-a\n"}, 422, "invalid_field"),
        ({"tenant_id": "ä"}, 422, "invalid_field"),
        ({"constitutional_hash": OTHER_HASH}, 403, "constitutional_hash_mismatch"),
    ],
)
def test_refused_logins(gateway, change, status, code):
    """Accounts are any non-empty name and password; the tenant id has a form."""
    told = {"username": "u", "password": "p", "tenant_id": "tenant-a", **NAMED, **change}
    assert is_refusal(Client(gateway.port).call("POST", "/api/auth/login", told), status, code)


@pytest.mark.parametrize("name", ["username", "password", "tenant_id", "constitutional_hash"])
def test_login_without_a_field_is_422(gateway, name):
    """All four are asked for."""
    told = {"username": "u", "password": "p", "tenant_id": "tenant-a", **NAMED}
    del told[name]
    assert is_refusal(Client(gateway.port).call("POST", "/api/auth/login", told), 422, "invalid_field")


def test_login_needs_no_token_and_no_tenant_header(gateway):
    """The one operation without; the hash is asked for all the same."""
    told = {"username": "ü", "password": "p", "tenant_id": "t_-9", **NAMED}
    client = Client(gateway.port)
    answer = client.call("POST", "/api/auth/login", told, headers={"X-Constitutional-Hash": HASH})
    assert (answer.status, answer.body["user_id"]) == (200, "ü")
    assert is_refusal(client.call("POST", "/api/auth/login", told, headers={}), 403, "constitutional_hash_mismatch")
    assert is_refusal(client.call("POST", "/api/auth/login", b"{"), 400, "bad_json")


def test_a_token_expires_and_an_old_one_outlives_the_refresh():
    """401 after expires_in, not before, and not because there is a newer one."""
    with Gateway("--solvers", "1", "--token-seconds", "2") as gateway:
        client = gateway.client()
        assert client.call("POST", "/api/auth/refresh", {}).body["expires_in"] == 2
        assert client.call("GET", "/api/constitutional/verify").status == 200
        expires_at = json.loads(base64.urlsafe_b64decode(client.token.split(".")[1] + "=="))["exp"]
        time.sleep(max(0.0, expires_at - time.time()) + 0.1)
        assert is_refusal(client.call("GET", "/api/constitutional/verify"), 401, "invalid_token")

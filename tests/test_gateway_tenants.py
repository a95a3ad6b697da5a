"""Logins, constitution and tenants: what the operations answer when all is well, and that it is true."""

import json
import re

import pytest
from test_gateway_support import NAMED, TIMESTAMP, Client, Gateway

pytestmark = pytest.mark.slow


def test_login_and_refresh(gateway):
    """A token for a tenant and a user, with its lifetime; a refreshed one is another one and as good."""
    client = Client(gateway.port, "tenant-l", "üser")
    first = client.login().body
    assert {**first, "access_token": "", "constitutional_hash": ""} == {
        "access_token": "",
        "token_type": "bearer",
        "expires_in": 3600,
        "user_id": "üser",
        "tenant_id": "tenant-l",
        "constitutional_hash": "",
    }
    second = client.call("POST", "/api/auth/refresh", {}).body
    assert second["access_token"] != first["access_token"]
    assert {**second, "access_token": ""} == {**first, "access_token": ""}
    client.token = second["access_token"]
    assert client.call("GET", "/api/tenant/tenant-l/data").status == 200


def test_a_token_is_read_without_ever_having_been_seen():
    """Another process's token is judged by its signature; the scheme's case does not matter."""
    with Gateway("--workers", "2", "--solvers", "1") as gateway:
        client = gateway.client()
        for _ in range(12):
            again = Client(gateway.port)
            again.token = client.token
            assert again.call("GET", "/api/constitutional/verify").status == 200
            again.connection.close()
        answer = client.call("GET", "/api/constitutional/verify", Authorization=f"bEARER {client.token}")
        assert answer.status == 200


def test_constitutional_verify(client):
    """Principles by name, all kept."""
    body = client.call("GET", "/api/constitutional/verify").body
    assert body["is_valid"] is True
    assert len(body["principles"]) == len(set(body["principles"])) >= 3
    assert TIMESTAMP.fullmatch(body["verified_at"])


def test_constitutional_score_is_the_mean_and_the_header(client):
    """Header and body speak of the same score."""
    told = {"operation": "read", "tenant_id": "tenant-a", **NAMED}
    answer = client.call("POST", "/api/constitutional/score", told)
    scores = answer.body["principle_scores"].values()
    assert answer.body["compliance_score"] == pytest.approx(sum(scores) / len(scores), abs=1e-9)
    assert float(answer.headers["x-constitutional-score"]) == answer.body["compliance_score"] >= 0.95
    assert answer.body["is_compliant"] is True


def test_tenant_data(gateway, client):
    """Canary and records are the tenant's own, and the canary stays."""
    body = client.call("GET", "/api/tenant/tenant-a/data").body
    assert re.fullmatch(r"canary-tenant-a-[0-9a-f]{16}", body["canary"])
    assert body["records"]
    assert all(record["id"] and record["tenant_id"] == "tenant-a" for record in body["records"])
    again = gateway.client("tenant-a", "user-2").call("GET", "/api/tenant/tenant-a/data").body
    assert again == body
    other = gateway.client("tenant-c").call("GET", "/api/tenant/tenant-c/data").body
    assert other["canary"].startswith("canary-tenant-c-")
    assert not {record["id"] for record in other["records"]} & {record["id"] for record in body["records"]}


@pytest.mark.parametrize(
    "value", [1, -(2**70), 1.5, "ü😀", None, True, [], {"a": [1, {"b": None}]}, 0.1, 1e300, "", "\x00"]
)
def test_tenant_config_echoes_and_its_version_rises(client, value):
    """Any JSON value comes back as sent."""
    told = {"setting": "größe", "value": value, **NAMED}
    first = client.call("PUT", "/api/tenant/tenant-a/config", told).body
    second = client.call("PUT", "/api/tenant/tenant-a/config", {**told, "setting": "other"}).body
    assert (first["tenant_id"], first["setting"], first["value"]) == ("tenant-a", "größe", value)
    assert second["version"] > first["version"] >= 1


def test_config_echoes_a_lone_surrogate(client):
    """It is JSON, and nothing here is hashed."""
    answer = client.call(
        "PUT", "/api/tenant/tenant-a/config", json.dumps({"setting": "s", "value": "\ud800", **NAMED}).encode()
    )
    assert (answer.status, answer.body["value"]) == (200, "\ud800")

"""Policies: versions, conflicts, pages, and the decisions that their rules make."""

import threading

import pytest
from test_gateway_support import NAMED, POLICY, sha256

pytestmark = pytest.mark.slow


CONTENT = {
    "rule": {"effect": "deny", "actions": ["schreiben", "*"], "ü": {"b": 1, "a": 2**53}},
    "constraints": ["(> x 0)", None, [True]],
    "conditions": [{"field": "context.größe", "op": "<=", "value": -3}],
    "metadata": {"😀": "\u2028\n", "￮": [], "": {}},
}


def test_policy_from_creation_to_conflict(client):
    """Versions rise by one, hashes are those of the content, a stale update is refused and changes nothing."""
    made = client.call("POST", "/api/policy/create", {**CONTENT, **NAMED})
    assert (made.status, made.body["version"], made.body["content_sha256"]) == (201, 1, sha256(CONTENT))
    policy_id = made.body["policy_id"]
    read = client.call("GET", f"/api/policy/{policy_id}").body
    assert (read["policy_id"], read["version"], read["policy"]) == (policy_id, 1, CONTENT)
    changed = {**CONTENT, "metadata": {"changed": True}}
    update = client.call("PUT", f"/api/policy/{policy_id}", {**changed, "version": 1, **NAMED}).body
    assert (update["policy_id"], update["version"], update["content_sha256"]) == (policy_id, 2, sha256(changed))
    for stale in (1, 3, 2**53, 0, -1, 2**80):
        refused = client.call("PUT", f"/api/policy/{policy_id}", {**CONTENT, "version": stale, **NAMED})
        assert (refused.status, refused.body["error"]) == (409, "version_conflict")
    read = client.call("GET", f"/api/policy/{policy_id}").body
    assert (read["version"], read["policy"]) == (2, changed)


def test_one_of_many_concurrent_updates_wins(gateway, fresh):
    """The same version read by eight users is updated once."""
    policy_id = fresh.create_policy().body["policy_id"]
    statuses = []

    def update():
        client = gateway.client(fresh.tenant)
        statuses.append(client.call("PUT", f"/api/policy/{policy_id}", {**POLICY, "version": 1, **NAMED}).status)

    threads = [threading.Thread(target=update) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7


def pages(client, limit):
    """All policy ids, page by page."""
    cursor, found = "", []
    while cursor is not None:
        body = client.call("GET", f"/api/policy/list?limit={limit}&cursor={cursor}").body
        assert len(body["policies"]) <= limit
        assert all(policy["tenant_id"] == client.tenant for policy in body["policies"])
        found.append([policy["policy_id"] for policy in body["policies"]])
        cursor = body["next_cursor"]
    return found


def test_policies_are_listed_newest_first_in_pages(fresh):
    """Pages join without gap or overlap; the last one has no cursor, a full last one neither."""
    made = [fresh.create_policy().body["policy_id"] for _ in range(6)]
    assert [len(page) for page in pages(fresh, 4)] == [4, 2]
    assert [len(page) for page in pages(fresh, 3)] == [3, 3]
    assert [policy_id for page in pages(fresh, 4) for policy_id in page] == made[::-1]


def test_policies_created_meanwhile_shift_nothing(fresh):
    """A cursor goes on where it was given out; an update moves nothing either."""
    made = [fresh.create_policy().body["policy_id"] for _ in range(4)]
    first = fresh.call("GET", "/api/policy/list?limit=2").body
    fresh.create_policy()
    fresh.call("PUT", f"/api/policy/{made[0]}", {**POLICY, "version": 1, **NAMED})
    second = fresh.call("GET", f"/api/policy/list?limit=2&cursor={first['next_cursor']}").body
    assert [policy["policy_id"] for policy in second["policies"]] == [made[1], made[0]]
    assert second["policies"][1]["version"] == 2


def test_no_policies_is_an_empty_page(fresh):
    """Nothing to list is no error."""
    body = fresh.call("GET", "/api/policy/list?cursor=").body
    assert (body["policies"], body["next_cursor"]) == ([], None)


@pytest.mark.parametrize(
    ("limit", "shown"), [("0", 1), ("-5", 1), ("1", 1), ("+2", 2), ("100", 25), ("9" * 40, 25), ("-" + "9" * 40, 1)]
)
def test_limit_is_clamped(gateway, limit, shown):
    """From 1 to 100, however great the number."""
    client = gateway.client("limits")
    while len(client.call("GET", "/api/policy/list?limit=100").body["policies"]) < 25:
        client.create_policy()
    path = f"/api/policy/list?limit={limit.replace('+', '%2B')}"
    assert len(client.call("GET", path).body["policies"]) == shown
    assert len(client.call("GET", "/api/policy/list").body["policies"]) == 20


@pytest.mark.parametrize("number", ["", "x", "1.5", "1e2", "0x1", "١", "1_0", "%201", "null"])
def test_no_whole_number_is_422(client, number):
    """Neither limit nor last is guessed."""
    for path in ("/api/policy/list?limit=", "/api/integrity/chain/verify?last="):
        answer = client.call("GET", path + (number if number.isascii() else "%D9%A1"))
        assert (answer.status, answer.body["error"]) == (422, "invalid_field")


@pytest.mark.parametrize("cursor", ["x", "====", "cG9saWN5OjE", "cG9saWN5Ong=", "%ff", "1"])
def test_a_cursor_that_was_never_given_out_is_422(client, cursor):
    """It is opaque, not free text."""
    answer = client.call("GET", f"/api/policy/list?cursor={cursor}")
    assert (answer.status, answer.body["error"]) == (422, "invalid_field")


@pytest.mark.parametrize(
    ("rule", "conditions", "decision", "outcome"),
    [
        ({"effect": "permit", "actions": ["read"]}, [], {"action": "read"}, "permit"),
        ({"effect": "permit", "actions": ["read"]}, [], {"action": "write"}, "deny"),
        ({"effect": "deny", "actions": ["*"]}, [], {"action": "read"}, "deny"),
        (
            {"effect": "permit", "actions": ["*"]},
            [{"field": "context.n", "op": "==", "value": 1}],
            {"action": "x", "subject": "s", "context": {"n": 1.0}},
            "permit",
        ),
        (
            {"effect": "permit", "actions": ["*"]},
            [{"field": "context.n", "op": "==", "value": 1}],
            {"action": "x", "subject": "s", "context": {"n": True}},
            "deny",
        ),
    ],
)
def test_decisions_follow_the_rule(client, rule, conditions, decision, outcome):
    """Outcome, validity and reasons."""
    policy_id = client.create_policy(rule=rule, conditions=conditions).body["policy_id"]
    told = {"policy_id": policy_id, "decision": decision}
    body = client.call("POST", "/api/governance/decisions/validate", told).body
    assert (body["outcome"], body["is_valid"]) == (outcome, outcome == "permit")
    assert body["reasons"]
    assert all(isinstance(reason, str) for reason in body["reasons"])


def test_the_latest_version_decides(client):
    """An update turns the decision."""
    policy_id = client.create_policy().body["policy_id"]
    told = {"policy_id": policy_id, "decision": {"action": "read"}}
    assert client.call("POST", "/api/governance/decisions/validate", told).body["is_valid"] is True
    changed = {**POLICY, "rule": {"effect": "deny", "actions": ["*"]}, "version": 1, **NAMED}
    assert client.call("PUT", f"/api/policy/{policy_id}", changed).status == 200
    assert client.call("POST", "/api/governance/decisions/validate", told).body["is_valid"] is False


@pytest.mark.parametrize("rule", [None, [], "permit", {"effect": "maybe", "actions": []}, {"effect": "permit"}])
def test_a_rule_outside_the_language_is_created_but_decides_nothing(client, rule):
    """201, then 422."""
    made = client.create_policy(rule=rule)
    assert made.status == 201
    told = {"policy_id": made.body["policy_id"], "decision": {"action": "read"}}
    answer = client.call("POST", "/api/governance/decisions/validate", told)
    assert (answer.status, answer.body["error"]) == (422, "invalid_field")

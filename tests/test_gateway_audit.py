"""The audit chain and its signatures: dense, linked, hashed, signed, and told apart from forgeries."""

import base64
import itertools
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from test_gateway_support import EVENT, GENESIS, HASH, sha256

pytestmark = pytest.mark.slow


def test_audit_chain_links_hashes_and_signs(fresh):
    """Entries are dense from 1, link to the genesis block, hash as stored and are signed over that hash."""
    keys = fresh.call("GET", "/gateway/config", headers={}).body["signing_keys"]
    previous = GENESIS
    details = {"😀": "ü\n", "￮": [2**53, {"b": None, "a": True}], "": ""}
    for sequence in range(1, 20):
        made = fresh.create_event(details=details, user_id="üser", event_type="t" * sequence)
        body = made.body
        assert (made.status, body["sequence"], body["previous_hash"]) == (201, sequence, previous)
        found = fresh.call("GET", f"/api/integrity/audit/verify?event_id={body['event_id']}").body
        assert found["entry"] == {
            "sequence": sequence,
            "event_id": body["event_id"],
            "event_type": "t" * sequence,
            "tenant_id": fresh.tenant,
            "user_id": "üser",
            "details": details,
            "timestamp": EVENT["timestamp"],
            "previous_hash": previous,
            "constitutional_hash": HASH,
        }
        previous = sha256(found["entry"])
        assert (found["is_valid"], found["entry_hash"], body["entry_hash"]) == (True, previous, previous)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(keys[body["key_id"]]))
        public.verify(base64.b64decode(body["signature"]), bytes.fromhex(previous))
    chain = fresh.call("GET", "/api/integrity/chain/verify?last=16").body
    assert (chain["is_valid"], chain["length"], chain["head_hash"]) == (True, 19, previous)
    assert [entry["sequence"] for entry in chain["entries"]] == list(range(4, 20))
    assert all(sha256(a) == b["previous_hash"] for a, b in itertools.pairwise(chain["entries"]))


@pytest.mark.parametrize("details", [None, 1, "text", [], {}])
def test_details_are_stored_as_sent(client, details):
    """Any JSON value that can be hashed."""
    event_id = client.create_event(details=details).body["event_id"]
    found = client.call("GET", f"/api/integrity/audit/verify?event_id={event_id}").body
    assert found["entry"]["details"] == details


def test_an_empty_chain_has_the_genesis_hash(fresh):
    """Nothing yet is valid and of length 0."""
    chain = fresh.call("GET", "/api/integrity/chain/verify").body
    assert (chain["is_valid"], chain["length"], chain["head_hash"], chain["entries"]) == (True, 0, GENESIS, [])


@pytest.mark.parametrize(("last", "shown"), [("1", 1), ("0", 1), ("-1", 1), ("16", 16), ("17", 16), ("999999", 16)])
def test_last_is_clamped(gateway, last, shown):
    """From 1 to 16."""
    client = gateway.client("windows")
    while client.call("GET", "/api/integrity/chain/verify").body["length"] < 18:
        client.create_event()
    chain = client.call("GET", f"/api/integrity/chain/verify?last={last}").body
    assert len(chain["entries"]) == shown
    assert chain["entries"][-1]["sequence"] == chain["length"]


def test_chains_of_tenants_are_separate(gateway, fresh):
    """Each starts at 1, whatever others append in between."""
    other = gateway.client(fresh.tenant + "-2")
    assert [fresh.create_event().body["sequence"], other.create_event().body["sequence"]] == [1, 1]
    assert [fresh.create_event().body["sequence"], other.create_event().body["sequence"]] == [2, 2]


def test_concurrent_appends_are_dense(gateway, fresh):
    """200 events over 10 connections: no gap, no fork, every link right."""
    made = []

    def append():
        client = gateway.client(fresh.tenant)
        made.extend(client.create_event().body for _ in range(20))

    threads = [threading.Thread(target=append) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.sort(key=lambda body: body["sequence"])
    assert [body["sequence"] for body in made] == list(range(1, 201))
    assert all(a["entry_hash"] == b["previous_hash"] for a, b in itertools.pairwise(made))


def tampered(signature):
    """The signature with one bit turned, and text that is none."""
    raw = bytearray(base64.b64decode(signature))
    raw[5] ^= 1
    yield base64.b64encode(raw).decode()
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(signature[-3])
    stray = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[last ^ 1]
    yield signature[:-3] + stray + "=="
    yield from (
        "",
        "x",
        "ü",
        signature[:-2],
        signature + "AA==",
        signature + "\n",
        signature.replace("=", ""),
        "=" * 88,
    )
    yield base64.b64encode(bytes(64)).decode()
    yield base64.b64encode(base64.b64decode(signature) + b"x").decode()


def test_signatures_are_told_apart(client):
    """Genuine is true; one field, one bit, stray bits or malformed text are false."""
    made = client.create_event(details={"n": 1}).body
    entry = client.call("GET", f"/api/integrity/audit/verify?event_id={made['event_id']}").body["entry"]
    genuine = {"payload": entry, "signature": made["signature"], "key_id": made["key_id"]}
    answer = client.call("POST", "/api/integrity/crypto/verify", genuine)
    assert (answer.status, answer.body["is_valid"]) == (200, True)
    for change in ({"details": {"n": 2}}, {"sequence": entry["sequence"] + 1}, {"user_id": ""}, {"more": 1}):
        told = {**genuine, "payload": {**entry, **change}}
        assert client.call("POST", "/api/integrity/crypto/verify", told).body["is_valid"] is False
    for signature in tampered(made["signature"]):
        answer = client.call("POST", "/api/integrity/crypto/verify", {**genuine, "signature": signature})
        assert (answer.status, answer.body["is_valid"]) == (200, False), signature

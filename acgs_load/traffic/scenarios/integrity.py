"""Integrity operations: audit trail, hash chain, cryptographic validation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from acgs_load.contract import Violation
from acgs_load.traffic.checks.chain import ENTRY_FIELDS, entry_hash
from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.findings import Finding
from acgs_load.traffic.checks.integrity import (
    OwnEvent,
    check_appended,
    check_event,
    check_signature,
    check_validation,
    check_window,
)
from acgs_load.traffic.checks.signatures import with_one_bit_flipped
from acgs_load.traffic.user.client import Answer, Client, json_bytes
from acgs_load.traffic.user.memory import SignedEntry
from acgs_load.traffic.user.sign_in import fetch_signing_keys
from acgs_load.traffic.user.timestamps import timestamp_text

if TYPE_CHECKING:
    from acgs_load.traffic.user.world import SharedWorld

_EVENT_TYPES = ("policy_change", "access_granted", "access_denied", "model_deployed", "vote_cast")
_ACTORS = ("council", "Prüfstelle", "審査", 'the "steward"')


def run(client: Client, world: SharedWorld) -> None:
    """Append an event, read one back, then verify the end of the chain or a signature."""
    turn = client.turn("integrity")
    _append(client, world, turn)
    _read_back(client)
    if turn % 2:
        _verify_chain(client, world)
    else:
        _validate_signature(client)


def _append(client: Client, world: SharedWorld, turn: int) -> None:
    client.await_arrival()
    number = client.draws.number("event", turn)
    event: Json = {
        "event_type": _EVENT_TYPES[number % len(_EVENT_TYPES)],
        "tenant_id": client.tenant_id,
        "user_id": client.user_id,
        "details": {
            "actor": _ACTORS[number % len(_ACTORS)],
            "reference": f"{number & 0xFFFFFFFFFFFFFFFF:016x}",
            "amount": number % 2**53,
            "scope": {"resources": [f"model-{number % 23}", None, number % 2 == 0], "turn": turn},
        },
        "timestamp": timestamp_text(world.epoch()),
    }
    length_before = world.chain(client.tenant_id).length
    check = partial(_judge_appended, client, world, event, length_before)
    answer = client.send("audit_create", check, json_bytes(event))
    if answer.body is not None:
        _remember(client, world, _entry_of(client, event, answer.body), answer, number)


def _entry_of(client: Client, event: Json, body: Json) -> Json:
    """The whole entry, from what was sent and what was acknowledged."""
    return {
        **event,
        "sequence": body["sequence"],
        "event_id": body["event_id"],
        "previous_hash": body["previous_hash"],
        "constitutional_hash": client.terms.constitutional_hash,
    }


def _judge_appended(
    client: Client, world: SharedWorld, event: Json, length_before: int, body: Json, _score: float | None
) -> list[Finding]:
    recomputed = entry_hash(_entry_of(client, event, body))
    findings = check_appended(recomputed, world.chain(client.tenant_id), length_before, world.genesis_hash, body)
    published = world.published
    if published.knows_of(body["key_id"], partial(fetch_signing_keys, client)):
        findings += check_signature(published.keys or {}, recomputed, body)
        client.signature_checked = True
    return findings


def _remember(client: Client, world: SharedWorld, entry: Json, answer: Answer, number: int) -> None:
    body = answer.body or {}
    sound = Violation.CHAIN_BROKEN not in answer.violations
    content_hash = body["entry_hash"].lower() if sound else entry_hash(entry)
    client.memory.keep_event(OwnEvent(body["event_id"], content_hash), number)
    if not client.memory.vouched:
        client.memory.signed = SignedEntry(json_bytes(entry), body["signature"], body["key_id"])
    if sound:  # one wild sequence must not make every later answer look wrong
        world.chain(client.tenant_id).learn(body["sequence"], content_hash)


def _read_back(client: Client) -> None:
    """Verify the latest own event, or every other time a random earlier one."""
    memory = client.memory
    if not memory.events:
        client.skip("audit_verify")
        return
    turn = client.turn("audit_verify")
    event = memory.event(client.draws.number("earlier", turn) if turn % 2 else None)
    assert event is not None, "there is one"
    client.await_arrival()
    answer = client.send(
        "audit_verify",
        partial(check_event, event, client.tenant_id),
        placeholder="{event_id}",
        value=event.event_id,
        acknowledged=event.event_id,
    )
    if answer.lost:
        memory.forget_event(event)


def _verify_chain(client: Client, world: SharedWorld) -> None:
    client.await_arrival()
    client.send("chain_verify", partial(_judge_window, client, world, world.chain(client.tenant_id).length))


def _judge_window(
    client: Client, world: SharedWorld, length_before: int, body: Json, _score: float | None
) -> list[Finding]:
    """Findings; a window without any becomes knowledge itself, so that history cannot change between two windows."""
    chain = world.chain(client.tenant_id)
    findings, hashes = check_window(client.tenant_id, chain, length_before, world.genesis_hash, body)
    if not findings:
        chain.grow(body["length"])
        for entry, recomputed in zip(body["entries"], hashes, strict=True):
            chain.learn(entry["sequence"], recomputed)
    return findings


def _validate_signature(client: Client) -> None:
    """Ask about an own acknowledged entry: as it is, and the next time about the same one tampered with.

    A target that remembers its verdict by the signature or by the entry is told from one that looks at both.
    """
    memory = client.memory
    signed = memory.signed
    if signed is None:
        client.skip("crypto_validate")
        return
    turn = client.turn("crypto_validate")
    genuine = memory.vouched = turn % 2 == 0
    if not genuine:
        signed = _tampered(signed, client.draws.number("tamper", turn))
    client.await_arrival()
    body = json_bytes({"payload": signed.entry, "signature": signed.signature, "key_id": signed.key_id})
    client.send("crypto_validate", partial(check_validation, genuine), body)


def _tampered(signed: SignedEntry, number: int) -> SignedEntry:
    """The same with one field or one bit of the signature changed."""
    number, kind = divmod(number, 2)
    if kind:
        return signed._replace(signature=with_one_bit_flipped(signed.signature, number))
    name = ENTRY_FIELDS[number % len(ENTRY_FIELDS)]
    entry = signed.entry
    return signed._replace(packed=json_bytes({**entry, name: _changed(entry[name])}))


def _changed(value: Any) -> Any:
    """Another value of the same type, as close as can be."""
    if type(value) is dict:
        return {**value, "amount": value["amount"] ^ 1}
    if type(value) is int:
        return value ^ 1
    return value[:-1] + ("1" if value.endswith("0") else "0")

"""Targets that lie as a whole: each takes a stage whose target is truthful and makes it one with a subtle defect.

Where ``planted_defects`` spoils an answer on its way back, these spoil what the target keeps or how it works.
"""

import base64
import copy
import json

from fake_logic import sha
from fake_target import FOUR, HASH, FakeTarget, Refused


def around(method, change):
    """A liar whose ``method`` is ``change(target, truthful)``."""

    def lie(stage):
        setattr(stage.target, method, change(stage.target, getattr(stage.target, method)))

    return lie


def foreign(answer):
    """The tenant, of two, that the answer is not for."""
    asked = answer.sent["headers"].get("X-Tenant-ID") or answer.sent["body"]["tenant_id"]
    return "tenant-002" if asked == "tenant-001" else "tenant-001"


def swapped(operation):
    """Whoever asks gets the answer that the one before got."""

    def lie(stage):
        before = []

        def swap(answer):
            before.append((answer.status, copy.deepcopy(answer.body), dict(answer.headers)))
            if len(before) > 1:
                answer.status, answer.body, answer.headers = before.pop(0)

        stage.plant(operation, swap)

    return lie


def cached(method, key):
    """What was answered once is answered again whenever ``key(tenant, body)`` is the same."""

    def change(_target, truthful):
        known = {}

        def answer(tenant, body):
            name = key(tenant, body)
            if name not in known:
                known[name] = truthful(tenant, body)
            return copy.deepcopy(known[name])

        return answer

    return around(method, change)


def second_update_lost(target, _truthful):
    """The first update of a policy is kept, the second is acknowledged only."""

    def update(tenant, policy_id, body):
        contents = target._policy(tenant, policy_id)
        if body["version"] != len(contents):
            raise Refused(409, "version_conflict")
        content, version = {name: body[name] for name in FOUR}, len(contents) + 1
        if version < 3:
            contents.append(content)
        found = {"policy_id": policy_id, "version": version, "content_sha256": sha(content)}
        return 200, {**found, "constitutional_hash": HASH}

    return update


def first_version_decides(target, _truthful):
    """Decisions know nothing of updates."""

    def decide(tenant, body):
        past = copy.copy(target)
        past._policy = lambda owner, policy_id: target._policy(owner, policy_id)[:1]
        return FakeTarget.decide(past, tenant, body)

    return decide


def newest_entry_hidden(target, _truthful):
    """The window is sound in itself, of a chain that ends one entry early."""

    def verify_chain(tenant, body):
        past = copy.copy(target)
        past.chains = {tenant: target.chains.get(tenant, [])[:-1]}
        return FakeTarget.verify_chain(past, tenant, body)

    return verify_chain


def history_rewritten(target, truthful):
    """An entry of the window is changed, and all that follow are linked anew."""

    def verify_chain(tenant, body):
        chain = target.chains.get(tenant, [])
        if len(chain) > 5:
            chain[-5]["timestamp"] = "2020-01-01T00:00:00.000Z"
            for entry, following in zip(chain[-5:], chain[-4:], strict=False):
                following["previous_hash"] = sha(entry)
        return truthful(tenant, body)

    return verify_chain


def chain_for_each_user(stage):
    """Two users of one tenant get the same sequences; each sees a chain of its own, the last one's."""
    target, last = stage.target, {}
    append, verify_chain = target.append, target.verify_chain

    def fork(tenant, body):
        last[tenant] = f"{tenant}|{body['user_id']}"
        return append(last[tenant], body)

    target.append = fork
    target.verify_chain = lambda tenant, body: verify_chain(last.get(tenant, tenant), body)


def old_events_vanish(target, truthful):
    """Only the latest eight of a tenant are kept."""

    def read_event(tenant, body):
        if body["event_id"] in [entry["event_id"] for entry in target.chains[tenant][:-8]]:
            raise Refused(404, "not_found")
        return truthful(tenant, body)

    return read_event


def appended(change):
    """Entries are stored as ``change(entry, chain)`` leaves them; what is acknowledged is hashed and signed anew."""

    def lie(target, truthful):
        def append(tenant, body):
            status, told = truthful(tenant, body)
            chain = target.chains[tenant]
            change(chain[-1], chain)
            signature = base64.b64encode(target.key.sign(bytes.fromhex(sha(chain[-1])))).decode()
            same = {name: chain[-1][name] for name in ("sequence", "previous_hash")}
            return status, {**told, **same, "entry_hash": sha(chain[-1]), "signature": signature}

        return append

    return around("append", lie)


def link_skipped(entry, chain):
    """Links lead to the last but one."""
    if len(chain) > 2:
        entry["previous_hash"] = sha(chain[-3])


def stored_entry_vouches(*compared):
    """Signatures are held against the stored entry, of whose fields only ``compared`` must be those of the payload."""

    def change(target, truthful):
        def verify_signature(tenant, body):
            payload = body["payload"]
            for entry in (entry for chain in target.chains.values() for entry in chain):
                if entry["event_id"] == payload["event_id"] and all(entry[n] == payload[n] for n in compared):
                    return truthful(tenant, {**body, "payload": entry})
            return truthful(tenant, body)

        return verify_signature

    return around("verify_signature", change)


def half_the_signature(target, _truthful):
    """Signatures are compared up to their middle."""

    def verify_signature(_tenant, body):
        true = target.key.sign(bytes.fromhex(sha(body["payload"])))
        same = base64.b64decode(body["signature"])[:32] == true[:32]
        return 200, {"is_valid": same, "constitutional_hash": HASH}

    return verify_signature


def asked_otherwise(change):
    """The solver is asked about ``change(content, kind)`` in place of the ``policy_content``."""

    def lie(_target, truthful):
        def verify(tenant, body):
            content = change(dict(body["policy_content"]), body["verification_type"])
            return truthful(tenant, {**body, "policy_content": content})

        return verify

    return around("verify", lie)


def requirement_joined(term):
    """Consistency minds the requirement, as ``term`` spells it."""

    def change(content, kind):
        if kind == "consistency" and "requirement" in content:
            content["constraints"] = [*content["constraints"], term.format(content["requirement"])]
        return content

    return asked_otherwise(change)


def policies_by(change):
    """What is stored of a new policy is ``change(content)``; the hash is that of what was sent."""

    def lie(target, truthful):
        def create(tenant, body):
            status, told = truthful(tenant, body)
            contents = target.policies[told["policy_id"]][1]
            contents[0] = change(json.loads(json.dumps(contents[0])))
            return status, told

        return create

    return around("create", lie)

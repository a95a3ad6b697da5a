"""Subtle lies of whole targets, none of which the gateway can plant: each is found, under the name that is due."""

import base64
import itertools
import json

import pytest
from fake_transport import Stage, lived
from liars import (
    appended,
    around,
    asked_otherwise,
    cached,
    chain_for_each_user,
    first_version_decides,
    foreign,
    half_the_signature,
    history_rewritten,
    link_skipped,
    newest_entry_hidden,
    old_events_vanish,
    policies_by,
    requirement_joined,
    second_update_lost,
    stored_entry_vouches,
    swapped,
)
from planted_defects import become, put

from acgs_load.contract import OPERATIONS

ENTRY_BUT_DETAILS = ("sequence", "event_type", "tenant_id", "user_id", "timestamp", "previous_hash")


def planted(operation, defect):
    """A liar that spoils the answers of one operation."""
    return lambda stage: stage.plant(operation, defect)


def other_policy_ids(stage):
    """Ids come round again, so that a new policy takes the place of an old one."""
    stage.target.policy_numbers = itertools.cycle(range(3))


def spelled(text):
    """A defect: the body has ``text`` (of the foreign tenant's canary) in front of all else."""

    def defect(answer):
        canary = f"canary-{foreign(answer)}-0123456789abcdef"
        answer.raw = ("{" + text.replace("@", canary) + json.dumps({**answer.body, "é": 1})[1:]).encode()

    return defect


def with_record(place):
    """A defect: a record of the other tenant's stands somewhere in the own data."""

    def defect(answer):
        place(answer.body, {"id": "9", "tenant_id": foreign(answer)})

    return defect


def signature_before(stage):
    """A signature is valid, but that of the entry before."""
    signatures = []

    def defect(answer):
        signatures.append(answer.body["signature"])
        answer.body["signature"] = signatures[-2:][0]

    stage.plant("audit_create", defect)


def latest_event(target, truthful):
    """Whatever event is asked for."""
    return lambda tenant, _body: truthful(tenant, {"event_id": target.chains[tenant][-1]["event_id"]})


LIES = [
    # answers of somebody else
    *(
        (f"{operation}: the answer that was for somebody else", swapped(operation), operation, violation)
        for operation, violation in (
            ("auth_login", "isolation_breach"),
            ("tenant_data_access", "isolation_breach"),
            ("tenant_config_update", "isolation_breach"),
            ("policy_create", "lost_write"),
            ("policy_get", "lost_write"),
            ("policy_update", "lost_write"),
            ("policy_list", "isolation_breach"),
            ("governance_decision", "decision_wrong"),
            ("constitutional_formal_request", "proof_wrong"),
            ("formal_verification", "proof_wrong"),
            ("proof_obligation", "proof_wrong"),
            ("constraint_validation", "proof_wrong"),
            ("audit_create", "chain_broken"),
            ("audit_verify", "isolation_breach"),
            ("chain_verify", "isolation_breach"),
            ("crypto_validate", "signature_wrong"),
        )
    ),
    # tenants
    ("token for another", planted("auth_login", put(tenant_id="tenant-999")), "auth_login", "isolation_breach"),
    *(
        (f"{words} foreign record", planted("tenant_data_access", with_record(place)), "tenant_data_access", breach)
        for breach, words, place in (
            ("isolation_breach", "one more", lambda body, record: body["records"].append(record)),
            ("isolation_breach", "beside", lambda body, record: body.update(shared=[record])),
            ("isolation_breach", "inside", lambda body, record: body["records"][0].update(owner={"of": record})),
        )
    ),
    *(
        (f"canary in {words}", planted("tenant_data_access", spelled(text)), "tenant_data_access", "isolation_breach")
        for words, text in (
            ("a key given twice", '"canary":"@",'),
            ("no JSON", '"n":NaN,"c":"\\n@",'),
            ("a cut body", '"c":"@",{'),
        )
    ),
    *(
        (f"{status} to an attempt", planted("cross_tenant_access_attempt", become(status, records=[])), *due)
        for status in (201, 206, 299)
        for due in [("cross_tenant_access_attempt", "isolation_breach")]
    ),
    # policies
    ("second update lost", around("update", second_update_lost), "policy_get", "stale_read"),
    ("ids come round", other_policy_ids, "policy_get", "stale_read"),
    ("ints stored as floats", policies_by(lambda c: c | {"metadata": {"limit": 1.0}}), "policy_get", "lost_write"),
    ("first version decides", around("decide", first_version_decides), "governance_decision", "decision_wrong"),
    ("always empty", planted("policy_list", put(policies=[], next_cursor=None)), "policy_list", "lost_write"),
    ("list of old", cached("list", lambda tenant, body: (tenant, body["cursor"])), "policy_list", "lost_write"),
    ("old versions listed", planted("policy_list", put(policies=lambda b: aged(b))), "policy_list", "stale_read"),
    # proofs
    ("consistency minds ¬requirement", requirement_joined("(not {})"), "constitutional_formal_request", "proof_wrong"),
    ("consistency minds requirement", requirement_joined("{}"), "constitutional_formal_request", "proof_wrong"),
    (
        "requirement forgotten",
        asked_otherwise(lambda content, kind: content | ({"requirement": "true"} if kind == "compliance" else {})),
        "formal_verification",
        "proof_wrong",
    ),
    (
        "cached by declarations",
        cached("verify", lambda _, body: json.dumps(body["policy_content"]["declarations"])),
        "formal_verification",
        "proof_wrong",
    ),
    # the chain
    ("a chain for each user", chain_for_each_user, "audit_create", "chain_broken"),
    ("newest entry hidden", around("verify_chain", newest_entry_hidden), "chain_verify", "chain_broken"),
    ("history rewritten", around("verify_chain", history_rewritten), "chain_verify", "chain_broken"),
    ("window cached", cached("verify_chain", lambda tenant, _: tenant), "chain_verify", "chain_broken"),
    ("sequences in tens", appended(lambda e, c: e.update(sequence=10 * len(c))), "chain_verify", "chain_broken"),
    ("links skip one", appended(link_skipped), "audit_create", "chain_broken"),
    ("details changed", appended(lambda e, _: e.update(details={})), "audit_verify", "lost_write"),
    ("old events vanish", around("read_event", old_events_vanish), "audit_verify", "lost_write"),
    ("always the latest event", around("read_event", latest_event), "audit_verify", "lost_write"),
    # signatures
    ("that of the entry before", signature_before, "audit_create", "signature_wrong"),
    (
        "no padding",
        planted("audit_create", put(signature=lambda b: b["signature"].rstrip("="))),
        "audit_create",
        "signature_wrong",
    ),
    (
        "in hex",
        planted("audit_create", put(signature=lambda b: base64.b64decode(b["signature"]).hex())),
        "audit_create",
        "signature_wrong",
    ),
    *(
        (f"validate: {words}", lie, "crypto_validate", "signature_wrong")
        for words, lie in (
            ("only the stored entry counts", stored_entry_vouches()),
            ("only details are compared", stored_entry_vouches("details")),
            ("details are not compared", stored_entry_vouches(*ENTRY_BUT_DETAILS)),
            ("cached by signature", cached("verify_signature", lambda _, body: body["signature"])),
            ("cached by event", cached("verify_signature", lambda _, body: body["payload"]["event_id"])),
            ("half the signature", around("verify_signature", half_the_signature)),
        )
    ),
]


def aged(body):
    """Listed policies, all of version 1 less what they have."""
    return [row | {"version": 0} for row in body["policies"]]


@pytest.mark.parametrize(("words", "lie", "operation", "violation"), LIES, ids=[lie[0] for lie in LIES])
def test_a_lie_is_found_under_its_name(words, lie, operation, violation):
    """In the operation that shows it; the same users find a truthful target truthful (``test_checks_planted``)."""
    stage = Stage(tenants=("tenant-001", "tenant-002"))
    lie(stage)
    lived(stage, 26, [str(OPERATIONS[operation].scenario or "tenant")])
    assert stage.recorder.violations()[operation, violation] > 0
    assert [text for kind, name, text in stage.recorder.examples if (kind, name) == (violation, operation)]


def test_a_target_without_lies_passes_as_long_a_look():
    """No row above is found in a target that tells the truth."""
    stage = lived(Stage(tenants=("tenant-001", "tenant-002")), 60)
    assert stage.recorder.violations() == {}
    assert {str(sample.outcome) for sample in stage.recorder.samples} == {"ok"}


def test_naming_another_tenant_is_no_breach():
    """A grant, an owner or a link may name one; only a record of its, with an id, is data given away."""
    stage = Stage(tenants=("tenant-001", "tenant-002"))
    stage.plant("tenant_data_access", lambda answer: answer.body["records"][0].update(grants=[{"tenant_id": "other"}]))
    assert lived(stage, 4, ["tenant"]).recorder.violations() == {}

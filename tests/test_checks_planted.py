"""Every row of the contract's table of violations: truthful answers pass, and each planted defect is found."""

import json

import pytest
from fake_transport import Stage, lived
from planted_defects import (
    FOREIGN,
    NOT_FOUND,
    OTHER_HASH,
    become,
    false_signature,
    first,
    header,
    inside,
    missing_model,
    model,
    needless_model,
    one_value_away,
    out_of_bounds,
    put,
    refused_with,
    rewritten_event,
    rewritten_window,
    shifted_window,
    stale_policy,
    turned,
    without,
    wrong_spelling,
)

from acgs_load.contract import OPERATIONS

ROWS = [
    # isolation_breach
    ("tenant_data_access", "isolation_breach", "foreign tenant", put(tenant_id="tenant-999")),
    ("tenant_data_access", "isolation_breach", "foreign record", first("records", tenant_id="tenant-999")),
    ("tenant_data_access", "isolation_breach", "foreign canary", put(canary=FOREIGN)),
    ("tenant_data_access", "isolation_breach", "canary in a record", first("records", note=f"see {FOREIGN}.")),
    ("tenant_config_update", "isolation_breach", "foreign tenant", put(tenant_id="tenant-999")),
    ("policy_list", "isolation_breach", "foreign item", first("policies", tenant_id="tenant-999")),
    ("audit_verify", "isolation_breach", "foreign event", inside("entry", tenant_id="tenant-999")),
    ("chain_verify", "isolation_breach", "foreign entry", first("entries", tenant_id="tenant-999")),
    ("cross_tenant_access_attempt", "isolation_breach", "200 with nothing", become(200)),
    ("cross_tenant_access_attempt", "isolation_breach", "204 with an object", become(204)),
    ("cross_tenant_access_attempt", "isolation_breach", "canary in 403", lambda a: a.body.update(message=FOREIGN)),
    ("cross_tenant_access_attempt", "isolation_breach", "403 with records", refused_with(records=[{"id": 1}])),
    (
        "cross_tenant_access_attempt",
        "isolation_breach",
        "403 with a record",
        lambda a: a.body.update(more=[{"it": {"id": 1, "tenant_id": a.sent["path"].split("/")[3]}}]),
    ),
    ("policy_create", "isolation_breach", "canary in a key", put(**{FOREIGN: 1})),
    ("verification_status", "isolation_breach", "canary nested", put(more=[{"deep": [FOREIGN]}])),
    ("auth_login", "isolation_breach", "canary at login", put(more=FOREIGN)),
    # lost_write
    ("policy_create", "lost_write", "wrong hash", put(content_sha256=OTHER_HASH)),
    ("policy_create", "lost_write", "not version 1", put(version=2)),
    ("policy_update", "lost_write", "wrong hash", put(content_sha256=OTHER_HASH)),
    ("policy_update", "lost_write", "version stays", put(version=lambda body: body["version"] - 1)),
    ("policy_update", "lost_write", "another policy", put(policy_id="another")),
    ("policy_get", "lost_write", "404", NOT_FOUND),
    ("policy_update", "lost_write", "404", NOT_FOUND),
    ("governance_decision", "lost_write", "404", NOT_FOUND),
    ("audit_verify", "lost_write", "404", NOT_FOUND),
    ("policy_get", "lost_write", "changed", inside("policy", constraints=["true"])),
    ("policy_get", "lost_write", "another policy", put(policy_id="another")),
    ("audit_verify", "lost_write", "changed", rewritten_event),
    ("tenant_config_update", "lost_write", "value", put(value="another")),
    ("tenant_config_update", "lost_write", "setting", put(setting="another")),
    ("tenant_data_access", "lost_write", "canary is none", put(canary="canary-")),
    # stale_read
    ("policy_get", "stale_read", "version before", stale_policy),
    ("policy_get", "stale_read", "content differs", inside("policy", conditions=[])),
    ("policy_get", "stale_read", "unknown version", put(version=lambda body: body["version"] + 1)),
    ("tenant_config_update", "stale_read", "not rising", put(version=1)),
    # chain_broken
    ("audit_create", "chain_broken", "entry hash", put(entry_hash=OTHER_HASH)),
    ("audit_create", "chain_broken", "link", put(previous_hash=OTHER_HASH)),
    ("audit_create", "chain_broken", "sequence again", put(sequence=1)),
    ("audit_create", "chain_broken", "sequence 0", put(sequence=0)),
    ("audit_verify", "chain_broken", "is_valid", put(is_valid=False)),
    ("audit_verify", "chain_broken", "entry hash", put(entry_hash=OTHER_HASH)),
    ("chain_verify", "chain_broken", "is_valid", put(is_valid=False)),
    ("chain_verify", "chain_broken", "head", put(head_hash=OTHER_HASH)),
    ("chain_verify", "chain_broken", "length", put(length=0)),
    ("chain_verify", "chain_broken", "emptied", put(length=0, entries=lambda _: [], head_hash=OTHER_HASH)),
    ("chain_verify", "chain_broken", "not dense", shifted_window),
    ("chain_verify", "chain_broken", "rewritten", rewritten_window),
    ("chain_verify", "chain_broken", "tampered", first("entries", timestamp="2020-01-01T00:00:00.000Z")),
    # proof_wrong
    ("formal_verification", "proof_wrong", "turned", turned("is_compliant solver_result")),
    ("formal_verification", "proof_wrong", "compliance only", turned("is_compliant")),
    ("formal_verification", "proof_wrong", "result only", turned("solver_result")),
    ("formal_verification", "proof_wrong", "compliant yet unknown", put(solver_result="unknown", is_compliant=True)),
    ("constitutional_formal_request", "proof_wrong", "turned", turned("is_compliant solver_result")),
    ("proof_obligation", "proof_wrong", "turned", turned("result")),
    ("proof_obligation", "proof_wrong", "id", put(obligation_id="another")),
    ("proof_obligation", "proof_wrong", "no counterexample", missing_model),
    ("proof_obligation", "proof_wrong", "needless counterexample", needless_model),
    ("proof_obligation", "proof_wrong", "constant missing", model(one_value_away)),
    ("proof_obligation", "proof_wrong", "not satisfying", model(out_of_bounds)),
    ("proof_obligation", "proof_wrong", "spelling", model(wrong_spelling)),
    ("constraint_validation", "proof_wrong", "turned", turned("satisfiable")),
    ("constraint_validation", "proof_wrong", "no model", missing_model),
    ("constraint_validation", "proof_wrong", "needless model", needless_model),
    ("constraint_validation", "proof_wrong", "not satisfying", model(out_of_bounds)),
    # decision_wrong
    ("governance_decision", "decision_wrong", "turned", turned("outcome is_valid")),
    ("governance_decision", "decision_wrong", "is_valid only", turned("is_valid")),
    ("governance_decision", "decision_wrong", "no outcome of the language", put(outcome="maybe", is_valid=False)),
    # signature_wrong
    ("audit_create", "signature_wrong", "false", false_signature),
    ("audit_create", "signature_wrong", "no base64", put(signature="!")),
    ("audit_create", "signature_wrong", "unpublished key", put(key_id="key-2")),
    ("crypto_validate", "signature_wrong", "always true", put(is_valid=True)),
    ("crypto_validate", "signature_wrong", "always false", put(is_valid=False)),
    # not_compliant
    ("constitutional_verify", "not_compliant", "is_valid", put(is_valid=False)),
    ("constitutional_score", "not_compliant", "is_compliant", put(is_compliant=False)),
    ("policy_list", "not_compliant", "false", header("x-constitutional-compliant", "false")),
    ("policy_list", "not_compliant", "absent", header("x-constitutional-compliant", None)),
    ("policy_list", "not_compliant", "True", header("x-constitutional-compliant", "True")),
    ("audit_create", "not_compliant", "score absent", header("x-constitutional-score", None)),
    ("audit_create", "not_compliant", "score above 1", header("x-constitutional-score", "1.01")),
    ("audit_create", "not_compliant", "score below 0", header("x-constitutional-score", "-0.1")),
    ("audit_create", "not_compliant", "score nan", header("x-constitutional-score", "nan")),
    ("auth_login", "not_compliant", "score no number", header("x-constitutional-score", "high")),
    # score_low
    ("constitutional_score", "score_low", "not the mean", put(principle_scores={"a": 0.99, "b": 0.97})),
    ("constitutional_score", "score_low", "no principles", put(principle_scores={})),
    ("constitutional_score", "score_low", "header differs", header("x-constitutional-score", "0.99")),
    ("constitutional_score", "score_low", "below", put(compliance_score=0.94, principle_scores={"a": 0.94})),
    ("constitutional_score", "score_low", "outside", put(principle_scores={"a": 1.5, "b": 0.5})),
]
HASH_ROWS = [
    (operation, violation, words, defect)
    for operation in OPERATIONS
    if operation != "auth_refresh"
    for violation, words, defect in (
        ("hash_wrong", "header", header("x-constitutional-hash", "CDD01EF066BC6CF2")),
        ("hash_absent", "header", header("x-constitutional-hash", None)),
        ("hash_wrong", "body", lambda answer: answer.body.update(constitutional_hash=["cdd01ef066bc6cf2"])),
        ("hash_absent", "body", without("constitutional_hash")),
    )
]


@pytest.fixture(scope="module")
def truthful():
    """What a truthful target's answers were found to be."""
    return lived(Stage(tenants=("tenant-001", "tenant-002")), 30)


def test_truthful_answers_pass(truthful):
    """Nothing is wrong with any answer of a truthful target, nothing is skipped, and every operation was sent."""
    assert truthful.recorder.violations() == {}
    assert truthful.recorder.examples == []
    assert truthful.recorder.skipped == []
    assert {s.operation for s in truthful.recorder.samples} == set(OPERATIONS) - {"auth_refresh"}
    assert {str(s.outcome) for s in truthful.recorder.samples} == {"ok"}


@pytest.mark.parametrize(("operation", "violation", "words", "defect"), ROWS, ids=[" ".join(row[:3]) for row in ROWS])
def test_a_planted_defect_is_found(operation, violation, words, defect):
    """The defect makes answers of its operation fail with its violation, and an example tells a stranger why."""
    stage = Stage(tenants=("tenant-001", "tenant-002"))
    stage.plant(operation, defect)
    scenario = OPERATIONS[operation].scenario
    visits = [stage.visit() for _ in range(3)]
    for _ in range(14):
        for visit in visits:
            visit.prepare()
            visit.run(str(scenario or "tenant"))
    found = [s for s in stage.recorder.samples if s.operation == operation and violation in s.violations]
    assert found
    assert all(s.outcome == "failed_check" for s in found)
    told = [text for kind, name, text in stage.recorder.examples if (kind, name) == (violation, operation)]
    assert told
    assert all(0 < len(text) <= 300 and "\n" not in text for text in told)


@pytest.mark.parametrize(("operation", "violation", "words", "defect"), HASH_ROWS)
def test_a_wrong_or_absent_hash_is_found(operation, violation, words, defect):
    """On every operation, expected refusals included, in header and body alike."""
    stage = Stage(tenants=("tenant-001", "tenant-002"))
    stage.plant(operation, defect)
    visits = [stage.visit() for _ in range(2)]
    scenario = OPERATIONS[operation].scenario
    for _ in range(6):
        for visit in visits:
            visit.prepare()
            visit.run(str(scenario or "constitutional"))
    samples = [s for s in stage.recorder.samples if s.operation == operation]
    assert samples
    assert all(s.violations == (violation,) and s.outcome == "failed_check" for s in samples)


def test_the_label_is_the_first_violation_in_the_contracts_order():
    """An answer with several things wrong carries each once, in the contract's order."""
    stage = Stage(tenants=("tenant-001", "tenant-002"))

    def everything(answer):
        answer.body |= {"is_valid": False, "head_hash": OTHER_HASH, "note": FOREIGN}
        del answer.body["constitutional_hash"]
        answer.headers = {"x-constitutional-hash": "another"}

    stage.plant("chain_verify", everything)
    lived(stage, 3)
    sample = next(s for s in stage.recorder.samples if s.operation == "chain_verify")
    assert sample.violations == ("isolation_breach", "chain_broken", "not_compliant", "hash_wrong", "hash_absent")


def test_a_canary_hidden_in_escapes_is_found():
    """The decoded text counts, not its spelling."""
    stage = Stage(tenants=("tenant-001", "tenant-002"))

    def hidden(answer):
        text = json.dumps({**answer.body, "note": "x"})
        answer.raw = text.replace('"x"', '"\\u0063\\u0061nary-tenant-999-0123456789abcdef"').encode()

    stage.plant("constitutional_verify", hidden)
    lived(stage, 1)
    assert stage.recorder.violations() == {("constitutional_verify", "isolation_breach"): 3}

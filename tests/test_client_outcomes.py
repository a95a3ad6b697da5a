"""The outcome of a request is the first that holds, in the contract's precedence."""

import orjson
import pytest
from fake_transport import Stage

from acgs_load.contract import OPERATIONS, Outcome
from acgs_load.traffic.checks.fields import FIELDS, field_problem
from acgs_load.traffic.transport.exchange import Reply
from acgs_load.traffic.user.judgement import Ask, judge

HASH = "cdd01ef066bc6cf2"
FOREIGN = "canary-other-0123456789abcdef"
ERROR = {"error": "x", "message": "", "request_id": "", "timestamp": ""}
WHOLE = {  # a right 2xx body of every operation, beyond the hash
    "auth_login": {"access_token": "t", "token_type": "bearer", "expires_in": 60, "user_id": "u", "tenant_id": "own"},
    "constitutional_verify": {"is_valid": True, "principles": ["p"], "verified_at": "now"},
    "constitutional_score": {"compliance_score": 1.0, "principle_scores": {"p": 1}, "is_compliant": True},
    "formal_verification": {
        "is_compliant": True,
        "solver": "z3",
        "solver_result": "unsat",
        "verification_time_ms": 1,
    },
    "tenant_data_access": {"tenant_id": "own", "canary": "c", "records": [{"id": 1, "tenant_id": "own"}]},
    "tenant_config_update": {"tenant_id": "own", "setting": "s", "value": None, "version": 1},
    "policy_create": {"policy_id": "p", "version": 1, "content_sha256": "0"},
    "policy_get": {
        "policy_id": "p",
        "version": 1,
        "policy": {"rule": {}, "constraints": [], "conditions": [], "metadata": {}},
    },
    "policy_list": {"policies": [{"policy_id": "p", "tenant_id": "own", "version": 1}], "next_cursor": None},
    "governance_decision": {"is_valid": True, "outcome": "permit", "reasons": ["r"]},
    "proof_obligation": {"obligation_id": "o", "result": "valid", "counterexample": None},
    "constraint_validation": {"satisfiable": None, "model": None},
    "verification_status": {"solver": "z3", "version": "4", "queue_depth": 0, "completed": 0},
    "audit_create": {
        "event_id": "e",
        "sequence": 1,
        "previous_hash": "",
        "entry_hash": "",
        "signature": "",
        "key_id": "",
    },
    "audit_verify": {
        "is_valid": True,
        "entry_hash": "",
        "entry": {
            "sequence": 1,
            "event_id": "",
            "event_type": "",
            "tenant_id": "",
            "user_id": "",
            "details": {},
            "timestamp": "",
            "previous_hash": "",
            "constitutional_hash": "",
        },
    },
    "chain_verify": {"is_valid": True, "length": 0, "head_hash": "", "entries": []},
    "crypto_validate": {"is_valid": True},
}
WHOLE["auth_refresh"] = WHOLE["auth_login"]
WHOLE["constitutional_formal_request"] = WHOLE["formal_verification"]


def judged(operation, status, body, headers=None, acknowledged="", raw=None):
    """The judgement of one answer, with the right hash unless the test says otherwise."""
    if isinstance(body, dict):
        body = {"constitutional_hash": HASH, **body}
    given = {"x-constitutional-hash": HASH, "x-constitutional-score": "1", "x-constitutional-compliant": "true"}
    raw = orjson.dumps(body) if raw is None else raw
    reply = Reply(status, given | (headers or {}), raw, 1.0, 1.5)
    return judge(Ask(OPERATIONS[operation], HASH, "own", None, acknowledged=acknowledged), reply)


@pytest.mark.parametrize(
    ("operation", "status", "body", "headers", "outcome"),
    [
        ("policy_list", 200, WHOLE["policy_list"], {}, "ok"),
        ("policy_create", 201, WHOLE["policy_create"], {}, "ok"),
        ("policy_create", 200, WHOLE["policy_create"], {}, "http_error"),
        ("policy_list", 201, WHOLE["policy_list"], {}, "http_error"),
        ("policy_list", 204, {}, {}, "bad_response"),
        ("policy_list", 302, {}, {}, "http_error"),
        ("policy_list", 500, ERROR, {}, "http_error"),
        ("policy_list", 503, ERROR, {}, "http_error"),
        ("policy_list", 503, ERROR, {"retry-after": "1"}, "throttled"),
        ("policy_list", 429, ERROR, {}, "throttled"),
        ("policy_list", 500, ERROR, {"retry-after": "1"}, "http_error"),
        ("policy_list", 429, [], {}, "bad_response"),
        ("policy_list", 503, "x", {"retry-after": "1"}, "bad_response"),
        ("policy_list", 500, None, {}, "bad_response"),
        ("policy_list", 401, ERROR, {}, "http_error"),
        ("policy_list", 403, ERROR | {"error": "tenant_access_denied"}, {}, "http_error"),
        ("policy_list", 409, ERROR, {}, "http_error"),
        ("tenant_config_update", 409, ERROR | {"error": "version_conflict"}, {}, "http_error"),
        ("policy_update", 409, ERROR | {"error": "version_conflict"}, {}, "ok"),
        ("policy_update", 409, {"error": "version_conflict"}, {}, "bad_response"),
        ("policy_update", 409, ERROR | {"timestamp": 1}, {}, "bad_response"),
        ("cross_tenant_access_attempt", 403, ERROR | {"error": "tenant_access_denied"}, {}, "ok"),
        ("cross_tenant_access_attempt", 403, ERROR | {"error": "constitutional_hash_mismatch"}, {}, "http_error"),
        ("cross_tenant_access_attempt", 403, {"error": "tenant_access_denied"}, {}, "bad_response"),
        ("cross_tenant_access_attempt", 404, ERROR | {"error": "not_found"}, {}, "http_error"),
        ("cross_tenant_access_attempt", 429, ERROR, {}, "throttled"),
        ("cross_tenant_access_attempt", 401, ERROR, {}, "http_error"),
        ("policy_list", 200, {"policies": []}, {}, "bad_response"),
        ("policy_list", 500, ERROR | {"message": FOREIGN}, {}, "failed_check"),
        ("policy_list", 429, ERROR | {"message": FOREIGN}, {}, "failed_check"),
        ("policy_list", 200, [FOREIGN], {}, "failed_check"),
        ("policy_list", 200, {"policies": [], "x": f"({FOREIGN})"}, {}, "failed_check"),
        ("auth_login", 401, ERROR | {"message": FOREIGN}, {}, "failed_check"),
        ("policy_list", 500, ERROR | {"message": FOREIGN + "0"}, {}, "http_error"),
        ("policy_list", 500, ERROR | {"message": "x" + FOREIGN}, {}, "http_error"),
        ("policy_list", 500, ERROR | {"message": FOREIGN.upper()}, {}, "http_error"),
    ],
)
def test_outcome_by_status_and_body(operation, status, body, headers, outcome):
    """Each row is one answer and the first outcome that holds."""
    assert judged(operation, status, body, headers).outcome == outcome


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1]",
        b'"x"',
        b"null",
        b"<html>",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1}{}',
        b"{'a':1}",
        b'\xff{"',
    ],
)
def test_what_is_no_json_object_is_a_bad_response(raw):
    """Whatever the status."""
    for status in (200, 403, 404, 429, 500):
        assert judged("policy_list", status, None, raw=raw).outcome == "bad_response"


@pytest.mark.parametrize("raw", [b"", b"<html>moved</html>"])
def test_a_redirect_needs_no_body(raw):
    """Redirects seldom carry JSON; they are errors by their status."""
    for status in (301, 302, 303, 304, 307, 308):
        assert judged("policy_list", status, None, raw=raw).outcome == "http_error"


@pytest.mark.parametrize("raw", [b"", b"id;tenant\n7;other", b"null", b"<html>", b"[]"])
def test_a_body_that_is_no_json_excuses_no_violation(raw):
    """The outcome stays the first that holds; what the status proves is counted beside it."""
    for operation, status, violation in (
        ("cross_tenant_access_attempt", 200, "isolation_breach"),
        ("cross_tenant_access_attempt", 204, "isolation_breach"),
        ("policy_get", 404, "lost_write"),
        ("audit_verify", 404, "lost_write"),
    ):
        judgement = judged(operation, status, None, raw=raw, acknowledged="x")
        assert judgement.outcome == "bad_response"
        assert [str(finding.violation) for finding in judgement.findings] == [violation]
        assert not judgement.acknowledged
        assert not judgement.expected


def test_a_canary_in_text_that_is_no_json_is_a_breach():
    """A plain error page gives data away as well as JSON does; the hash is missing from its body."""
    judgement = judged("policy_list", 500, None, raw=f"<p>{FOREIGN}</p>".encode())
    assert judgement.outcome == "failed_check"
    assert {finding.violation for finding in judgement.findings} == {"isolation_breach", "hash_absent"}


def test_an_error_answer_is_not_checked_for_the_hash():
    """The hash is judged where the outcome is otherwise ok or failed_check."""
    assert judged("policy_list", 500, ERROR, {"x-constitutional-hash": "no"}).findings == ()
    refused = judged("policy_update", 409, ERROR, {"x-constitutional-hash": "no"})
    assert [finding.violation for finding in refused.findings] == ["hash_wrong"]


@pytest.mark.parametrize(
    ("operation", "body", "acknowledged", "outcome"),
    [
        ("policy_get", ERROR | {"error": "not_found"}, "p", "failed_check"),
        ("audit_verify", ERROR | {"error": "not_found"}, "e", "failed_check"),
        ("policy_get", ERROR | {"error": "no_route"}, "p", "failed_check"),
        ("policy_get", {"detail": "Not Found"}, "p", "failed_check"),
        ("policy_get", ERROR | {"error": "not_found"}, "", "http_error"),
    ],
)
def test_a_404_on_what_was_acknowledged_is_a_lost_write(operation, body, acknowledged, outcome):
    """Whatever the target calls it."""
    judgement = judged(operation, 404, body, acknowledged=acknowledged)
    assert judgement.outcome == outcome
    assert [f.violation for f in judgement.findings] == (["lost_write"] if outcome == "failed_check" else [])


@pytest.mark.parametrize("operation", sorted(WHOLE))
def test_each_key_of_the_table_must_be_there_with_its_type(operation):
    """A body that is whole passes; without a key, or with a value that has no type of the table, it does not."""
    assert field_problem(operation, {**WHOLE[operation], "unknown": object()}) is None
    assert {field.name for field in FIELDS[operation]} == set(WHOLE[operation])
    for name in WHOLE[operation]:
        without = {key: value for key, value in WHOLE[operation].items() if key != name}
        assert field_problem(operation, without), name
        if name != "value":
            assert field_problem(operation, {**WHOLE[operation], name: b""}), name


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("policy_create", {"version": True}),
        ("policy_create", {"version": 1.0}),
        ("policy_create", {"version": "1"}),
        ("constitutional_verify", {"is_valid": 1}),
        ("constitutional_verify", {"principles": ["a", 1]}),
        ("constitutional_score", {"principle_scores": {"p": True}}),
        ("constitutional_score", {"compliance_score": "1.0"}),
        ("tenant_data_access", {"records": ["text"]}),
        ("tenant_data_access", {"records": [{"id": "1"}]}),
        ("policy_list", {"policies": [{"policy_id": "p", "tenant_id": "t", "version": None}]}),
        ("policy_get", {"policy": {"rule": {}}}),
        ("governance_decision", {"reasons": [None]}),
        ("governance_decision", {"reasons": {}}),
        ("constraint_validation", {"satisfiable": "unknown"}),
        ("proof_obligation", {"counterexample": []}),
        ("audit_verify", {"entry": {}}),
        ("chain_verify", {"entries": [{}]}),
        ("chain_verify", {"length": 1e3}),
    ],
)
def test_a_wrong_type_is_a_bad_response(operation, change):
    """Nested types count, true is no integer, and a whole float is none either."""
    assert field_problem(operation, WHOLE[operation] | change)
    assert judged(operation, OPERATIONS[operation].status, WHOLE[operation] | change).outcome == "bad_response"


def test_a_token_may_be_called_token():
    """Some deployments do; one of the two names must be there."""
    body = {**WHOLE["auth_login"], "token": "t"}
    del body["access_token"]
    assert field_problem("auth_login", body) is None
    assert field_problem("auth_login", {**body, "token": 1})


@pytest.mark.parametrize("failure", [Outcome.CONNECTION_ERROR, Outcome.TIMEOUT, Outcome.BAD_RESPONSE])
def test_a_failure_of_the_transport_is_the_outcome(failure):
    """Nothing else is looked at; the example repeats the transport's words."""
    stage = Stage()
    visit = stage.visit()

    def fail(answer):
        answer.failure = failure

    stage.plant("constitutional_verify", fail)
    visit.run("constitutional")
    sample = next(s for s in stage.recorder.samples if s.operation == "constitutional_verify")
    assert (sample.outcome, sample.violations, sample.status, sample.score) == (failure, (), 0, None)
    assert stage.recorder.examples == [(failure, "constitutional_verify", "planted")]

"""What became of one request: the outcome in the contract's precedence, and all that is wrong with the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from acgs_load.contract import ANSWERED_OUTCOMES, Operation, Outcome, Violation
from acgs_load.traffic.checks.canaries import canary_tenant, foreign_canary, may_hold_canary
from acgs_load.traffic.checks.fields import Json, error_problem, field_problem
from acgs_load.traffic.checks.findings import Check, Finding, check_compliance_headers, check_hash, header_score, shown
from acgs_load.traffic.transport.exchange import Reply

CROSS_TENANT = "cross_tenant_access_attempt"
OWN_DATA = "tenant_data_access"
POLICY_UPDATE = "policy_update"
_NOT_JSON = None


Look = Callable[[Any], list[Finding]]


class Ask(NamedTuple):
    """What the answer to one request is judged by."""

    operation: Operation
    constitutional_hash: str
    tenant_id: str
    own_canary: str | None
    """The last canary that the user saw on its own data."""
    check: Check | None = None
    """Run on an answer with the expected status and all fields."""
    look: Look | None = None
    """Run on any body, parsed (None where it is not JSON), whatever the status."""
    acknowledged: str = ""
    """The policy or event that the request is about, where the target acknowledged it: a 404 then means it was lost."""


class Judgement(NamedTuple):
    """One answer, judged."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    body: Json | None
    """The object of a whole answer."""
    score: float | None
    reason: str
    """A few words on an error outcome."""
    acknowledged: bool
    """The expected 2xx with all its fields: what it says was done."""
    expected: bool
    """The answer that the contract expects, apart from findings: so also a refused attempt, or a 409 on an update."""


_Verdict = tuple[Outcome, Sequence[Finding], str]
"""Outcome before canaries, headers and hash are looked at, findings, and the reason of an error outcome.

``FAILED_CHECK`` stands for "answered, see findings".
"""


def judge(ask: Ask, reply: Reply) -> Judgement:
    """The outcome of ``reply`` and all findings, by contract, section 5."""
    if reply.failure is not None:
        return Judgement(reply.failure, (), None, None, reply.detail, acknowledged=False, expected=False)
    success = 200 <= reply.status < 300
    score = header_score(reply.headers) if success else None
    document = _parsed(reply.body)
    body: Json | None = document if type(document) is dict else None
    outcome, found, reason = _bodiless(ask, reply.status) if body is None else _verdict(ask, reply, body, score)
    expected = outcome is Outcome.OK
    findings = _leaks(ask, reply, document)
    if findings:
        outcome = Outcome.FAILED_CHECK
    findings += found
    if outcome in ANSWERED_OUTCOMES:
        if success:
            findings += check_compliance_headers(reply.headers, score)
        findings += check_hash(ask.constitutional_hash, reply.headers, body)
        if findings:
            outcome = Outcome.FAILED_CHECK
    return Judgement(outcome, tuple(findings), body, score, reason, expected and success, expected)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NOT_JSON


_FINE: _Verdict = (Outcome.OK, (), "")


def _bodiless(ask: Ask, status: int) -> _Verdict:
    """The verdict on a body that is no JSON object: a redirect needs none, and nothing is excused by it."""
    if 300 <= status < 400:
        return Outcome.HTTP_ERROR, (), f"status {status}"
    return Outcome.BAD_RESPONSE, _undeniable(ask, status), f"status {status}, the body is no JSON object"


def _undeniable(ask: Ask, status: int) -> Sequence[Finding]:
    """What a status that was not expected proves by itself, whatever the body says."""
    if ask.operation.name == CROSS_TENANT and 200 <= status < 300:
        return (Finding(Violation.ISOLATION_BREACH, f"an attempt on another tenant was answered {status}"),)
    if ask.acknowledged and status == 404:
        return (Finding(Violation.LOST_WRITE, f"{shown(ask.acknowledged)} was acknowledged and is 404"),)
    return ()


def _verdict(ask: Ask, reply: Reply, body: Json, score: float | None) -> _Verdict:
    operation, status = ask.operation, reply.status
    if 200 <= status < 300:
        problem = field_problem(operation.name, body)
        if problem:
            return Outcome.BAD_RESPONSE, (), f"status {status}, {problem}"
        if status == operation.status:
            return (Outcome.OK, ask.check(body, score), "") if ask.check else _FINE
        found = _undeniable(ask, status)
        if found:
            return Outcome.FAILED_CHECK, found, ""
        return Outcome.HTTP_ERROR, (), f"status {status} for {operation.status}"
    if (status == 403 and operation.name == CROSS_TENANT) or (status == 409 and operation.name == POLICY_UPDATE):
        return _refusal(status, body)
    if status == 429 or (status == 503 and "retry-after" in reply.headers):
        return Outcome.THROTTLED, (), f"status {status}"
    found = _undeniable(ask, status)
    if found:
        return Outcome.FAILED_CHECK, found, ""
    return Outcome.HTTP_ERROR, (), f"status {status}{_error_code(body)}"


def _refusal(status: int, body: Json) -> _Verdict:
    problem = error_problem(body)
    if problem:
        return Outcome.BAD_RESPONSE, (), f"status {status}, {problem}"
    if status == 403 and body["error"] != "tenant_access_denied":
        return Outcome.HTTP_ERROR, (), f"status {status}{_error_code(body)}"
    return _FINE


def _error_code(body: Json) -> str:
    """``error`` where it looks like a code; other text might hold anything, and examples hold no secrets."""
    code = body.get("error")
    plain = type(code) is str and len(code) <= 64 and code.isascii() and code.replace("_", "").isalnum()
    return f", error {code}" if plain else ""


def _leaks(ask: Ask, reply: Reply, document: Any) -> list[Finding]:
    findings = ask.look(document) if ask.look else []
    raw = reply.body
    if "canary-" in "\n".join(reply.headers.values()):
        findings += _leaked_by_headers(ask, reply)
    if not may_hold_canary(raw):
        return findings
    own = [ask.own_canary] if ask.own_canary else []
    if ask.operation.name == OWN_DATA and type(document) is dict:
        canary = document.get("canary")
        if type(canary) is str and canary_tenant(canary) == ask.tenant_id:
            own.append(canary)  # whether it is the right one is for the check of own data to say
    foreign = foreign_canary(raw, ask.tenant_id, own)
    if foreign:
        findings.append(Finding(Violation.ISOLATION_BREACH, f"the body holds {foreign}, which is not the user's own"))
    return findings


def _leaked_by_headers(ask: Ask, reply: Reply) -> list[Finding]:
    text = "\n".join(reply.headers.values()).encode()
    foreign = foreign_canary(text, ask.tenant_id, [ask.own_canary] if ask.own_canary else [])
    if foreign is None:
        return []
    return [Finding(Violation.ISOLATION_BREACH, f"a header holds {foreign}, which is not the user's own")]

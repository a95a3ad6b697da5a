"""Checks of the policy scenario: contents are kept, reads are fresh, decisions follow the rule."""

from __future__ import annotations

from acgs_load.contract import Violation
from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.findings import Finding, same_hex, shown
from acgs_load.traffic.checks.rules import decide
from acgs_load.traffic.user.policies import Content, OwnPolicy, content_sha256


def check_created(content: Content, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether a created policy was stored as sent, as version 1."""
    return _stored(body, content, 1)


def check_updated(
    policy_id: str, content: Content, sent_version: int, body: Json, _score: float | None = None
) -> list[Finding]:
    """Whether an accepted update was stored as sent, one version above the one that it named."""
    findings = _stored(body, content, sent_version + 1)
    if body["policy_id"] != policy_id:
        text = f"an update of {shown(policy_id)} was answered for {shown(body['policy_id'])}"
        findings.append(Finding(Violation.LOST_WRITE, text))
    return findings


def _stored(body: Json, content: Content, version: int) -> list[Finding]:
    findings = []
    if not same_hex(body["content_sha256"], content.sha256):
        text = f"content_sha256 is {shown(body['content_sha256'])}, recomputed {content.sha256}"
        findings.append(Finding(Violation.LOST_WRITE, text))
    if body["version"] != version:
        findings.append(Finding(Violation.LOST_WRITE, f"version is {body['version']}, must be {version}"))
    return findings


def check_read(policy: OwnPolicy, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether an own policy reads as last acknowledged, or as an update without an answer may have left it."""
    if body["policy_id"] != policy.policy_id:
        text = f"asked for policy {shown(policy.policy_id)}, got {shown(body['policy_id'])}"
        return [Finding(Violation.LOST_WRITE, text)]
    version, sha256 = body["version"], content_sha256(body["policy"])
    if policy.allows(version, sha256):
        return []
    findings = [Finding(Violation.STALE_READ, _stale_text(version, sha256, policy))]
    known = {content.sha256 for content in (policy.content, *policy.unsure)}
    if version >= policy.version and policy.refused_version is None and sha256 not in known:
        text = f"version {version} has content {sha256[:16]}…, which nobody sent"
        findings.append(Finding(Violation.LOST_WRITE, text))
    return findings


def _stale_text(version: int, sha256: str, policy: OwnPolicy) -> str:
    if policy.refused_version is not None:
        return f"read version {version} (content {sha256[:16]}…) after version {policy.refused_version} was refused"
    return (
        f"read version {version} with content {sha256[:16]}…, "
        f"acknowledged was version {policy.version} with {policy.content.sha256[:16]}…"
    )


def check_list(
    tenant_id: str, newest: OwnPolicy | None, updated: OwnPolicy | None, body: Json, _score: float | None = None
) -> list[Finding]:
    """Whether a list holds the own tenant's policies only, and what the user knows of its own ones.

    That is known of a first page only: later ones may be of the moment at which the first was asked for.
    """
    findings = []
    foreign = [row["tenant_id"] for row in body["policies"] if row["tenant_id"] != tenant_id]
    if foreign:
        text = f"{len(foreign)} of {len(body['policies'])} listed policies belong to {shown(foreign[0])}"
        findings.append(Finding(Violation.ISOLATION_BREACH, f"{text}, not {tenant_id}"))
    if newest is not None or updated is not None:
        problem = _list_problem(newest, updated, body)
        findings += [problem] if problem else []
    return findings


def _list_problem(newest: OwnPolicy | None, updated: OwnPolicy | None, body: Json) -> Finding | None:
    """An own policy in an old version, or the newest one missing where there is no further page that it may be on."""
    listed = {row["policy_id"]: row["version"] for row in body["policies"]}
    for policy in (newest, updated):
        if policy is not None and listed.get(policy.policy_id, policy.version) < policy.version:
            version = listed[policy.policy_id]
            text = f"{shown(policy.policy_id)} is listed as version {version}, acknowledged was {policy.version}"
            return Finding(Violation.STALE_READ, text)
    if newest is not None and body["next_cursor"] is None and newest.policy_id not in listed:
        text = f"{shown(newest.policy_id)} was acknowledged and is not in a list that has no further page"
        return Finding(Violation.LOST_WRITE, text)
    return None


def check_decision(
    contents: tuple[Content, ...], decision: Json, body: Json, _score: float | None = None
) -> list[Finding]:
    """Whether the outcome is what the rule implies; any of ``contents`` may decide, anything where there are none."""
    outcome, is_valid = body["outcome"], body["is_valid"]
    if is_valid != (outcome == "permit"):
        text = f"is_valid is {str(is_valid).lower()} beside outcome {shown(outcome)}"
        return [Finding(Violation.DECISION_WRONG, text)]
    allowed = {decide(content.fields, decision) for content in contents} or {"permit", "deny"}
    if outcome in allowed:
        return []
    text = f"outcome is {shown(outcome)}, the rule implies {' or '.join(sorted(allowed))} for {shown(decision)}"
    return [Finding(Violation.DECISION_WRONG, text)]

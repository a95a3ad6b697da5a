"""Checks of the integrity scenario: entries, links, windows of the chain, and signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from acgs_load.contract import Violation
from acgs_load.traffic.checks.chain import ChainKnowledge, entry_hash
from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.findings import Finding, same_hex, shown
from acgs_load.traffic.checks.signatures import signature_problem

WINDOW_ENTRIES = 16


class OwnEvent(NamedTuple):
    """An acknowledged event of a user."""

    event_id: str
    content_hash: str
    """Recomputed from what was sent and acknowledged; it commits to all nine fields."""


def check_appended(
    recomputed: str, knowledge: ChainKnowledge, length_before: int, genesis: str, body: Json
) -> list[Finding]:
    """Whether an acknowledged entry hashes as claimed and stands where it must in the chain.

    ``recomputed`` is the entry's true hash, ``length_before`` the length acknowledged before the request went out.
    """
    findings = []
    sequence, previous = body["sequence"], body["previous_hash"]
    if not same_hex(body["entry_hash"], recomputed):
        text = f"entry_hash is {shown(body['entry_hash'])}, recomputed {recomputed} (sequence {sequence})"
        findings.append(_broken(text))
    if sequence <= length_before or sequence < 1:
        text = f"appended as sequence {sequence} to a chain that had {length_before} entries already"
        findings.append(_broken(text))
    elif knowledge.hashes.get(sequence, recomputed) != recomputed:
        findings.append(_broken(f"two acknowledged events have sequence {sequence}"))
    linked = genesis if sequence == 1 else knowledge.hashes.get(sequence - 1)
    if linked is not None and not same_hex(previous, linked):
        text = f"previous_hash of sequence {sequence} is {shown(previous)}, the entry before has {linked}"
        findings.append(_broken(text))
    return findings


def check_signature(keys: Mapping[str, bytes], recomputed: str, body: Json) -> list[Finding]:
    """Whether the entry's signature verifies under the published key."""
    problem = signature_problem(keys, body["key_id"], body["signature"], recomputed)
    return [Finding(Violation.SIGNATURE_WRONG, f"{problem} (sequence {body['sequence']})")] if problem else []


def check_event(event: OwnEvent, tenant_id: str, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether an acknowledged event reads as it was written."""
    findings = []
    entry = body["entry"]
    recomputed = entry_hash(entry)
    if entry["tenant_id"] != tenant_id:
        text = f"the event belongs to tenant {shown(entry['tenant_id'])}, not {tenant_id}"
        findings.append(Finding(Violation.ISOLATION_BREACH, text))
    if recomputed != event.content_hash:
        text = f"event {shown(event.event_id)} now hashes to {recomputed}, acknowledged was {event.content_hash}"
        findings.append(Finding(Violation.LOST_WRITE, text))
    if not same_hex(body["entry_hash"], recomputed):
        text = f"entry_hash is {shown(body['entry_hash'])}, recomputed {recomputed} (sequence {entry['sequence']})"
        findings.append(_broken(text))
    if not body["is_valid"]:
        findings.append(_broken(f"is_valid is false for an acknowledged event (sequence {entry['sequence']})"))
    return findings


def check_window(
    tenant_id: str, knowledge: ChainKnowledge, length_before: int, genesis: str, body: Json
) -> tuple[list[Finding], list[str]]:
    """What is wrong with the last entries of a chain, and their recomputed hashes.

    ``length_before`` is the length that was acknowledged before the request went out; what is known of single
    sequences holds for ever and may be newer than the request.
    """
    entries, length = body["entries"], body["length"]
    hashes = [entry_hash(entry) for entry in entries]
    findings = []
    foreign = [entry["tenant_id"] for entry in entries if entry["tenant_id"] != tenant_id]
    if foreign:
        text = f"{len(foreign)} of {len(entries)} entries belong to {shown(foreign[0])}, not {tenant_id}"
        findings.append(Finding(Violation.ISOLATION_BREACH, text))
    if not body["is_valid"]:
        findings.append(_broken(f"is_valid is false for the chain (length {length})"))
    if length < length_before:
        findings.append(_broken(f"length is {length}, {length_before} entries were acknowledged before"))
    problem = _order_problem(entries, length) or _link_problem(body, hashes, genesis)
    if problem is None:
        problem = _contradiction(entries, hashes, knowledge)
    if problem:
        findings.append(_broken(problem))
    return findings, hashes


def _order_problem(entries: list[Json], length: int) -> str | None:
    expected = min(WINDOW_ENTRIES, max(length, 0))
    if length < 0 or len(entries) != expected:
        return f"the window holds {len(entries)} entries of a chain of length {length}, must be {expected}"
    for sequence, entry in enumerate(entries, length - expected + 1):
        if entry["sequence"] != sequence:
            return f"the window is not dense: sequence {entry['sequence']} stands in place of {sequence}"
    return None


def _link_problem(body: Json, hashes: list[str], genesis: str) -> str | None:
    head = hashes[-1] if hashes else genesis
    if not same_hex(body["head_hash"], head):
        return f"head_hash is {shown(body['head_hash'])}, recomputed {head} (length {body['length']})"
    entries = body["entries"]
    before = [genesis if entries and entries[0]["sequence"] == 1 else None, *hashes]
    for entry, previous in zip(entries, before, strict=False):
        if previous is not None and not same_hex(entry["previous_hash"], previous):
            return (
                f"previous_hash of sequence {entry['sequence']} is {shown(entry['previous_hash'])}, "
                f"the entry before hashes to {previous}"
            )
    return None


def _contradiction(entries: list[Json], hashes: list[str], knowledge: ChainKnowledge) -> str | None:
    for entry, recomputed in zip(entries, hashes, strict=True):
        known = knowledge.hashes.get(entry["sequence"], recomputed)
        if known != recomputed:
            return f"sequence {entry['sequence']} hashes to {recomputed}, acknowledged was {known}"
    return None


def check_validation(genuine: bool, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether the target told a genuine signature from a tampered one."""
    if body["is_valid"] == genuine:
        return []
    text = "a genuine signature was called invalid" if genuine else "a tampered signature was called valid"
    return [Finding(Violation.SIGNATURE_WRONG, text)]


def _broken(text: str) -> Finding:
    return Finding(Violation.CHAIN_BROKEN, text)

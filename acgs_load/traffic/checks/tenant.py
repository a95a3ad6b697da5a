"""Checks of the tenant scenario: own data stay own, foreign data stay away, settings are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from acgs_load.contract import Violation
from acgs_load.traffic.checks.canaries import canary_tenant
from acgs_load.traffic.checks.canonical import canonical_bytes
from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.findings import Finding, shown

_NESTED = frozenset({dict, list})


def check_grant(tenant_id: str, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether a token is for the tenant that the user logged in to."""
    if body["tenant_id"] == tenant_id:
        return []
    text = f"a login to {tenant_id} was answered with a token for {shown(body['tenant_id'])}"
    return [Finding(Violation.ISOLATION_BREACH, text)]


def check_own_data(tenant_id: str, last_canary: str | None, body: Json, _score: float | None = None) -> list[Finding]:
    """Whether everything in an answer to the own tenant is the own tenant's, under the canary that was seen last."""
    findings = []
    if body["tenant_id"] != tenant_id:
        text = f"own data of {tenant_id} came back as tenant {shown(body['tenant_id'])}"
        findings.append(Finding(Violation.ISOLATION_BREACH, text))
    foreign = [row["tenant_id"] for row in body["records"] if row["tenant_id"] != tenant_id]
    if foreign:
        text = f"{len(foreign)} of {len(body['records'])} records of {tenant_id} belong to {shown(foreign[0])}"
        findings.append(Finding(Violation.ISOLATION_BREACH, text))
    inner = _inner_record(tenant_id, body)
    if inner:
        text = f"the data of {tenant_id} hold {shown(inner)}, which belongs to {shown(inner['tenant_id'])}"
        findings.append(Finding(Violation.ISOLATION_BREACH, text))
    owner = canary_tenant(body["canary"])
    if owner is None:
        text = f"the canary of {tenant_id} is {shown(body['canary'])}, which is none"
        findings.append(Finding(Violation.LOST_WRITE, text))
    elif owner != tenant_id:
        text = f"the canary of {tenant_id} is {shown(body['canary'])}"
        findings.append(Finding(Violation.ISOLATION_BREACH, text))
    elif last_canary is not None and body["canary"] != last_canary:
        findings.append(Finding(Violation.LOST_WRITE, f"the canary was {last_canary} and is {body['canary']}"))
    return findings


def _inner_record(tenant_id: str, body: Json) -> Json | None:
    """A record of another tenant beside the listed ones or inside of them; those are looked at on their own."""
    nested = [value for name, value in body.items() if type(value) in _NESTED and name != "records"]
    for row in body["records"]:
        nested += [value for value in row.values() if type(value) in _NESTED]
    for inner in _objects(nested):
        owner = inner.get("tenant_id")
        if type(owner) is str and owner != tenant_id and "id" in inner:
            return inner
    return None


def _objects(nested: list[Any]) -> Iterator[Json]:
    """Every object in ``nested``, at any depth; without recursion, because depth is the target's choice."""
    while nested:
        value = nested.pop()
        if type(value) is dict:
            yield value
            nested.extend(value.values())
        elif type(value) is list:
            nested.extend(value)


def check_no_records(other: str, document: Any) -> list[Finding]:
    """Whether an answer to an attempt on ``other`` gives any record away; naming ``other`` in a text is no breach."""
    if type(document) is dict and not _nested(document):
        return []
    record = _record_of(document, other)
    return [Finding(Violation.ISOLATION_BREACH, f"data of {other} given away: {record}")] if record else []


def _nested(document: Json) -> bool:
    return any(type(value) in _NESTED for value in document.values())


def _record_of(document: Any, other: str) -> str | None:
    """Where a record hides: anything listed as ``records``, and any inner object with an id and the other tenant's."""
    for value in _objects([document]):
        if value.get("records"):
            return f"records {shown(value['records'])}"
        if value is not document and "id" in value and value.get("tenant_id") == other:
            return f"record {shown(value)}"
    return None


def check_config(
    tenant_id: str, setting: str, value: Any, last_version: int | None, body: Json, _score: float | None = None
) -> list[Finding]:
    """Whether a setting is echoed as sent, for the own tenant, under a version above the user's last one."""
    findings = []
    if body["tenant_id"] != tenant_id:
        text = f"the setting of {tenant_id} came back as tenant {shown(body['tenant_id'])}"
        findings.append(Finding(Violation.ISOLATION_BREACH, text))
    if body["setting"] != setting or not _same(body["value"], value):
        text = f"{setting} = {shown(value)} came back as {shown(body['setting'])} = {shown(body['value'])}"
        findings.append(Finding(Violation.LOST_WRITE, text))
    if last_version is not None and body["version"] <= last_version:
        text = f"config version is {body['version']} after {last_version}"
        findings.append(Finding(Violation.STALE_READ, text))
    return findings


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON values in which true is not 1."""
    try:
        return type(left) is type(right) and canonical_bytes(left) == canonical_bytes(right)
    except ValueError:
        return False

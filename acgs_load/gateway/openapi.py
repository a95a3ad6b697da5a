"""The description of the gateway for tools (OpenAPI 3.1) and for people."""

from __future__ import annotations

from html import escape
from typing import Any

from acgs_load.contract import OPERATIONS, Operation

_PARAMETERS = {"own": "tenant_id", "other": "tenant_id"}
_TOLD_ONCE = frozenset({"cross_tenant_access_attempt", "constitutional_formal_request"})
"""Operations that share method and path with another one."""
_GATEWAY_PAGES = {
    "/gateway/health": "Health, and the instance token of whoever started this gateway",
    "/gateway/config": "Rate limits, services, public signing keys",
    "/gateway/metrics": "Prometheus text",
    "/gateway/openapi.json": "This description",
    "/gateway/docs": "The same for people",
}


def describe(version: str) -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS.values():
        if operation.name not in _TOLD_ONCE:
            paths.setdefault(_template(operation), {})[operation.method.lower()] = _entry(operation)
    for path, meaning in _GATEWAY_PAGES.items():
        paths[path] = {"get": {"summary": meaning, "security": [], "responses": {"200": {"description": "OK"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ACGS reference gateway", "version": version, "description": _ABOUT},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
        "security": [{"token": []}],
    }


def human_page(version: str) -> str:
    """One small HTML page with every route."""
    rows = "".join(
        f"<tr><td><code>{operation.method}</code><td><code>{escape(_template(operation))}</code>"
        f"<td>{escape(operation.name)}<td>{operation.status}"
        for operation in OPERATIONS.values()
    )
    pages = "".join(
        f'<tr><td><code>GET</code><td><a href="{path}"><code>{path}</code></a><td>{escape(meaning)}<td>200'
        for path, meaning in _GATEWAY_PAGES.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>ACGS reference gateway</title>'
        "<style>body{font:15px system-ui;margin:2rem}th{text-align:left}td{padding:.2rem .8rem .2rem 0}</style>"
        f"<h1>ACGS reference gateway {escape(version)}</h1><p>{escape(_ABOUT)}</p>"
        f"<table><tr><th>Method<th>Path<th>Operation<th>Expected{rows}{pages}</table></html>\n"
    )


_ABOUT = (
    "Every request but those under /gateway carries X-Constitutional-Hash; all but the login carry X-Tenant-ID and a "
    "bearer token. Every answer carries the hash in its header and its body."
)


def _template(operation: Operation) -> str:
    path = operation.path.partition("?")[0]
    for word, parameter in _PARAMETERS.items():
        path = path.replace(f"{{{word}}}", f"{{{parameter}}}")
    return path


def _entry(operation: Operation) -> dict[str, Any]:
    path, query = _template(operation), operation.path.partition("?")[2]
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.scenario or "auth"],
        "parameters": [
            _parameter("X-Constitutional-Hash", "header"),
            *(_parameter(name, "path") for name in ("tenant_id", "policy_id") if f"{{{name}}}" in path),
            *(_parameter(pair.partition("=")[0], "query") for pair in query.split("&") if pair),
        ],
        "responses": {
            str(operation.status): {"description": "As the contract says", "content": {"application/json": {}}},
            "default": {"description": "error, message, constitutional_hash, request_id, timestamp"},
        },
    }
    if operation.name == "auth_login":
        entry["security"] = []
    else:
        entry["parameters"].append(_parameter("X-Tenant-ID", "header"))
    if operation.method in ("POST", "PUT"):
        entry["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return entry


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place != "query", "schema": {"type": "string"}}

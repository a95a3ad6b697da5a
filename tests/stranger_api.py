"""The stranger's routes and the contract's order of checks."""

from __future__ import annotations

import os
from collections.abc import Callable
from email.message import Message
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from stranger_logic import Draft, Members, RefusedError, invalid, read_json
from stranger_ops import CONTENT, EVENT, Call, Operations
from stranger_store import Session, Store, fresh_id, now

NOBODY: Final = Session("", "", 0.0)


class Reply(NamedTuple):
    operation: str
    status: int
    body: dict[str, Any]
    score: float = 1


class Route(NamedTuple):
    operation: str
    method: str
    pattern: tuple[str, ...]
    run: Callable[[Call], dict[str, Any]]
    status: int = 200
    named_hash: bool = False
    hashed: tuple[str, ...] = ()
    open_door: bool = False


class Api:
    def __init__(self, store: Store) -> None:
        self.store = store
        does = Operations(store)
        seal: dict[str, Any] = {"named_hash": True}
        policy: dict[str, Any] = {"hashed": CONTENT, **seal}
        audit = ("api", "integrity", "audit")
        proof = ("api", "verification")
        self._routes = [
            Route("auth_login", "POST", ("api", "auth", "login"), does.login, open_door=True, **seal),
            Route("auth_refresh", "POST", ("api", "auth", "refresh"), does.refresh),
            Route("constitutional_verify", "GET", ("api", "constitutional", "verify"), does.constitution),
            Route("constitutional_score", "POST", ("api", "constitutional", "score"), does.score, **seal),
            Route("formal_verification", "POST", (*proof, "verify"), does.verify, **seal),
            Route("proof_obligation", "POST", (*proof, "obligations"), does.obligation),
            Route("constraint_validation", "POST", (*proof, "constraints"), does.constraints),
            Route("verification_status", "GET", (*proof, "status"), does.solver_status),
            Route("tenant_data_access", "GET", ("api", "tenant", "*", "data"), does.data),
            Route("tenant_config_update", "PUT", ("api", "tenant", "*", "config"), does.configure, **seal),
            Route("policy_create", "POST", ("api", "policy", "create"), does.create, 201, **policy),
            Route("policy_list", "GET", ("api", "policy", "list"), does.browse),
            Route("policy_get", "GET", ("api", "policy", "*"), does.get),
            Route("policy_update", "PUT", ("api", "policy", "*"), does.update, **policy),
            Route("governance_decision", "POST", ("api", "governance", "decisions", "validate"), does.decide),
            Route("audit_create", "POST", (*audit, "create"), does.append, 201, hashed=EVENT),
            Route("audit_verify", "GET", (*audit, "verify"), does.entry),
            Route("chain_verify", "GET", ("api", "integrity", "chain", "verify"), does.chain),
            Route(
                "crypto_validate", "POST", ("api", "integrity", "crypto", "verify"), does.crypto, hashed=("payload",)
            ),
        ]

    def handle(self, method: str, target: str, headers: Message, raw: bytes) -> Reply:
        """Answer one request; only 413 of the body was decided before."""
        where, asked = split_target(target)
        path = [unquote(part) for part in where.split("/")[1:]]
        route = self._find(method, path)
        if route is None:
            return self._refuse("unknown", RefusedError(404, "not_found", f"hier gibt es nichts: {where[:200]}"))
        operation = route.operation
        draft = read_json(raw, route.hashed) if method != "GET" else Draft(Members(), broken=False)
        try:
            session = self._enter(route, headers, path, draft)
            if draft.broken:
                raise RefusedError(400, "bad_json", "das ist kein JSON")
            if not isinstance(draft.value, Members):
                raise invalid("der Rumpf muss ein JSON-Objekt sein")
            if operation == "formal_verification" and draft.value.get("verification_type") == "consistency":
                operation = "constitutional_formal_request"
            query = dict(parse_qsl(asked, keep_blank_values=True))
            body = route.run(Call(path, query, draft.value, session))
        except RefusedError as refusal:
            crossing = operation == "tenant_data_access" and refusal.code == "tenant_access_denied"
            return self._refuse("cross_tenant_access_attempt" if crossing else operation, refusal)
        except RecursionError:
            return self._refuse(operation, invalid("zu tief verschachtelt"))
        body["constitutional_hash"] = self.store.constitution
        return Reply(operation, route.status, body, body.get("compliance_score", 0.975))

    def _find(self, method: str, path: list[str]) -> Route | None:
        """The first route whose path fits decides: a wrong method is not looked up further, save for the same path."""
        fitting = [r for r in self._routes if len(r.pattern) == len(path) and _fits(r.pattern, path)]
        exact = [r for r in fitting if "*" not in r.pattern]
        return next((r for r in exact or fitting if r.method == method), None)

    def refusal(self, status: int, code: str, message: str) -> dict[str, Any]:
        return {
            "timestamp": now(),
            "message": message,
            "request_id": fresh_id(),
            "constitutional_hash": self.store.constitution,
            "hinweis": {"status": status, "sprache": "de"},
            "error": code,
        }

    def _refuse(self, operation: str, refusal: RefusedError) -> Reply:
        return Reply(operation, refusal.status, self.refusal(refusal.status, refusal.code, refusal.message))

    def _enter(self, route: Route, headers: Message, path: list[str], draft: Draft) -> Session:
        """Hash, token and tenant, in this order."""
        body = draft.value if isinstance(draft.value, Members) else None
        seal = headers.get("X-Constitutional-Hash", "").strip(" \t")
        if seal != self.store.constitution:
            raise RefusedError(403, "constitutional_hash_mismatch", "der Kopf trägt nicht den gültigen Hash")
        if route.named_hash and body is not None:
            if "constitutional_hash" not in body:
                raise invalid("„constitutional_hash“ fehlt")
            if body["constitutional_hash"] != self.store.constitution:
                raise RefusedError(403, "constitutional_hash_mismatch", "der Rumpf trägt nicht den gültigen Hash")
        if route.open_door:
            return NOBODY
        scheme, _, token = headers.get("Authorization", "").strip(" \t").partition(" ")
        session = self.store.session(token.strip(" \t")) if scheme.lower() == "bearer" else None
        if session is None:
            raise RefusedError(401, "invalid_token", "das Token fehlt, ist unbekannt oder abgelaufen")
        named = [headers.get("X-Tenant-ID", "").strip(" \t")]
        named += [path[2]] if route.pattern[:2] == ("api", "tenant") else []
        named += [body["tenant_id"]] if body is not None and "tenant_id" in body else []
        for tenant_id in named:
            if tenant_id != session.tenant_id:
                raise RefusedError(403, "tenant_access_denied", f"„{str(tenant_id)[:64]}“ ist nicht Ihr Mandant – nein")
        return session


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request's target; a target that is no address has the empty path."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "", ""
    return parts.path, parts.query


def gateway(page: str, store: Store) -> dict[str, Any] | None:
    """The gateway's own JSON pages."""
    body: dict[str, Any]
    if page == "/gateway/health":
        body = {"timestamp": now(), "version": "1.0-fremd", "status": "healthy"}
        if os.environ.get("ACGS_INSTANCE"):
            body["instance"] = os.environ["ACGS_INSTANCE"]
    elif page == "/gateway/config":
        limits = {"burst_limit": None, "requests_per_minute": None}
        body = {"signing_keys": store.keys.public(), "services": ["alles-in-einem"], "rate_limiting": limits}
    else:
        return None
    return {"constitutional_hash": store.constitution, **body}


def _fits(pattern: tuple[str, ...], path: list[str]) -> bool:
    return all(want == part or (want == "*" and part) for want, part in zip(pattern, path, strict=True))

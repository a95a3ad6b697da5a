"""What the contract demands of every request before its operation runs, in the contract's order (section 2)."""

from __future__ import annotations

from typing import Any

from acgs_load.contract import HASH_HEADER, TENANT_HEADER
from acgs_load.gateway.answers import Refusal, hash_mismatch, invalid_field, tenant_denied
from acgs_load.gateway.constitution import Constitution
from acgs_load.gateway.metrics import Metrics
from acgs_load.gateway.request import NOBODY, Request, read_json
from acgs_load.gateway.tokens import Tokens

_HASH = HASH_HEADER.lower().encode()
_TENANT = TENANT_HEADER.lower().encode()
_BODY_HASH = "constitutional_hash"


class Checks:
    """The gate before the operations."""

    def __init__(self, constitution: Constitution, tokens: Tokens, metrics: Metrics) -> None:
        self._hash = constitution.hash
        self._hash_bytes = constitution.hash.encode()
        self._tokens = tokens
        self._metrics = metrics

    async def admit(self, request: Request) -> None:
        """Fills in the request's claims and fields. Raises Refusal for the first demand that is not met."""
        route = request.route
        if route.is_open:
            return
        if request.headers.get(_HASH) != self._hash_bytes:
            raise hash_mismatch(f"{HASH_HEADER} is absent or not the constitutional hash in force")
        document = read_json(request.body, hashed=route.is_hashed) if route.takes_body else {}
        if route.names_hash and isinstance(document, dict):
            self._check_body_hash(document)
        if route.needs_token:
            request.claims = await self._tokens.claims(request)
            self._check_tenant(request, document)
        if isinstance(document, Refusal):
            raise document
        if not isinstance(document, dict):
            raise invalid_field("the body is no JSON object")
        request.fields = document

    def note(self, request: Request, status: int) -> None:
        """Takes note of how a request was handled: the principles of isolation and integrity."""
        claims = request.claims
        if request.route.is_tenants and claims is not NOBODY and request.argument != claims.tenant_id:
            self._metrics.observe_check("tenant_isolation", held=status == 403)
        self._metrics.observe_check("service_integrity", held=status != 500)

    def _check_body_hash(self, document: dict[str, Any]) -> None:
        if _BODY_HASH not in document:
            raise invalid_field(f"{_BODY_HASH} is missing")
        if document[_BODY_HASH] != self._hash:
            raise hash_mismatch(f"{_BODY_HASH} in the body is not the constitutional hash in force")

    def _check_tenant(self, request: Request, document: Any) -> None:
        tenant_id = request.claims.tenant_id
        if request.route.is_tenants and request.argument != tenant_id:
            if request.operation == "tenant_data_access":
                request.operation = "cross_tenant_access_attempt"
            raise tenant_denied("the tenant in the path is not the token's")
        if request.header(_TENANT) != tenant_id:
            raise tenant_denied(f"{TENANT_HEADER} is absent or not the token's tenant")
        if isinstance(document, dict) and document.get("tenant_id", tenant_id) != tenant_id:
            raise tenant_denied("tenant_id in the body is not the token's")

"""Which request is which operation, and what the contract demands of it before its own code runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from acgs_load.contract import CONFIG_PATH, HEALTH_PATH, METRICS_PATH
from acgs_load.gateway.answers import Answer
from acgs_load.gateway.audit import Audit
from acgs_load.gateway.constitution import Constitution
from acgs_load.gateway.metrics import UNMATCHED
from acgs_load.gateway.pages import Page, Pages
from acgs_load.gateway.policies import Policies
from acgs_load.gateway.proofs import Proofs
from acgs_load.gateway.request import Request
from acgs_load.gateway.signatures import Signer
from acgs_load.gateway.tenants import Tenants
from acgs_load.gateway.tokens import Tokens

OPENAPI_PATH = "/gateway/openapi.json"
DOCS_PATH = "/gateway/docs"
_TENANT_PREFIX = "/api/tenant/"
_POLICY_PREFIX = "/api/policy/"


class Route(NamedTuple):
    """One operation and its demands."""

    operation: str
    respond: Callable[[Request], Awaitable[Answer | Page]]
    is_open: bool = False
    """No header is demanded, nothing is counted: ``/gateway/*``."""
    needs_token: bool = True
    takes_body: bool = False
    names_hash: bool = False
    """The body must name the constitutional hash, too."""
    is_hashed: bool = False
    """What the body holds is hashed: what is no JSON is an invalid field."""
    is_tenants: bool = False
    """The path names a tenant, which must be the token's."""


class Routes:
    """All routes of the gateway."""

    def __init__(
        self,
        tokens: Tokens,
        constitution: Constitution,
        tenants: Tenants,
        policies: Policies,
        proofs: Proofs,
        audit: Audit,
        signer: Signer,
        pages: Pages,
    ) -> None:
        def sends(operation: str, respond: Callable[[Request], Awaitable[Answer]], **demands: bool) -> Route:
            return Route(operation, respond, takes_body=True, **demands)

        self._exact: dict[tuple[str, str], Route] = {
            ("POST", "/api/auth/login"): sends("auth_login", tokens.login, needs_token=False, names_hash=True),
            ("POST", "/api/auth/refresh"): sends("auth_refresh", tokens.refresh),
            ("GET", "/api/constitutional/verify"): Route("constitutional_verify", constitution.verify),
            ("POST", "/api/constitutional/score"): sends("constitutional_score", constitution.score, names_hash=True),
            ("POST", "/api/verification/verify"): sends("formal_verification", proofs.verify, names_hash=True),
            ("POST", "/api/verification/obligations"): sends("proof_obligation", proofs.discharge),
            ("POST", "/api/verification/constraints"): sends("constraint_validation", proofs.validate),
            ("GET", "/api/verification/status"): Route("verification_status", proofs.status),
            ("POST", "/api/policy/create"): sends("policy_create", policies.create, names_hash=True, is_hashed=True),
            ("GET", "/api/policy/list"): Route("policy_list", policies.list),
            ("POST", "/api/governance/decisions/validate"): sends("governance_decision", policies.decide),
            ("POST", "/api/integrity/audit/create"): sends("audit_create", audit.create, is_hashed=True),
            ("GET", "/api/integrity/audit/verify"): Route("audit_verify", audit.verify),
            ("GET", "/api/integrity/chain/verify"): Route("chain_verify", audit.verify_chain),
            ("POST", "/api/integrity/crypto/verify"): sends("crypto_validate", signer.validate, is_hashed=True),
            ("GET", HEALTH_PATH): Route(UNMATCHED, pages.health, is_open=True),
            ("GET", CONFIG_PATH): Route(UNMATCHED, pages.config, is_open=True),
            ("GET", METRICS_PATH): Route(UNMATCHED, pages.metrics, is_open=True),
            ("GET", OPENAPI_PATH): Route(UNMATCHED, pages.openapi, is_open=True),
            ("GET", DOCS_PATH): Route(UNMATCHED, pages.docs, is_open=True),
        }
        self._tenant = {
            ("GET", "data"): Route("tenant_data_access", tenants.data, is_tenants=True),
            ("PUT", "config"): sends("tenant_config_update", tenants.configure, names_hash=True, is_tenants=True),
        }
        self._policy = {
            "GET": Route("policy_get", policies.get),
            "PUT": sends("policy_update", policies.update, names_hash=True, is_hashed=True),
        }

    def find(self, method: str, path: str) -> tuple[Route, str] | None:
        """The route and what stands in the path's braces; None when the gateway has no such route."""
        route = self._exact.get((method, path))
        if route is not None:
            return route, ""
        if path.startswith(_POLICY_PREFIX):
            return self._find_policy(method, path.removeprefix(_POLICY_PREFIX))
        if path.startswith(_TENANT_PREFIX):
            tenant_id, _, page = path.removeprefix(_TENANT_PREFIX).partition("/")
            route = self._tenant.get((method, page)) if tenant_id else None
            return None if route is None else (route, tenant_id)
        return None

    def _find_policy(self, method: str, policy_id: str) -> tuple[Route, str] | None:
        if not policy_id or "/" in policy_id or policy_id in ("create", "list"):
            return None
        route = self._policy.get(method)
        return None if route is None else (route, policy_id)

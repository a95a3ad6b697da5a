"""What single operations say when a defect is planted in them; everything else they say stays true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from acgs_load.contract import PROOF_OPERATIONS, TENANT_HEADER
from acgs_load.gateway import smtlib
from acgs_load.gateway.answers import Answer, Refusal
from acgs_load.gateway.canonical import canonical_json
from acgs_load.gateway.pages import Page
from acgs_load.gateway.policies import Policies
from acgs_load.gateway.proofs import Proofs
from acgs_load.gateway.request import NOBODY, Request
from acgs_load.gateway.store import Store
from acgs_load.gateway.tenants import Tenants

Hits = Callable[[str], bool]
Truth = Callable[[Request], Awaitable[Answer | Page]]
_TENANT = TENANT_HEADER.lower().encode()
LOW_SCORE = 0.5


class Lies:
    """Changes true answers, and what is stored behind them."""

    def __init__(self, store: Store, tenants: Tenants, policies: Policies, proofs: Proofs) -> None:
        self._store = store
        self._tenants = tenants
        self._policies = policies
        self._proofs = proofs

    async def respond(self, request: Request, respond: Truth, hits: Hits) -> Answer | Page:
        """The answer of an operation, with the defects that hit it. Raises Refusal."""
        try:
            answer = await respond(request)
        except Refusal as refusal:
            return self._leak(request, refusal, hits)
        if isinstance(answer, Page):
            return answer
        operation = request.operation
        if operation == "constitutional_score" and hits("score-low"):
            scores = dict.fromkeys(answer.body["principle_scores"], LOW_SCORE)
            body = {**answer.body, "compliance_score": LOW_SCORE, "principle_scores": scores}
            return answer._replace(body=body, score=LOW_SCORE)
        if operation == "policy_get" and hits("stale-read"):
            self._make_stale(answer.body)
        elif operation == "governance_decision" and hits("decision-wrong"):
            permitted = not answer.body["is_valid"]
            answer.body.update(is_valid=permitted, outcome="permit" if permitted else "deny")
        elif operation == "crypto_validate" and hits("signature-accepted"):
            answer.body["is_valid"] = True
        elif operation == "audit_create":
            await self._spoil_trail(answer.body, hits)
        elif operation in PROOF_OPERATIONS:
            await self._spoil_proof(request, answer.body, hits)
        return answer

    def _leak(self, request: Request, refusal: Refusal, hits: Hits) -> Answer:
        """Another tenant's data, or its canary in the refusal. Raises the refusal when nothing leaks."""
        foreign = request.claims is not NOBODY and request.argument != request.claims.tenant_id
        if refusal.status != 403 or not foreign or request.operation != "cross_tenant_access_attempt":
            raise refusal
        spoofed = request.header(_TENANT) == request.argument
        if hits("tenant-leak") or (spoofed and hits("spoof-leak")):
            return self._tenants.data_of(request.argument)
        if hits("canary-in-403"):
            canary = self._tenants.canary(request.argument)
            raise Refusal(403, refusal.code, f"this tenant's data ({canary}) is not yours")
        raise refusal

    def _make_stale(self, body: dict[str, Any]) -> None:
        previous = self._policies.previous(body["policy_id"])
        if previous is not None:
            body.update(version=body["version"] - 1, policy=orjson.Fragment(previous))

    async def _spoil_trail(self, body: dict[str, Any], hits: Hits) -> None:
        event_id = body["event_id"]
        if hits("lost-audit"):
            await self._store.write(
                lambda connection: connection.execute("DELETE FROM entries WHERE event_id = ?", (event_id,))
            )
        elif hits("chain-tampered"):
            row = self._store.row("SELECT entry FROM entries WHERE event_id = ?", event_id)
            entry = orjson.loads(row[0]) if row else {}
            tampered = canonical_json({**entry, "details": {"tampered": True}})
            await self._store.write(
                lambda connection: connection.execute(
                    "UPDATE entries SET entry = ? WHERE event_id = ?", (tampered, event_id)
                )
            )

    async def _spoil_proof(self, request: Request, body: dict[str, Any], hits: Hits) -> None:
        if hits("proof-wrong"):
            _turn_round(request, body)
        elif hits("counterexample-bogus"):
            for name in ("counterexample", "model"):
                if body.get(name) is not None:
                    body[name] = await self._bogus_model(request, body[name])

    async def _bogus_model(self, request: Request, model: dict[str, Any]) -> dict[str, Any] | None:
        """Values that make an assertion false; where none do, the model without one of its constants."""
        fields = request.fields
        if "smtlib" in fields:
            script = smtlib.read_script(fields["smtlib"])
        else:
            script = smtlib.compose(fields["declarations"], fields["constraints"])
        verdict = await self._proofs.ask(script, 1000, falsify=True)
        if verdict.model is not None and not verdict.confirmed:
            return verdict.model
        return dict(list(model.items())[1:]) if model else None


def _turn_round(request: Request, body: dict[str, Any]) -> None:
    """The opposite verdict; an unknown one stays, and no model is invented."""
    if "solver_result" in body:
        turned = {"sat": "unsat", "unsat": "sat"}
        result = turned.get(body["solver_result"])
        if result is not None:
            body.update(solver_result=result, is_compliant=not body["is_compliant"])
    elif "satisfiable" in body:
        if body["satisfiable"] is not None:
            satisfiable = not body["satisfiable"]
            body.update(satisfiable=satisfiable, model={} if satisfiable else None)
    else:
        turned = {"valid": "invalid", "invalid": "valid"}
        result = turned.get(body["result"], "unknown")
        body.update(result=result, counterexample={} if result == "invalid" else None)

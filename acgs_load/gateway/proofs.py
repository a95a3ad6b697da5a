"""Formal verification: what each operation asks Z3, and what its verdict means for the claim."""

from __future__ import annotations

import asyncio
import json
import time
from hashlib import sha256
from typing import Any

from acgs_load.contract import SMTLIB_LIMIT_BYTES, SOLVER_TIMEOUT_MS
from acgs_load.gateway import smtlib
from acgs_load.gateway.answers import Answer, invalid_field, too_large
from acgs_load.gateway.metrics import Metrics
from acgs_load.gateway.request import Request
from acgs_load.gateway.sessions import Results
from acgs_load.gateway.smtlib import Script, SmtError
from acgs_load.gateway.solvers import Question, Solvers, Verdict

TIMEOUT_MOST_MS = 30_000
_CLAIM = {"unsat": "valid", "sat": "invalid", "unknown": "unknown"}
_SATISFIABLE = {"sat": True, "unsat": False, "unknown": None}


class Proofs:
    """Z3 behind the four verification operations. What it found once it need not find again; unknown is not kept."""

    def __init__(self, solvers: Solvers, results: Results, metrics: Metrics) -> None:
        self.solvers = solvers
        self._results = results
        self._metrics = metrics
        self._under_way: dict[str, asyncio.Future[Verdict]] = {}

    async def verify(self, request: Request) -> Answer:
        """``formal_verification`` and ``constitutional_formal_request``. Raises Refusal (413, 422, 503)."""
        started = time.perf_counter()
        script, wanted = _policy_script(request)
        verdict = await self.ask(script, SOLVER_TIMEOUT_MS)
        body = {
            "is_compliant": verdict.result == wanted,
            "solver": "z3",
            "solver_result": verdict.result,
            "verification_time_ms": round((time.perf_counter() - started) * 1000, 3),
        }
        return Answer(200, body)

    async def discharge(self, request: Request) -> Answer:
        """``proof_obligation``: the script asserts the claim's negation. Raises Refusal (413, 422, 503)."""
        obligation_id = request.text("obligation_id")
        text = request.text("smtlib")
        timeout_ms = request.integer("timeout_ms", 1, TIMEOUT_MOST_MS)
        _check_size([text])
        try:
            script = smtlib.read_script(text)
        except SmtError as error:
            raise invalid_field(f"smtlib: {error}") from None
        verdict = _writable(await self.ask(script, timeout_ms))
        body = {
            "obligation_id": obligation_id,
            "result": _CLAIM[verdict.result],
            "counterexample": verdict.model if verdict.result == "sat" else None,
        }
        return Answer(200, body)

    async def validate(self, request: Request) -> Answer:
        """``constraint_validation``: whether all can hold at once, and where. Raises Refusal (413, 422, 503)."""
        constraints = _terms(request.field("constraints"), "constraints")
        _check_size(constraints)
        script = _compose(request.object("declarations"), constraints)
        verdict = _writable(await self.ask(script, SOLVER_TIMEOUT_MS))
        model = verdict.model if verdict.result == "sat" else None
        return Answer(200, {"satisfiable": _SATISFIABLE[verdict.result], "model": model})

    async def status(self, request: Request) -> Answer:
        """``verification_status``: counts of all processes of this gateway."""
        body = {
            "solver": "z3",
            "version": self.solvers.version,
            "queue_depth": self._metrics.proofs_queued(),
            "completed": self._metrics.proofs_completed(),
        }
        return Answer(200, body)

    async def ask(self, script: Script, timeout_ms: int, *, falsify: bool = False) -> Verdict:
        """The verdict on a script: a known one, that of the same question under way, or the solver's.

        Raises Refusal: 422 when Z3 cannot read it, 503 when no solver is free.
        """
        asked = Question(script.text, script.constants, timeout_ms, falsify)
        key = sha256(f"{self.solvers.version}\n{falsify}\n{script.text}".encode("utf-8", "replace")).hexdigest()
        known = await self._results.get(key)
        if known is not None:
            return Verdict(*json.loads(known))
        under_way = self._under_way.get(f"{key}{timeout_ms}")
        if under_way is not None:
            return _readable(await asyncio.shield(under_way))
        return _readable(await self._solve(asked, key))

    async def _solve(self, asked: Question, key: str) -> Verdict:
        place = f"{key}{asked.timeout_ms}"
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._under_way[place] = future
        try:
            verdict = await self.solvers.ask(asked)
        except asyncio.CancelledError:
            future.cancel()  # the gateway is being stopped, with everybody who waits for the same answer
            raise
        except Exception as error:  # a refusal, or whatever a solver process can die of: raised here all the same
            future.set_exception(error)
            future.exception()  # it is told here; whoever else waits is told, too
            raise
        finally:
            del self._under_way[place]
        future.set_result(verdict)
        if verdict.error is None and verdict.result != "unknown":
            await self._results.put(key, json.dumps(verdict).encode())
        return verdict


def _policy_script(request: Request) -> tuple[Script, str]:
    """What to ask about a policy, and which verdict means compliant."""
    kind = request.text("verification_type")
    content = request.object("policy_content")
    for name in ("tenant_id", "timestamp"):
        request.text(name)
    if kind not in ("compliance", "consistency"):
        raise invalid_field('verification_type is neither "compliance" nor "consistency"')
    if kind == "consistency":
        request.operation = "constitutional_formal_request"
    declarations, constraints = content.get("declarations"), _terms(content.get("constraints"), "constraints")
    if kind == "consistency":
        _check_size(constraints)
        return _compose(declarations, constraints), "sat"
    requirement = content.get("requirement")
    if not isinstance(requirement, str):
        raise invalid_field("policy_content.requirement is no text; compliance needs one")
    _check_size([*constraints, requirement])
    return _compose(declarations, constraints, requirement), "unsat"


def _terms(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(term, str) for term in value):
        raise invalid_field(f"{name} is no list of texts")
    return value


def _check_size(texts: list[str]) -> None:
    if sum(len(text.encode("utf-8", "replace")) for text in texts) > SMTLIB_LIMIT_BYTES:
        raise too_large(f"SMT-LIB is over {SMTLIB_LIMIT_BYTES} bytes")


def _compose(declarations: Any, constraints: list[str], negated: str | None = None) -> Script:
    if not isinstance(declarations, dict):
        raise invalid_field("declarations is no object")
    try:
        return smtlib.compose(declarations, constraints, negated)
    except SmtError as error:
        raise invalid_field(f"SMT-LIB: {error}") from None


def _readable(verdict: Verdict) -> Verdict:
    """The verdict. Raises Refusal (422) when Z3 could not read the script."""
    if verdict.error is not None:
        raise invalid_field("SMT-LIB: the solver cannot read it: unknown name, wrong sort or wrong arity")
    return verdict


def _writable(verdict: Verdict) -> Verdict:
    """Unknown in place of a model that the contract cannot write down (irrational values)."""
    return verdict._replace(result="unknown") if verdict.result == "sat" and verdict.model is None else verdict

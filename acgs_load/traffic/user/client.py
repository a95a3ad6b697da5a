"""One user's way to the target: sends a request, has the answer judged, and records what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import orjson

from acgs_load.contract import OPERATIONS, PROOF_OPERATIONS, Outcome, Violation
from acgs_load.samples import Sample
from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.findings import Check, violations_of
from acgs_load.traffic.checks.formal import proof_is_unknown
from acgs_load.traffic.checks.tenant import check_grant
from acgs_load.traffic.seams import Arrivals, Recorder
from acgs_load.traffic.transport.exchange import Reply, Transport
from acgs_load.traffic.user.accounts import Identity, Secrets
from acgs_load.traffic.user.draws import Draws
from acgs_load.traffic.user.headers import identity_lines, tenant_line
from acgs_load.traffic.user.judgement import CROSS_TENANT, Ask, Judgement, Look, judge
from acgs_load.traffic.user.memory import Memory
from acgs_load.traffic.user.routes import Route

_EXAMPLE_CHARACTERS = 300
_SECRET_CHARACTERS = 12
"""The beginning of a secret that gives it away; findings show values cut short."""
_NO_VIOLATIONS: tuple[Violation, ...] = ()


class Terms(NamedTuple):
    """What all users of a run share and nothing changes."""

    constitutional_hash: str
    compliance_min: float
    routes: dict[str, Route]
    common_headers: bytes
    secrets: Secrets


class Answer(NamedTuple):
    """What a scenario goes on with after a request."""

    outcome: Outcome
    status: int
    body: Json | None
    """The object of an acknowledged answer; None of any other."""
    unsure: bool
    """A write that may have been applied although it was not acknowledged, or may still be."""
    violations: tuple[Violation, ...]

    @property
    def lost(self) -> bool:
        """The acknowledged object of the request is gone."""
        return self.status == 404 and Violation.LOST_WRITE in self.violations


class Client:
    """A logged-in user. Scenarios call ``await_arrival`` and ``send`` three times; ``Visit`` does the logging in."""

    __slots__ = (
        "_arrivals",
        "_due_s",
        "_headers",
        "_identity_lines",
        "_recorder",
        "_transport",
        "before_request",
        "draws",
        "identity",
        "memory",
        "rejected",
        "scenario",
        "secrets",
        "signature_checked",
        "tenant_id",
        "terms",
        "token",
        "user_id",
    )

    def __init__(
        self,
        terms: Terms,
        identity: Identity,
        draws: Draws,
        transport: Transport,
        recorder: Recorder,
        arrivals: Arrivals,
    ) -> None:
        self.terms = terms
        self.identity = identity
        self.tenant_id = identity.tenant_id
        """The user's own tenant."""
        self.draws = draws
        self.memory = Memory()
        self.scenario = ""
        self.user_id = identity.username
        self.token = ""
        self.rejected = False
        """A 401 came since the last login."""
        self.signature_checked = False
        """The check of the request under way verified the answer's signature; it says so here."""
        self.before_request: Callable[[], None] | None = None
        """Run when an arrival is there, before the request is built: a token may have run out while waiting."""
        self._transport = transport
        self._recorder = recorder
        self._arrivals = arrivals
        self._due_s: float | None = None
        self._identity_lines = b""
        self._headers = terms.common_headers

    def use_token(self, token: str, user_id: str) -> None:
        """Send ``token`` from now on; renders the headers anew."""
        self.token, self.user_id, self.rejected = token, user_id, False
        self._identity_lines = self.terms.common_headers + identity_lines(user_id, token)
        self._headers = self._identity_lines + tenant_line(self.tenant_id)

    def turn(self, name: str) -> int:
        """How many times this user did ``name`` before, from a seeded offset."""
        return self.draws.turn(name)

    def await_arrival(self) -> None:
        """Wait until the next request of this user is due; build the request after that, from what is known then."""
        if self.rejected and self.before_request is not None:
            self.before_request()  # an arrival must not be taken by a user who cannot use it
        self._due_s = self._arrivals.next_due_s()
        if self.before_request is not None:
            self.before_request()

    def skip(self, operation: str) -> None:
        """Count a request that is not sent because its object is missing."""
        self._recorder.skip(operation, self.scenario)

    def send(
        self,
        operation: str,
        check: Check | None = None,
        body: bytes | None = None,
        placeholder: str = "",
        value: str = "",
        acknowledged: str = "",
    ) -> Answer:
        """Send one request of a scenario with the user's headers; ``acknowledged`` names the object it is about."""
        self.signature_checked = False
        ask = self._ask(operation, check, acknowledged)
        reply = self._exchange(operation, self._headers, body, placeholder, value)
        return self._settle(ask, reply, judge(ask, reply))

    def attempt(self, look: Look, other: str, spoof: bool) -> Answer:
        """Ask for the data of ``other`` with the own token; with ``spoof`` the tenant header lies too."""
        ask = self._ask(CROSS_TENANT, None, "", look)
        headers = self._identity_lines + tenant_line(other) if spoof else self._headers
        reply = self._exchange(CROSS_TENANT, headers, None, "{other}", other)
        return self._settle(ask, reply, judge(ask, reply))

    def sign_in(self, operation: str, identity: Identity, body: bytes) -> tuple[Answer, Reply]:
        """Send a login of ``identity`` or an own refresh; counted outside all scenarios."""
        check = partial(check_grant, identity.tenant_id)
        ask = Ask(OPERATIONS[operation], self.terms.constitutional_hash, identity.tenant_id, None, check)
        headers = self.terms.common_headers if operation == "auth_login" else self._headers
        reply = self._exchange(operation, headers, body, "", "")
        judgement = judge(ask, reply)
        return self._record(ask, reply, judgement, "", None), reply

    def fetch(self, path: str) -> Reply:
        """A plain GET that no statistics count."""
        return self._transport.exchange("GET", path, self.terms.common_headers, None)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _ask(self, operation: str, check: Check | None, acknowledged: str, look: Look | None = None) -> Ask:
        return Ask(
            OPERATIONS[operation],
            self.terms.constitutional_hash,
            self.tenant_id,
            self.memory.canary,
            check,
            look,
            acknowledged,
        )

    def _exchange(self, operation: str, headers: bytes, body: bytes | None, placeholder: str, value: str) -> Reply:
        route = self.terms.routes[operation]
        path = route.filled(self.tenant_id, placeholder, value)
        return self._transport.exchange(route.method, path, headers, body)

    def _settle(self, ask: Ask, reply: Reply, judgement: Judgement) -> Answer:
        if reply.status == 401:
            self.rejected = True
        return self._record(ask, reply, judgement, self.scenario, self._due_s)

    def _record(self, ask: Ask, reply: Reply, judgement: Judgement, scenario: str, due_s: float | None) -> Answer:
        operation = ask.operation.name
        outcome, findings, body, score, _reason, acknowledged, expected = judgement
        violations = violations_of(findings) if findings else _NO_VIOLATIONS
        self._recorder.record(
            Sample(
                operation,
                scenario,
                reply.sent_s if due_s is None else due_s,
                reply.sent_s,
                reply.done_s,
                outcome,
                violations,
                reply.status,
                score,
                operation == CROSS_TENANT and expected and self._refused_rightly(violations),
                acknowledged and operation in PROOF_OPERATIONS and proof_is_unknown(operation, body or {}),
                reply.sent_bytes,
                reply.received_bytes,
                reply.resent,
                self.signature_checked and operation == "audit_create",
            )
        )
        if outcome is not Outcome.OK:
            self._give_examples(operation, reply.status, judgement)
        refused = 400 <= reply.status < 500 and outcome is not Outcome.BAD_RESPONSE and not reply.resent
        kept = body if acknowledged else None
        return Answer(outcome, reply.status, kept, not acknowledged and not refused, violations)

    def _refused_rightly(self, violations: tuple[Violation, ...]) -> bool:
        return self.memory.own_access_ok and Violation.ISOLATION_BREACH not in violations

    def _give_examples(self, operation: str, status: int, judgement: Judgement) -> None:
        if not judgement.findings:
            self._recorder.example(judgement.outcome, operation, self._safe(judgement.reason), status)
        for violation, text in judgement.findings:
            self._recorder.example(violation, operation, self._safe(text), status)

    def _safe(self, text: str) -> str:
        """One line without the secrets that a target may echo, whole or cut off."""
        for secret in (self.token, self.terms.secrets.password):
            if secret:
                text = re.sub(re.escape(secret[:_SECRET_CHARACTERS]) + r"\S*", "[secret]", text)
        return " ".join(text.split())[:_EXAMPLE_CHARACTERS]


def json_bytes(body: Json) -> bytes:
    """A request body."""
    return orjson.dumps(body)

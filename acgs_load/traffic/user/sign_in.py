"""Logging in and staying so: tokens, refreshes, and what happens when the target refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from acgs_load.contract import CONFIG_PATH
from acgs_load.traffic.checks.fields import Json, granted_token
from acgs_load.traffic.checks.signatures import published_keys
from acgs_load.traffic.user.accounts import Identity
from acgs_load.traffic.user.client import Answer, Client, json_bytes
from acgs_load.traffic.user.headers import is_header_value

RETRY_S = 1.0
REFRESH_SHARE = 0.8
"""Of ``expires_in``; a refresh is due at the first iteration boundary after that."""


class Grant(NamedTuple):
    """A token and how long it is good, on the clock of ``Reply.sent_s``."""

    token: str
    user_id: str
    refresh_s: float
    expires_s: float


def log_in(client: Client, identity: Identity) -> tuple[Grant | None, Answer]:
    """One try of logging ``identity`` in over the client's connection; no grant where the target gave none."""
    body: Json = {
        "username": identity.username,
        "password": client.terms.secrets.password,
        "tenant_id": identity.tenant_id,
        "constitutional_hash": client.terms.constitutional_hash,
    }
    return _granted(client, "auth_login", identity, json_bytes(body))


def refresh(client: Client) -> tuple[Grant | None, Answer]:
    """One try of exchanging the client's token for a fresh one."""
    return _granted(client, "auth_refresh", client.identity, b"{}")


def _granted(client: Client, operation: str, identity: Identity, body: bytes) -> tuple[Grant | None, Answer]:
    answer, reply = client.sign_in(operation, identity, body)
    if answer.body is None:
        return None, answer
    token: str = granted_token(answer.body)
    if not is_header_value(token) or " " in token:
        return None, answer
    user_id = answer.body["user_id"]
    if not is_header_value(user_id):
        user_id = identity.username
    lifetime_s = float(answer.body["expires_in"])
    return Grant(token, user_id, reply.sent_s + REFRESH_SHARE * lifetime_s, reply.sent_s + lifetime_s), answer


class SignIn:
    """Keeps one client logged in for as long as its visit lasts."""

    __slots__ = ("_changed", "_client", "_clock", "_grant", "_sleep", "signed_in")

    def __init__(
        self,
        client: Client,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        changed: Callable[[bool], None],
    ) -> None:
        """``changed`` is told whenever the user becomes logged in or out."""
        self._client, self._sleep, self._clock, self._changed = client, sleep, clock, changed
        self._grant: Grant | None = None
        self.signed_in = False

    def renew(self) -> None:
        """At an iteration boundary: log in if need be, or refresh when that is due."""
        if self._client.terms.secrets.token is not None:
            self._use_given_token(self._client.terms.secrets.token)
            return
        self.ensure()
        grant = self._grant
        if grant is not None and self._clock() >= grant.refresh_s:
            fresh, answer = refresh(self._client)
            if fresh is not None:
                self._use(fresh)
            elif answer.status == 401:
                self._client.rejected = True
                self.ensure()
            # any other failure: the old token stays good until its expiry, and the next boundary tries again

    def ensure(self) -> None:
        """Log in if the token is missing, rejected or has run out; tried every second without end."""
        if self._client.terms.secrets.token is not None:
            return
        grant = self._grant
        if grant is not None and not self._client.rejected and self._clock() < grant.expires_s:
            return
        self._set_signed_in(False)
        fresh, _ = log_in(self._client, self._client.identity)
        while fresh is None:
            self._sleep(RETRY_S)
            fresh, _ = log_in(self._client, self._client.identity)
        self._use(fresh)

    def leave(self) -> None:
        """The visit is over."""
        self._set_signed_in(False)

    def _use_given_token(self, token: str) -> None:
        if not self.signed_in:
            self._client.use_token(token, self._client.identity.username)
            self._set_signed_in(True)

    def _use(self, grant: Grant) -> None:
        self._grant = grant
        self._client.use_token(grant.token, grant.user_id)
        self._set_signed_in(True)

    def _set_signed_in(self, value: bool) -> None:
        if value != self.signed_in:
            self.signed_in = value
            self._changed(value)


def fetch_signing_keys(client: Client) -> tuple[dict[str, bytes] | None, bool]:
    """The published keys, None where the target knows no such thing, and whether it answered the question."""
    reply = client.fetch(CONFIG_PATH)
    if reply.failure is not None or reply.status == 429 or reply.status >= 500:
        return None, False
    return (published_keys(reply.body) if reply.status == 200 else None), True

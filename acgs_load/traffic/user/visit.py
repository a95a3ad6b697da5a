"""One user's life: it logs in, runs scenarios one after the other, and leaves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from acgs_load.traffic.scenarios import constitutional, formal, integrity, policy, tenant
from acgs_load.traffic.user.client import Client
from acgs_load.traffic.user.sign_in import SignIn, fetch_signing_keys

if TYPE_CHECKING:
    from acgs_load.traffic.user.world import SharedWorld

_SCENARIOS = {
    "constitutional": constitutional.run,
    "tenant": tenant.run,
    "policy": policy.run,
    "formal": formal.run,
    "integrity": integrity.run,
}


class Visit:
    """Made by ``SharedWorld.new_visit``; used by one greenlet."""

    __slots__ = ("_client", "_open", "_sign_in", "_world", "number")

    def __init__(self, world: SharedWorld, client: Client, sleep: Callable[[float], None]) -> None:
        self.number = client.identity.number
        self._world = world
        self._client = client
        self._sign_in = SignIn(client, sleep, world.clock, self._signed_in_changed)
        client.before_request = self._sign_in.ensure
        self._open = True
        world.users += 1

    def prepare(self) -> None:
        """Log in or refresh if that is due; returns only with a token, however often the target refuses."""
        self._world.published.learn(partial(fetch_signing_keys, self._client))
        self._sign_in.renew()
        if self._world.one_tenant:
            self._world.other_tenant(self._client, 0)  # so that attempts have an aim from the start

    def run(self, scenario: str) -> None:
        """Exactly three requests of ``scenario``; those without an object are counted as skipped.

        Raises KeyError for a scenario that does not exist.
        """
        self._client.scenario = scenario
        _SCENARIOS[scenario](self._client, self._world)

    def close(self) -> None:
        """Leave: the connection is closed and the live counters fall."""
        if self._open:
            self._open = False
            self._sign_in.leave()
            self._world.users -= 1
            self._client.close()

    def _signed_in_changed(self, signed_in: bool) -> None:
        self._world.logged_in += 1 if signed_in else -1
        if signed_in:
            self._world.reached(self._client.tenant_id)

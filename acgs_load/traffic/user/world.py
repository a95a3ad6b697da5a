"""What all users of one worker process share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from acgs_load.plan import Plan
from acgs_load.traffic.checks.chain import ChainKnowledge, genesis_hash
from acgs_load.traffic.checks.published import PublishedKeys
from acgs_load.traffic.seams import Arrivals, Recorder
from acgs_load.traffic.transport.exchange import Transport
from acgs_load.traffic.user.accounts import extra_identity, identity_of, secrets_from, tenants_of, user_number
from acgs_load.traffic.user.client import Client, Terms
from acgs_load.traffic.user.draws import Draws
from acgs_load.traffic.user.headers import common_lines
from acgs_load.traffic.user.proofs import ProofBook
from acgs_load.traffic.user.routes import routes_of
from acgs_load.traffic.user.sign_in import RETRY_S, log_in
from acgs_load.traffic.user.visit import Visit


class SharedWorld:
    """One per worker process: the plan's constants, live counters, and what the target told any user here."""

    def __init__(self, plan: Plan, worker_index: int, workers: int) -> None:
        self.users = 0
        """Visits that are open now."""
        self.logged_in = 0
        """Visits that hold a token now."""
        self.clock: Callable[[], float] = time.perf_counter
        self.epoch: Callable[[], float] = time.time
        self.published = PublishedKeys(self.now_s)
        """The keys that signatures are verified under."""
        self.proofs = ProofBook(plan.seed)
        self.genesis_hash = genesis_hash(plan.constitutional_hash)
        self.terms = Terms(
            plan.constitutional_hash,
            plan.compliance_min,
            routes_of(plan.routes),
            common_lines(plan.constitutional_hash, plan.headers),
            secrets_from(os.environ),
        )
        self.one_tenant = len(tenants_of(plan)) == 1
        """All users of the run share one tenant, so an extra user must log in for attempts to aim at."""
        self._plan, self._worker_index, self._workers = plan, worker_index, workers
        self.canaries: dict[str, str] = {}
        """The last canary that any user here saw on the data of its own tenant, by tenant."""
        self._visits = 0
        self._chains: dict[str, ChainKnowledge] = {}
        self._reached: list[str] = []
        self._extra_try_s: float | None = 0.0

    def now_s(self) -> float:
        """Seconds on ``clock``, whichever that is by now."""
        return self.clock()

    def new_visit(
        self,
        transport_factory: Callable[[], Transport],
        recorder: Recorder,
        arrivals: Arrivals,
        sleep: Callable[[float], None],
    ) -> Visit:
        """The life of the next user."""
        number = user_number(self._worker_index, self._workers, self._visits)
        self._visits += 1
        identity = identity_of(self._plan, number, one_tenant=self.terms.secrets.token is not None)
        draws = Draws(self._plan.seed, number)
        client = Client(self.terms, identity, draws, transport_factory(), recorder, arrivals)
        return Visit(self, client, sleep)

    def chain(self, tenant_id: str) -> ChainKnowledge:
        """What was acknowledged about a tenant's chain."""
        chain = self._chains.get(tenant_id)
        if chain is None:
            chain = self._chains[tenant_id] = ChainKnowledge()
        return chain

    def reached(self, tenant_id: str) -> None:
        """A user of the tenant has logged in, so attempts of others may aim at it."""
        if tenant_id not in self._reached:
            self._reached.append(tenant_id)

    def other_tenant(self, client: Client, number: int) -> str | None:
        """A tenant that is not the client's and has a user who has logged in; None where there is none.

        If need be one more user logs in, over the client's connection.
        """
        others = [tenant for tenant in self._reached if tenant != client.tenant_id]
        if not others:
            self._log_extra_user_in(client)
            others = [tenant for tenant in self._reached if tenant != client.tenant_id]
        return others[number % len(others)] if others else None

    def _log_extra_user_in(self, client: Client) -> None:
        if self.terms.secrets.token is not None:
            self._reach_configured_tenants()
            return
        now_s = self.clock()
        if self._extra_try_s is None or now_s < self._extra_try_s:
            return
        self._extra_try_s = now_s + self._plan.timeout_s + RETRY_S  # nobody else tries while this one is on its way
        identity = extra_identity(self._plan, client.tenant_id)
        grant, answer = log_in(client, identity)
        self._extra_try_s = self.clock() + RETRY_S
        if grant is not None:
            self.reached(identity.tenant_id)
        elif 400 <= answer.status < 500 and answer.status != 429:
            self._extra_try_s = None  # refused for good: asking on would only count errors

    def _reach_configured_tenants(self) -> None:
        """Under a common token nobody logs in; what the plan names is taken to exist."""
        if self._plan.tenants or self._plan.accounts:
            for tenant_id in tenants_of(self._plan):
                self.reached(tenant_id)

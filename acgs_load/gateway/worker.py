"""One gateway process: puts the parts together, serves until told to stop, and leaves everything committed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
import uvloop

from acgs_load.gateway.acceptor import Acceptor
from acgs_load.gateway.app import Application
from acgs_load.gateway.audit import Audit
from acgs_load.gateway.checks import Checks
from acgs_load.gateway.constitution import Constitution
from acgs_load.gateway.lies import Lies
from acgs_load.gateway.metrics import Metrics
from acgs_load.gateway.pages import Pages, RateLimit
from acgs_load.gateway.policies import Policies
from acgs_load.gateway.proofs import Proofs
from acgs_load.gateway.request_log import FLUSH_INTERVAL_S, RequestLog
from acgs_load.gateway.routes import Routes
from acgs_load.gateway.sabotage import PlantedFaults
from acgs_load.gateway.sessions import (
    LocalResults,
    LocalSessions,
    RedisLink,
    RedisResults,
    RedisSessions,
    Results,
    Sessions,
)
from acgs_load.gateway.signatures import Signer
from acgs_load.gateway.solvers import Solvers
from acgs_load.gateway.store import Store, fold_log
from acgs_load.gateway.tenants import Tenants
from acgs_load.gateway.tokens import Tokens
from acgs_load.gateway.watch import INTERVAL_S, is_ancestor
from acgs_load.gateway.wire import Wire

REDIS_VARIABLE = "REDIS_URL"
FOLD_INTERVAL_S = 1.0
STOP_LIMIT_S = 3
KEEP_ALIVE_S = 75


@dataclass(frozen=True, slots=True)
class Options:
    """What a gateway is started with."""

    host: str
    port: int
    store: Path
    workers: int
    solvers: int
    constitutional_hash: str
    token_lifetime_s: int
    faults: dict[str, tuple[float, ...]] = field(default_factory=dict)
    fault_after_s: float = 0.0
    """How long after the first login the defects begin; 0: they are there from the start."""
    started_s: float = 0.0
    """When the gateway was started, on the monotonic clock that all its processes share."""
    parents: tuple[int, ...] = ()
    """Processes without which this one must not go on."""


class _Server(uvicorn.Server):
    """uvicorn's server that says when it is ready and ends with exit code 0 when it is told to."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._listener = listener
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets connections in, then tells. uvicorn itself listens on none of ``sockets``: there are none."""
        await super().startup(sockets)
        self._acceptor = Acceptor(self._listener, self._new_connection)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets nobody in any more, and answers what is under way."""
        self._acceptor.close()
        self._listener.close()
        await super().shutdown(sockets)

    def _new_connection(self) -> asyncio.Protocol:
        return Wire(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def obey_signals(self) -> None:
        """From now on SIGTERM and SIGINT stop the server, also while it is coming up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing of uvicorn's own, which would raise the signal again after the stop."""
        yield

    def stop(self) -> None:
        """Lets requests under way finish, within a limit."""
        self.should_exit = True


class Shared(NamedTuple):
    """What all processes of a gateway have in common."""

    listener: socket.socket
    metrics: Metrics
    log: RequestLog | None
    """None: no request is logged."""


def run(options: Options, shared: Shared, on_ready: Callable[[], None]) -> None:
    """Serves until a signal or the loss of a parent ends it; ``on_ready`` is called once."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options, shared, on_ready))
    finally:
        if shared.log is not None:
            shared.log.close()


async def _serve(options: Options, shared: Shared, on_ready: Callable[[], None]) -> None:
    metrics = shared.metrics
    store = Store(options.store)
    solvers = Solvers(options.solvers, metrics)
    redis_url = os.environ.get(REDIS_VARIABLE)
    link = RedisLink(redis_url) if redis_url else None
    try:
        application = _application(options, store, solvers, shared, link)
        server = _Server(_config(application), shared.listener, on_ready)
        server.obey_signals()
        await solvers.start()
        chores = [
            asyncio.create_task(_stop_when_orphaned(server, options.parents)),
            asyncio.create_task(_fold_logs(store)),
        ]
        if shared.log is not None:
            chores.append(asyncio.create_task(_write_log(shared.log)))
        if not server.should_exit:
            await server.serve([])
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
    finally:
        await solvers.close()
        if link is not None:
            await link.close()
        store.close()


def _application(
    options: Options, store: Store, solvers: Solvers, shared: Shared, link: RedisLink | None
) -> Application:
    metrics = shared.metrics
    secret = store.meta("jwt_secret")
    sessions: Sessions = RedisSessions(link, secret) if link else LocalSessions()
    results: Results = RedisResults(link) if link else LocalResults()
    constitution = Constitution(options.constitutional_hash, store, metrics)
    tenants, policies = Tenants(store), Policies(store)
    tokens = Tokens(secret, options.token_lifetime_s, sessions, tenants)
    signer = Signer(store.meta("signing_key"))
    proofs = Proofs(solvers, results, metrics)
    audit = Audit(store, signer, metrics, options.constitutional_hash)
    pages = Pages(signer, metrics, _rate_limit(options.faults))
    routes = Routes(tokens, constitution, tenants, policies, proofs, audit, signer, pages)
    checks = Checks(constitution, tokens, metrics)
    sabotage = None
    if options.faults:
        lies = Lies(store, tenants, policies, proofs)
        sabotage = PlantedFaults(options.faults, lies, options.started_s, options.workers, options.fault_after_s)
    return Application(routes, checks, constitution, metrics, sabotage, shared.log)


def _rate_limit(faults: dict[str, tuple[float, ...]]) -> RateLimit:
    """What is published: the planted throttle is a limit that a gateway would tell of."""
    if "throttle" not in faults:
        return RateLimit()
    rate_per_s = faults["throttle"][0]
    return RateLimit(int(rate_per_s * 60), max(1, int(rate_per_s)))


def _config(application: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=Wire,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_LIMIT_S,
    )


async def _stop_when_orphaned(server: _Server, parents: tuple[int, ...]) -> None:
    while all(is_ancestor(pid) for pid in parents):
        await asyncio.sleep(INTERVAL_S)
    server.stop()


async def _fold_logs(store: Store) -> None:
    while True:
        await asyncio.sleep(FOLD_INTERVAL_S)
        try:
            await asyncio.to_thread(fold_log, store.path)
            store.fold_long_log()
        except sqlite3.OperationalError as error:  # another process is at it, or the disk is full: next time
            print(f"gateway: the store's log was not folded: {error}", file=sys.stderr, flush=True)


async def _write_log(log: RequestLog) -> None:
    while True:
        await asyncio.sleep(FLUSH_INTERVAL_S)
        log.flush()

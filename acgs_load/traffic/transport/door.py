"""The door to the transports: which one a plan asks for."""

from __future__ import annotations

from collections.abc import Callable

from acgs_load.authorities import verification
from acgs_load.plan import Plan
from acgs_load.traffic.transport.exchange import Transport
from acgs_load.traffic.transport.fast import FastTransport
from acgs_load.traffic.transport.opening import Opening
from acgs_load.traffic.transport.plain import PlainTransport, Route
from acgs_load.traffic.transport.target import Target
from acgs_load.traffic.transport.tls import client_context


def transport_for(plan: Plan) -> Callable[[], Transport]:
    """What makes one transport per user. Call it once per process: the users share addresses, TLS settings and wheel.

    Raises UsageError if target or authorities cannot be used. Nothing is connected before the first exchange.
    """
    target = Target.parse(plan.target)
    if plan.transport == "plain":
        trust = verification(plan.target, plan.tls_verify, plan.ca_file)
        route = Route.to(target, plan.target.rstrip("/"), trust)
        return lambda: PlainTransport(route, plan.timeout_s)
    opening = Opening(target, client_context(plan.tls_verify, plan.ca_file) if target.secure else None)
    return lambda: FastTransport(target, opening, plan.timeout_s)

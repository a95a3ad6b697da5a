"""The door to the transports: which one a plan asks for."""

from __future__ import annotations

from collections.abc import Callable

from acgs_load.plan import Plan
from acgs_load.traffic.exchange import Transport
from acgs_load.traffic.fast import FastTransport
from acgs_load.traffic.opening import Opening
from acgs_load.traffic.target import Target
from acgs_load.traffic.tls import client_context


def transport_for(plan: Plan) -> Callable[[], Transport]:
    """What makes one transport per user. Call it once per process: the users share addresses, TLS settings and wheel.

    Raises UsageError if the target or ``SSL_CERT_FILE`` cannot be used. Nothing is connected before the first exchange.
    """
    target = Target.parse(plan.target)
    context = client_context(plan.tls_verify) if target.secure else None
    opening = Opening(target, context)
    return lambda: FastTransport(target, opening, plan.timeout_s)

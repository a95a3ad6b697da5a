"""Which ports a run on this machine uses, chosen before anything starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from acgs_load.errors import TargetError
from acgs_load.fleet.commands import started_by_hand
from acgs_load.fleet.ports import free_port, is_free
from acgs_load.plan import Plan


def with_ports(plan: Plan, warn: Callable[[str], None]) -> Plan:
    """The plan with its ports. Raises TargetError for one that was named and is taken.

    A master port that the user named, or that other machines dial, is never replaced; else any free one serves. Not the
    usual one even where it is free: two runs that start together would both find it so.
    """
    named = not plan.origins.get("LOCUST_MASTER_PORT", "default").startswith("default")
    if not named and not started_by_hand(plan):
        plan = dataclasses.replace(plan, master_port=free_port())
    elif not is_free(plan.master_port):
        raise TargetError(f"LOCUST_MASTER_PORT {plan.master_port} is taken by a stranger; free it or name another")
    if plan.web_ui and not is_free(plan.web_port):
        raise TargetError(f"LOCUST_WEB_PORT {plan.web_port} is taken by a stranger; free it or name another")
    return with_exporter_port(plan, warn)


def with_exporter_port(plan: Plan, warn: Callable[[str], None]) -> Plan:
    """A port that the user named must be free; the usual one may belong to another run, which costs no run."""
    if not plan.exporter_port or is_free(plan.exporter_port):
        return plan
    port = f"EXPORTER_PORT {plan.exporter_port} is taken by a stranger"
    if not plan.origins.get("EXPORTER_PORT", "default").startswith("default"):
        raise TargetError(f"{port}; free it or name another")
    if not plan.web_ui:
        warn(f"{port}: this run publishes no metrics; name another with --exporter-port, or 0 for none")
    return dataclasses.replace(plan, exporter_port=0)

"""A plan, as containers play it: with the addresses that hold among them."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple
from urllib.parse import urlsplit

from acgs_load.contract import METRICS_PATH
from acgs_load.fleet.compose_words import GATEWAY, RUNNER
from acgs_load.permission import is_loopback
from acgs_load.plan import Plan


def is_ours(plan: Plan) -> bool:
    """Whether the reference gateway of docker-compose.yml is the target: asked for, or nobody named another."""
    named = not plan.origins.get("TARGET_HOST", "default").startswith("default")
    return plan.embedded or not named or urlsplit(plan.target).hostname == GATEWAY


class Machine(NamedTuple):
    """What Docker runs on."""

    cpus: float
    memory_gib: float


def inner_plan(plan: Plan, machine: Machine | None = None) -> Plan:
    """The plan as it is played in containers: the addresses that hold there, nodes that are containers.

    A target on ``machine`` has its CPUs and memory, where they are known.
    """
    target = f"http://{GATEWAY}:8080" if is_ours(plan) else _seen_from_containers(plan.target)
    metrics = plan.target_metrics
    if metrics.source == "auto" and target != plan.target and machine is not None:
        source = target + METRICS_PATH
        metrics = dataclasses.replace(metrics, source=source, cpus=machine.cpus, memory_gib=machine.memory_gib)
    nodes = tuple(dataclasses.replace(node, host=f"worker-{number}") for number, node in enumerate(plan.nodes))
    return dataclasses.replace(
        plan,
        target=target,
        embedded=False,
        allowed_targets=(*plan.allowed_targets, str(urlsplit(target).hostname)),
        target_metrics=metrics,
        nodes=nodes,
        master_host=RUNNER,
        master_port=5557,
        master_bind_host="0.0.0.0",  # nosec B104  # inside its container
        web_ui=False,
        origins={**plan.origins, "LOCUST_MASTER_PORT": "place compose"},
    )


def _seen_from_containers(target: str) -> str:
    """A target on this machine's loopback is reached by the name that docker-compose.yml gives the machine."""
    parts = urlsplit(target)
    if not is_loopback(parts.hostname or ""):
        return target
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"host.docker.internal{port}").geturl()

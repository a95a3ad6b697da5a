"""What a worker shows when it connects, and what a master demands of it: the same suite, Locust and plan."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
import locust

import acgs_load
from acgs_load.machine import machine_id

PLAN_VARIABLE = "ACGS_PLAN"
DEMANDED = {"suite": "the load-testing suite", "locust": "Locust"}
"""Versions in which master and workers must agree, because both halves of a protocol come from them."""


def versions() -> dict[str, str]:
    """Of everything that a figure may depend on."""
    return {
        "suite": acgs_load.__version__,
        "locust": locust.__version__,
        "python": platform.python_version(),
        "gevent": gevent.__version__,
    }


def passport(region: str) -> dict[str, Any]:
    """What this process shows."""
    return {
        "region": region,
        "host": socket.gethostname(),
        "machine": machine_id(),
        "pid": os.getpid(),
        "cores": os.cpu_count() or 1,
        **versions(),
        "own_plan_sha256": _own_plan_sha256(),
    }


def objection(shown: Mapping[str, Any], plan_sha256: str | None) -> str | None:
    """Why a worker that shows this cannot take part, in a line that says what to do; None where it can."""
    ours, where = versions(), f"worker on {shown.get('host', 'an unknown host')}"
    for name, said in DEMANDED.items():
        if shown.get(name) != ours[name]:
            return f"{where}: its version of {said} is {shown.get(name)}, the master's {ours[name]}; install the same"
    theirs = shown.get("own_plan_sha256")
    if plan_sha256 and theirs and theirs != plan_sha256:
        return (
            f"{where}: it was started for another plan ({theirs[:12]}, the master's is {plan_sha256[:12]}); "
            "end it, or start it with this run's plan"
        )
    return None


def _own_plan_sha256() -> str:
    """Of the plan that this process was started for; empty for one that takes whatever the master plays."""
    place = os.environ.get(PLAN_VARIABLE)
    if not place:
        return ""
    try:
        return hashlib.sha256(Path(place).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"

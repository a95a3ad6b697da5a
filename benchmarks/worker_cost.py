"""What a worker costs: CPU and bytes of a request, memory of a process and of a user. For ``benchmarks.fleet``."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.crowd import crowd, gateway
from benchmarks.gateway_target import GatewayTarget, Rounds
from benchmarks.generators import Load, environment
from benchmarks.scenario import USERS, ours

WINDOW_S = 8.0


def worker_cost() -> dict[str, Any]:
    """The worker's part of ``Figures``: the scenario mix with every check at the reference gateway, and a crowd."""
    printed: list[str] = []
    generator = ours()

    def remembered(text: str, *place: Any) -> Any:
        printed.append(text)
        return generator.told(text, *place)

    with gateway() as url:
        load = Load(url, USERS, WINDOW_S)
        rounds = Rounds(GatewayTarget(url), load, environment(load))
        rounds.measure(generator)  # the gateway's solvers have answered most formulas once by then
        measured = rounds.measure(generator._replace(told=remembered))
    said = json.loads(printed[-1].splitlines()[-1])
    many = crowd()[0]
    return {
        "worker_cpu_us": round(1e6 / measured.per_cpu_s, 1),
        "worker_memory_bytes": round(many["all_bytes"] - many["users"] * many["bytes_per_user"]),
        "user_memory_bytes": round(many["bytes_per_user"]),
        "sent_bytes": round(said["sent_bytes"] / said["requests"]),
        "received_bytes": round(said["received_bytes"] / said["requests"]),
    }

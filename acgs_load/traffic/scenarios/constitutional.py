"""Constitutional verification: hash verification, compliance scoring, a formal verification request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acgs_load.traffic.checks.constitutional import check_constitution, check_score
from acgs_load.traffic.scenarios.formal import verify
from acgs_load.traffic.user.client import Client, json_bytes

if TYPE_CHECKING:
    from acgs_load.traffic.user.world import SharedWorld

_OPERATIONS = ("policy_evaluation", "governance_review", "resource_allocation", "data_access", "model_deployment")


def run(client: Client, world: SharedWorld) -> None:
    """Verify the constitution, have an operation scored, ask for a consistency proof."""
    turn = client.turn("constitutional")
    client.await_arrival()
    client.send("constitutional_verify", check_constitution)

    client.await_arrival()
    client.send("constitutional_score", partial(check_score, world.terms.compliance_min), _score_body(client, turn))

    client.await_arrival()
    number = client.draws.number("consistency", turn)
    verify(client, world, "constitutional_formal_request", "consistency", world.proofs.consistency(number))


def _score_body(client: Client, turn: int) -> bytes:
    return json_bytes(
        {
            "operation": _OPERATIONS[turn % len(_OPERATIONS)],
            "tenant_id": client.tenant_id,
            "constitutional_hash": client.terms.constitutional_hash,
        }
    )

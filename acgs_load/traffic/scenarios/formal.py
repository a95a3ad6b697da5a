"""Formal verification: Z3 on policies, proof obligations, constraint validation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acgs_load.traffic.checks.formal import check_constraints, check_obligation, check_verification
from acgs_load.traffic.user.client import Client, json_bytes
from acgs_load.traffic.user.proofs import OBLIGATION_TIMEOUT_MS, Verification
from acgs_load.traffic.user.timestamps import timestamp_text

if TYPE_CHECKING:
    from acgs_load.traffic.user.world import SharedWorld


def run(client: Client, world: SharedWorld) -> None:
    """Verify a policy, discharge an obligation, then validate constraints or look at the solver."""
    turn = client.turn("formal")
    client.await_arrival()
    number = client.draws.number("formal", turn)
    verify(client, world, "formal_verification", "compliance", world.proofs.compliance(number))

    client.await_arrival()
    _prove(client, world, turn)

    client.await_arrival()
    if turn % 2:
        constraints = world.proofs.constraints(client.draws.number("constraints", turn))
        client.send("constraint_validation", partial(check_constraints, constraints), constraints.body)
    else:
        client.send("verification_status")


def verify(client: Client, world: SharedWorld, operation: str, kind: str, verification: Verification) -> None:
    """Send one verify request of type ``kind``, as ``operation``."""
    body = json_bytes(
        {
            "policy_content": verification.content,
            "verification_type": kind,
            "constitutional_hash": client.terms.constitutional_hash,
            "tenant_id": client.tenant_id,
            "timestamp": timestamp_text(world.epoch()),
        }
    )
    client.send(operation, partial(check_verification, verification), body)


def _prove(client: Client, world: SharedWorld, turn: int) -> None:
    obligation = world.proofs.obligation(client.draws.number("obligation", turn))
    obligation_id = f"obligation-{client.identity.number}-{turn}"
    body = json_bytes(
        {"obligation_id": obligation_id, "smtlib": obligation.smtlib, "timeout_ms": OBLIGATION_TIMEOUT_MS}
    )
    client.send("proof_obligation", partial(check_obligation, obligation, obligation_id), body)

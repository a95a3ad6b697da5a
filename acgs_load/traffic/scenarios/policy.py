"""Policy governance: creation and updates, retrieval and listing, decision validation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acgs_load.contract import ANSWERED_OUTCOMES, Violation
from acgs_load.traffic.checks.policy import check_created, check_decision, check_list, check_read, check_updated
from acgs_load.traffic.user.client import Client, json_bytes
from acgs_load.traffic.user.content import policy_content
from acgs_load.traffic.user.decisions import decision_on
from acgs_load.traffic.user.policies import OwnPolicy, content_of, content_sha256

if TYPE_CHECKING:
    from acgs_load.traffic.user.world import SharedWorld

_PLACEHOLDER = "{policy_id}"
_UNTRUE = frozenset({Violation.STALE_READ, Violation.LOST_WRITE})
"""What is read with one of these is no knowledge."""


def run(client: Client, _world: SharedWorld) -> None:
    """Create a policy, read one back, then update it, list policies or have it decide."""
    turn = client.turn("policy")
    _create(client, turn)
    policy = _read(client, _policy_to_read(client, turn))
    third = turn % 3
    if third == 0:
        _update(client, policy, turn)
    elif third == 1:
        _list(client)
    else:
        _decide(client, policy, turn)


def _create(client: Client, turn: int) -> None:
    content = content_of(policy_content(client.draws.number("policy", turn), client.identity.username))
    client.await_arrival()
    body = content.sent_with({"constitutional_hash": client.terms.constitutional_hash})
    answer = client.send("policy_create", partial(check_created, content), body)
    if answer.body is not None:
        client.memory.policy = OwnPolicy(answer.body["policy_id"], answer.body["version"], content)


def _policy_to_read(client: Client, turn: int) -> OwnPolicy | None:
    """The policy of this iteration, or every other time the one that this user updated last."""
    memory = client.memory
    return (turn % 2 and memory.updated) or memory.policy


def _read(client: Client, policy: OwnPolicy | None) -> OwnPolicy | None:
    """The policy to go on with: the one that was read, or another acknowledged one where that is gone."""
    if policy is None:
        client.skip("policy_get")
        return None
    client.await_arrival()
    answer = client.send(
        "policy_get",
        partial(check_read, policy),
        placeholder=_PLACEHOLDER,
        value=policy.policy_id,
        acknowledged=policy.policy_id,
    )
    if answer.lost:
        client.memory.forget_policy(policy)
        return client.memory.policy
    if answer.body is None or not _UNTRUE.isdisjoint(answer.violations) or answer.body["version"] == policy.version:
        return policy
    if not policy.settle(answer.body["version"], content_sha256(answer.body["policy"])):
        client.memory.forget_policy(policy)  # after a 409 that nothing of ours explains: somebody else's content
        return client.memory.policy
    return policy


def _update(client: Client, policy: OwnPolicy | None, turn: int) -> None:
    if policy is None:
        client.skip("policy_update")
        return
    content = content_of(policy_content(client.draws.number("update", turn), client.identity.username))
    client.await_arrival()
    version = policy.version
    body = content.sent_with({"version": version, "constitutional_hash": client.terms.constitutional_hash})
    answer = client.send(
        "policy_update",
        partial(check_updated, policy.policy_id, content, version),
        body,
        placeholder=_PLACEHOLDER,
        value=policy.policy_id,
        acknowledged=policy.policy_id,
    )
    if answer.lost:
        client.memory.forget_policy(policy)
        return
    if answer.body is not None:
        policy.acknowledge(answer.body["version"], content)
    elif answer.unsure:
        policy.doubt(content)
    refused = answer.status == 409 and answer.outcome in ANSWERED_OUTCOMES
    if refused:
        policy.refuse(version)
    if refused or answer.unsure or answer.body is not None:
        client.memory.updated = policy


def _list(client: Client) -> None:
    """The next page where there is one, else the first."""
    memory = client.memory
    client.await_arrival()
    cursor = memory.cursor
    own = (None, None) if cursor else (memory.policy, memory.updated)
    check = partial(check_list, client.tenant_id, *own)
    answer = client.send("policy_list", check, placeholder="{cursor}", value=cursor)
    memory.cursor = (answer.body["next_cursor"] or "") if answer.body is not None else ""


def _decide(client: Client, policy: OwnPolicy | None, turn: int) -> None:
    if policy is None:
        client.skip("governance_decision")
        return
    decision = decision_on(policy.content.fields, client.draws.number("decision", turn))
    client.await_arrival()
    body = json_bytes({"policy_id": policy.policy_id, "decision": decision})
    answer = client.send(
        "governance_decision",
        partial(check_decision, policy.possible_contents(), decision),
        body,
        acknowledged=policy.policy_id,
    )
    if answer.lost:
        client.memory.forget_policy(policy)

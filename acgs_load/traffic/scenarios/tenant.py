"""Multi-tenant operations: data access, isolation, configuration updates."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from acgs_load.contract import Outcome
from acgs_load.traffic.checks.canaries import canary_tenant
from acgs_load.traffic.checks.tenant import check_config, check_no_records, check_own_data
from acgs_load.traffic.user.client import Client, json_bytes

if TYPE_CHECKING:
    from acgs_load.traffic.user.world import SharedWorld

_SETTINGS = ("retention_days", "session_limit", "review_mode", "audit_enabled", "approvers", "greeting")
_MODES = ("strict", "advisory", "off", "überprüft")


def run(client: Client, world: SharedWorld) -> None:
    """Read the own data, try to read another tenant's, change a setting."""
    turn = client.turn("tenant")
    _read_own_data(client, world)
    _attempt_foreign_data(client, world, turn)
    _change_setting(client, turn)


def _read_own_data(client: Client, world: SharedWorld) -> None:
    """The canary must be the one seen last, by this user or else by another one of the tenant."""
    memory, tenant_id = client.memory, client.tenant_id
    client.await_arrival()
    last = memory.canary or world.canaries.get(tenant_id)
    answer = client.send("tenant_data_access", partial(check_own_data, tenant_id, last))
    memory.own_access_ok = answer.outcome is Outcome.OK
    if answer.body is not None and canary_tenant(answer.body["canary"]) == tenant_id:
        memory.canary = world.canaries[tenant_id] = answer.body["canary"]


def _attempt_foreign_data(client: Client, world: SharedWorld, turn: int) -> None:
    other = world.other_tenant(client, client.draws.number("other", turn))
    if other is None:
        client.skip("cross_tenant_access_attempt")
        return
    client.await_arrival()
    client.attempt(partial(check_no_records, other), other, spoof=turn % 2 == 0)


def _change_setting(client: Client, turn: int) -> None:
    memory = client.memory
    setting, value = _setting(client, turn)
    client.await_arrival()
    check = partial(check_config, client.tenant_id, setting, value, memory.config_version)
    body = json_bytes({"setting": setting, "value": value, "constitutional_hash": client.terms.constitutional_hash})
    answer = client.send("tenant_config_update", check, body)
    if answer.body is not None:
        memory.config_version = max(answer.body["version"], memory.config_version or 0)


def _setting(client: Client, turn: int) -> tuple[str, Any]:
    """Each user keeps to one setting: its versions rise whether a target counts per setting or per tenant."""
    kind = client.identity.number % len(_SETTINGS)
    number = client.draws.number("setting", turn)
    value = (
        number % 3650,
        number % 10_000,
        _MODES[number % len(_MODES)],
        number % 2 == 0,
        [f"approver-{number % 97}", f"approver-{number % 89}"],
        f"Grüße Nr. {number % 1_000_000}",
    )[kind]
    return _SETTINGS[kind], value

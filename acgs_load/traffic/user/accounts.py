"""Who the users of a run are: number, name, tenant; and the secrets that they log in with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from acgs_load.errors import UsageError
from acgs_load.plan import Plan
from acgs_load.traffic.user.headers import is_header_value

PASSWORD_VARIABLE = "ACGS_PASSWORD"
TOKEN_VARIABLE = "ACGS_TOKEN"
DEFAULT_PASSWORD = "load-test"
"""The reference gateway accepts any; it is no deployment's secret."""
DEFAULT_TENANTS = tuple(f"tenant-{number:03}" for number in range(1, 21))
_TENANT_CHARACTERS = 64
_OTHER = "-other"


class Identity(NamedTuple):
    """One user of the target."""

    number: int
    """Unique over all workers of the run, from 1; 0 for the extra user of a run with one tenant."""
    username: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must never show up in a message, an example or a file."""

    password: str = field(default=DEFAULT_PASSWORD, repr=False)
    token: str | None = field(default=None, repr=False)
    """A bearer token that replaces logging in."""


def secrets_from(environment: Mapping[str, str]) -> Secrets:
    """The password and token in ``environment``; empty means unset. Raises UsageError for an impossible token."""
    token = environment.get(TOKEN_VARIABLE) or None
    if token is not None and (not is_header_value(token) or " " in token):
        raise UsageError(f"{TOKEN_VARIABLE} is no bearer token; it must be one word of plain ASCII text")
    return Secrets(environment.get(PASSWORD_VARIABLE) or DEFAULT_PASSWORD, token)


def tenants_of(plan: Plan) -> tuple[str, ...]:
    """The tenants of a run: its accounts', else its tenants, else twenty by default."""
    if plan.accounts:
        return tuple(dict.fromkeys(account.tenant_id for account in plan.accounts))
    return tuple(dict.fromkeys(plan.tenants)) or DEFAULT_TENANTS


def user_number(worker_index: int, workers: int, visit: int) -> int:
    """The number of a worker's ``visit``-th user (from 0): no other worker gives it away."""
    return visit * max(workers, 1) + max(worker_index, 0) % max(workers, 1) + 1


def identity_of(plan: Plan, number: int, one_tenant: bool = False) -> Identity:
    """The user with ``number``: the accounts in turn, else a name after the number in a tenant that the seed decides.

    ``one_tenant`` puts everybody into the first tenant, which is where a common token belongs.
    """
    if plan.accounts:
        account = plan.accounts[0 if one_tenant else (number - 1) % len(plan.accounts)]
        return Identity(number, account.username, account.tenant_id)
    tenants = tenants_of(plan)
    tenant_id = tenants[0] if one_tenant else Random(f"{plan.seed}:{number}:tenant").choice(tenants)
    return Identity(number, f"load-user-{number:06}", tenant_id)


def extra_identity(plan: Plan, own_tenant: str) -> Identity:
    """The user of another tenant whose data an attempt may aim at, when nobody else of one has logged in."""
    for account in plan.accounts:
        if account.tenant_id != own_tenant:
            return Identity(0, account.username, account.tenant_id)
    others = () if plan.accounts else tuple(tenant for tenant in tenants_of(plan) if tenant != own_tenant)
    tenant_id = others[0] if others else own_tenant[: _TENANT_CHARACTERS - len(_OTHER)] + _OTHER
    username = plan.accounts[0].username if plan.accounts else "load-user-000000"
    return Identity(0, username, tenant_id)

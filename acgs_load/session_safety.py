"""What has to be set before anything of a run listens where others can reach it."""

from __future__ import annotations

from collections.abc import Mapping

from acgs_load.errors import UsageError
from acgs_load.fleet.commands import LOCAL_HOSTS, started_by_hand
from acgs_load.plan import Plan
from acgs_load.secret import SECRET_VARIABLE, secret_from

WEB_PASSWORD_VARIABLE = "ACGS_WEB_PASSWORD"


def demand_safety(plan: Plan, environ: Mapping[str, str]) -> None:
    """Raises UsageError where strangers could join the run or drive its web UI."""
    if started_by_hand(plan) and secret_from(environ) is None:
        raise UsageError(
            f"{SECRET_VARIABLE} is not set: workers that are started on other machines by hand join with the run's "
            "secret; make one up (python -c 'import secrets; print(secrets.token_hex())'), export it here and there"
        )
    if plan.web_ui and plan.web_host not in LOCAL_HOSTS and not environ.get(WEB_PASSWORD_VARIABLE):
        raise UsageError(
            f"LOCUST_WEB_HOST {plan.web_host}: whoever reaches the web UI can start load; "
            f"set {WEB_PASSWORD_VARIABLE}, or leave it on this machine"
        )

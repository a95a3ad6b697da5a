"""``--plan FILE``: a plan that was decided before. It came by a file, so it is held to what settings are held to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from acgs_load.errors import UsageError
from acgs_load.plan import Plan
from acgs_load.plan_soundness import first_wrong
from acgs_load.run_folder import RunFolder
from acgs_load.settings_model import demand_legal
from acgs_load.thresholds import check, read

_MAY_GO_WITH = {"plan", "output", "test_name"}


def written_plan(flags: Mapping[str, object], stamp: str) -> Plan:
    """The plan in the file that the flags name, to be played in a folder of its own. Raises UsageError.

    Where nothing was played yet in the folder that the file lies in, that is it: somebody made it ready for this run.
    """
    others = sorted(set(flags) - _MAY_GO_WITH)
    if others:
        raise UsageError(f"--plan: {others[0]} is decided in the file already; leave the flag out, or the plan")
    path = Path(str(flags["plan"]))
    plan = _read(path)
    name = str(flags.get("test_name", plan.name))
    demand_legal({"TEST_NAME": name}, "--test-name" if "test_name" in flags else str(path))
    if set(flags) == {"plan"} and is_unplayed(path):
        return dataclasses.replace(plan, folder=str(path.parent.absolute()))
    output = Path(str(flags["output"])) if "output" in flags else Path(plan.folder).parent.parent
    return dataclasses.replace(plan, name=name, folder=str((output / name / stamp).absolute()))


def is_unplayed(plan_file: Path) -> bool:
    """Whether a plan lies in a run's folder that holds no sign of a run."""
    folder = RunFolder(plan_file.parent)
    signs = (folder.preflight, folder.windows, folder.run)
    return plan_file.name == folder.plan.name and folder.logs.is_dir() and not any(sign.exists() for sign in signs)


def _read(path: Path) -> Plan:
    try:
        plan = Plan.from_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--plan {path}: not readable ({error.strerror}); name the plan.json of a run") from error
    except (UsageError, ValueError, RecursionError) as error:
        raise UsageError(f"--plan {path}: {error}; name the plan.json of a run") from error
    if (wrong := first_wrong(plan)) is not None:
        raise UsageError(f"--plan {path}: {wrong}; name the plan.json of a run")
    demand_legal(_as_settings(plan), f"--plan {path}")
    for text in plan.thresholds:
        check(read(text), plan)
    return plan


def _as_settings(plan: Plan) -> dict[str, object]:
    """What goes into commands, paths, addresses and header lines, by the keys that settings have for it."""
    values: dict[str, object] = {
        "LOAD_TEST_NODES": [dataclasses.asdict(node) for node in plan.nodes],
        "CONSTITUTIONAL_HASH": plan.constitutional_hash,
        "LOCUST_MASTER_HOST": plan.master_host,
        "LOCUST_MASTER_PORT": plan.master_port,
        "LOCUST_WEB_PORT": plan.web_port,
        "ROUTES": dict(plan.routes),
        "HEADERS": dict(plan.headers),
        "MIX": dict(plan.mix),
    }
    if plan.accounts:
        values["ACCOUNTS"] = [dataclasses.asdict(account) for account in plan.accounts]
    if plan.tenants:
        values["TENANTS"] = list(plan.tenants)
    if not plan.embedded:
        values["TARGET_HOST"] = plan.target
    return values

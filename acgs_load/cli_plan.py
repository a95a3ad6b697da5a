"""Shows a plan before it is run: what will happen, where each value came from, and each command to be started."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from acgs_load.cli_values import values_of
from acgs_load.errors import UsageError
from acgs_load.fleet.choice import place_of
from acgs_load.fleet.commands import LOCAL_HOSTS, Command, started_by_hand
from acgs_load.plan import Plan, Stage
from acgs_load.profile_nodes import users_by_node
from acgs_load.units import format_duration


def print_plan(plan: Plan, out: TextIO) -> None:
    """Write the plan for a person to read."""
    commands = place_of(plan).steps()
    sections = (
        ("phases", _table(("phase", "length", "users", "requests/s", "judged"), map(_phase, plan.stages))),
        ("nodes", _table(("host", "region", "workers", "max users", "users"), _nodes(plan))),
        ("thresholds", _table(("expression", "from", "not measured"), _thresholds(plan))),
        ("settings", _table(("setting", "from", "value"), _settings(plan))),
        ("commands", [*_commands(commands), *_complaints(plan)]),
    )
    print(f"plan of {plan.name}: {_headline(plan)}\n(dry run: nothing is started, nothing is written)", file=out)
    for title, lines in sections:
        print(f"\n{title}", *(f"  {line}" for line in lines), sep="\n", file=out)


def print_manifests(plan: Plan, out: TextIO) -> None:
    """Write what would be applied to clusters. Raises UsageError where the plan has another place."""
    if plan.place != "kubernetes":
        raise UsageError(f"--manifests: --place {plan.place} has none; add --place kubernetes")
    # what is created besides is the run's secret, which is shown nowhere
    out.writelines(command.input for command in place_of(plan).steps() if command.name == "apply")


def plan_document(plan: Plan) -> dict[str, Any]:
    """The same for machines: JSON values only."""
    values = values_of(plan)
    rows = zip(plan.nodes, users_by_node(plan.nodes, plan.users_max), strict=True)
    return {
        "plan": json.loads(plan.to_json()),
        "settings": {key: {"value": values[key], "from": origin} for key, origin in _known(plan, values)},
        "nodes": [{**dataclasses.asdict(node), "users": users} for node, users in rows],
        "commands": [{**dataclasses.asdict(command), "shell": command.shell()} for command in place_of(plan).steps()],
    }


def _headline(plan: Plan) -> str:
    load = {
        "closed": "closed load",
        "open": f"open load of {plan.rate or 0:g} RPS",
        "search": "search for the capacity",
    }
    parts = (plan.test_type, load[plan.load], f"{plan.users_max:,} users", format_duration(plan.duration_s))
    return f"{', '.join(parts)} against {plan.target}" + (" (embedded)" if plan.embedded else "")


def _phase(stage: Stage) -> tuple[str, ...]:
    rate = "–" if stage.rate_from is None else _span(stage.rate_from, stage.rate_to or 0.0)
    length = format_duration(round(stage.duration_s, 3))
    return stage.name, length, _span(stage.users_from, stage.users_to), rate, "yes" if stage.hold else ""


def _span(begin: float, end: float) -> str:
    return f"{end:,.6g}" if begin == end else f"{begin:,.6g} → {end:,.6g}"


def _nodes(plan: Plan) -> Iterable[tuple[str, ...]]:
    for node, users in zip(plan.nodes, users_by_node(plan.nodes, plan.users_max), strict=True):
        yield node.host, node.region, str(node.workers), f"{node.max_users:,}", f"{users:,}"


def _thresholds(plan: Plan) -> Iterable[tuple[str, ...]]:
    for text in plan.thresholds:
        meaning = "fails" if text.required else "shown"
        yield text.expression, text.source, "says where it broke" if text.breaking else meaning


def _known(plan: Plan, values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Settings and where they came from; a plan that was read may speak of some that there are not."""
    return ((key, origin) for key, origin in plan.origins.items() if key in values)


def _settings(plan: Plan) -> Iterable[tuple[str, ...]]:
    values = values_of(plan)
    for key, origin in _known(plan, values):
        value = values[key]
        yield key, origin, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _commands(commands: Sequence[Command]) -> list[str]:
    lines: list[str] = []
    host = ""
    for command in commands:
        if command.host != host:
            host = command.host
            lines.append(f"# on {host}")
        # what a command reads follows it, as in a shell
        text = f"{command.shell()} <<'EOF'\n{command.input.rstrip()}\nEOF" if command.input else command.shell()
        lines += text.splitlines()
    return lines


def _complaints(plan: Plan) -> Iterable[str]:
    """What keeps the commands from working where they are to be typed."""
    if started_by_hand(plan) and plan.master_host in LOCAL_HOSTS:
        yield (
            f"# LOCUST_MASTER_HOST is {plan.master_host}: workers on other machines would look for the master on their "
            "own; set it to a name of this machine that they know"
        )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]

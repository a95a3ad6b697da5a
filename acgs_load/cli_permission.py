"""Asks, once, whether a target that is not this machine may be loaded; remembers the answer yes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from acgs_load.errors import UsageError
from acgs_load.permission import KEY, demand_permission, host_of, is_loopback, memory_place, remember, remembered
from acgs_load.plan import Plan
from acgs_load.units import format_duration

Ask = Callable[[str], str]
"""Puts a question to a person and gives the line that was typed. Raises EOFError where nobody answers."""


def permitted(plan: Plan, environ: Mapping[str, str], ask: Ask | None) -> Plan:
    """The plan, which carries the permission wherever it is played. Raises UsageError, which says what to add.

    ``ask`` is None where nobody sits at a terminal.
    """
    host, place = host_of(plan.target), memory_place(environ)
    if plan.embedded or is_loopback(host):
        return plan
    if host in plan.allowed_targets:
        if plan.origins.get(KEY, "").startswith("flag"):
            _keep(place, host)
        return plan
    if host not in remembered(place):
        if ask is None or not _says_yes(ask, plan, host):
            demand_permission(plan.target, plan.allowed_targets)
        _keep(place, host)
    origins = {**plan.origins, KEY: "remembered"}
    return dataclasses.replace(plan, allowed_targets=(*plan.allowed_targets, host), origins=origins)


def missing_permission(plan: Plan, environ: Mapping[str, str]) -> str | None:
    """What a run of this plan would be refused with if nobody were there to ask; None where it may begin."""
    try:
        if not plan.embedded:
            demand_permission(plan.target, {*plan.allowed_targets, *remembered(memory_place(environ))})
    except UsageError as error:
        return str(error)
    return None


def terminal() -> Ask | None:
    """Asks on standard error, so that what a run prints stays clean; None where no person is at both ends."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(question: str) -> str:
        print(question, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line

    return ask


def _says_yes(ask: Ask, plan: Plan, host: str) -> bool:
    load = f"{plan.users_max:,} users for {format_duration(plan.duration_s)}"
    try:
        answer = ask(f"{plan.target} is not this machine. May you load {host} ({load})? It is asked once. [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in {"y", "yes"}


def _keep(place: Path, host: str) -> None:
    try:
        if host not in remembered(place):
            remember(place, host)
    except OSError as error:
        # the permission was given all the same; a container's home may well be read-only
        print(f"warning: {place}: not remembered ({error.strerror})", file=sys.stderr)

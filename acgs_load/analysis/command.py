"""The command that repeats a run, from its plan: quoted for a shell, without secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

PROGRAM = ("python", "run_load_test.py")
ALWAYS = ("TEST_TYPE", "TARGET_HOST", "USERS", "TEST_DURATION", "SEED")
"""Told even where they were defaults: a default may be another one by then."""
FLAGS: Mapping[str, str] = {
    "TEST_NAME": "--test-name",
    "TEST_TYPE": "--test-type",
    "TARGET_HOST": "--target",
    "USERS": "--users",
    "TEST_DURATION": "--duration",
    "SPAWN_RATE": "--spawn-rate",
    "RATE": "--rate",
    "ARRIVALS": "--arrivals",
    "TARGET_RPS": "--target-rps",
    "WORKERS": "--workers",
    "SEED": "--seed",
    "BASELINE": "--baseline",
    "MIN_CAPACITY": "--min-capacity",
    "CA_FILE": "--ca-file",
}
VARIABLES: Mapping[str, str] = {
    "TIMEOUT": "ACGS_TIMEOUT",
    "CONSTITUTIONAL_HASH": "CONSTITUTIONAL_HASH",
    "COMPLIANCE_THRESHOLD": "ACGS_COMPLIANCE_THRESHOLD",
    "TLS_VERIFY": "ACGS_TLS_VERIFY",
    "TRANSPORT": "ACGS_TRANSPORT",
}
"""Settings without a flag that the environment may give."""


def command_of(plan: Mapping[str, Any]) -> str | None:
    """One line for a shell; None where there is no plan. A file of settings is named, not repeated."""
    if not plan:
        return None
    words = [*_variables(plan), *PROGRAM, *_file(plan), *_flags(plan), *_thresholds(plan)]
    return shlex.join(words) if not _assigned(words) else " ".join(_quoted(word) for word in words)


def _assigned(words: Sequence[str]) -> bool:
    return words[0] != PROGRAM[0]


def _quoted(word: str) -> str:
    """Quoted for a shell, the name of a variable left bare."""
    name, sign, value = word.partition("=")
    return f"{name}={shlex.quote(value)}" if sign and name in VARIABLES.values() else shlex.quote(word)


def _origin(plan: Mapping[str, Any], key: str) -> str:
    return str((plan.get("origins") or {}).get(key, "default"))


def _variables(plan: Mapping[str, Any]) -> Iterator[str]:
    for key, variable in VARIABLES.items():
        value = _value(plan, key)
        if _origin(plan, key).startswith("env") and value is not None:
            yield f"{variable}={value}"


def _file(plan: Mapping[str, Any]) -> list[str]:
    origins = (str(origin) for origin in (plan.get("origins") or {}).values())
    name = next((origin.removeprefix("file ") for origin in origins if origin.startswith("file ")), None)
    return ["--config-file", name] if name else []


def _flags(plan: Mapping[str, Any]) -> Iterator[str]:
    for key, flag in FLAGS.items():
        origin, value = _origin(plan, key), _value(plan, key)
        told = origin.startswith(("flag", "env")) or (key in ALWAYS and not origin.startswith("file "))
        if told and value is not None:
            yield from (flag, value)
    if _origin(plan, "TLS_VERIFY").startswith("flag"):
        yield "--insecure"
    if _origin(plan, "ALLOWED_TARGETS").startswith("flag"):
        yield from (word for host in plan.get("allowed_targets") or () for word in ("--i-may-load", str(host)))


def _thresholds(plan: Mapping[str, Any]) -> Iterator[str]:
    for row in plan.get("thresholds") or ():
        if row.get("source") == "flag":
            yield from ("--threshold", str(row["expression"]))


def _value(plan: Mapping[str, Any], key: str) -> str | None:
    """A setting as a flag spells it; None where the plan does not tell."""
    stages = plan.get("stages") or ()
    found: Any = {
        "TEST_NAME": plan.get("name"),
        "TEST_TYPE": plan.get("test_type"),
        "TARGET_HOST": "embedded:0" if plan.get("embedded") else _bare(str(plan.get("target", ""))),
        "USERS": plan.get("users_max"),
        "TEST_DURATION": f"{sum(stage['duration_s'] for stage in stages):g}s",
        "SPAWN_RATE": plan.get("spawn_rate"),
        "RATE": _rate(plan),
        "ARRIVALS": plan.get("arrivals"),
        "TARGET_RPS": plan.get("target_rps"),
        "WORKERS": sum(node["workers"] for node in plan.get("nodes") or ()),
        "SEED": plan.get("seed"),
        "BASELINE": plan.get("baseline"),
        "MIN_CAPACITY": plan.get("min_capacity"),
        "CA_FILE": plan.get("ca_file"),
        "TIMEOUT": plan.get("timeout_s"),
        "CONSTITUTIONAL_HASH": plan.get("constitutional_hash"),
        "COMPLIANCE_THRESHOLD": plan.get("compliance_min"),
        "TLS_VERIFY": plan.get("tls_verify"),
        "TRANSPORT": plan.get("transport"),
    }[key]
    if isinstance(found, bool):
        return "true" if found else "false"
    return None if found in (None, "") else f"{found:g}" if isinstance(found, float) else str(found)


def _rate(plan: Mapping[str, Any]) -> Any:
    """The highest rate, or the ramp to it, as ``--rate`` spells both."""
    stages: Sequence[Mapping[str, Any]] = plan.get("stages") or ()
    first: Mapping[str, Any] = stages[0] if stages else {}
    begin, end = first.get("rate_from"), first.get("rate_to")
    if plan.get("load") == "open" and begin is not None and begin != end:
        return f"{begin:g}:{end:g}@{first['duration_s']:g}s"
    return plan.get("rate")


def _bare(target: str) -> str:
    """The address without a name and password in it."""
    parts = urlsplit(target)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def again_of(plan: Mapping[str, Any]) -> str | None:
    """The command that judges the same folder anew; None where there is no plan."""
    if not plan.get("folder"):
        return None
    return shlex.join(["python", "performance_analyzer.py", PurePath(str(plan["folder"])).as_posix()])

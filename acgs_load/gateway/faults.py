"""The defects that can be planted: their names, their values, and how ``--fault`` is read.

A planted defect leaves everything else truthful; it exists so that a suite can show that it finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from enum import Enum
from typing import NamedTuple

from acgs_load.errors import UsageError


class Form(Enum):
    """What a defect's value is: its parts, in the order they are written."""

    RATIO = ("RATIO",)
    RATE = ("RPS",)
    SECONDS = ("SECONDS",)
    TAIL = ("RATIO", "SECONDS")
    PAUSE = ("SECONDS", "PERIOD")


class Fault(NamedTuple):
    """One row of the table: what its value is, the value when none is given, and what goes wrong."""

    form: Form
    default: str
    meaning: str


FAULTS: dict[str, Fault] = {
    "deny-all": Fault(Form.RATIO, "1", "every operation but login and refresh is refused with 403"),
    "hash-wrong-header": Fault(Form.RATIO, "1", "the hash in the header is another one"),
    "hash-absent-header": Fault(Form.RATIO, "1", "the hash header is missing"),
    "hash-wrong-body": Fault(Form.RATIO, "1", "the hash in the body is another one"),
    "hash-absent-body": Fault(Form.RATIO, "1", "the hash is missing from the body"),
    "tenant-leak": Fault(Form.RATIO, "1", "a cross-tenant read is answered 200 with the other's data"),
    "spoof-leak": Fault(Form.RATIO, "1", "the same, only when X-Tenant-ID is spoofed, too"),
    "canary-in-403": Fault(Form.RATIO, "1", "the refusal of a cross-tenant read holds the other's canary"),
    "lost-audit": Fault(Form.RATIO, "0.5", "an acknowledged audit event is not stored"),
    "chain-tampered": Fault(Form.RATIO, "0.5", "a stored audit entry is altered afterwards"),
    "proof-wrong": Fault(Form.RATIO, "0.5", "a proof's result is turned round"),
    "counterexample-bogus": Fault(Form.RATIO, "1", "a model or counterexample does not satisfy the assertions"),
    "signature-accepted": Fault(Form.RATIO, "1", "a tampered signature is called valid"),
    "stale-read": Fault(Form.RATIO, "0.5", "policy_get returns the version before the last update"),
    "decision-wrong": Fault(Form.RATIO, "1", "a governance decision is turned round"),
    "score-low": Fault(Form.RATIO, "1", "constitutional_score says 0.5"),
    "errors": Fault(Form.RATIO, "0.1", "requests fail with 500"),
    "slow-tail": Fault(Form.TAIL, "0.05:1", "that share of requests takes so much longer"),
    "stall": Fault(Form.PAUSE, "2:10", "all answers freeze for SECONDS at the end of every PERIOD"),
    "throttle": Fault(Form.RATE, "10", "429 with Retry-After above that rate"),
    "capacity": Fault(Form.RATE, "50", "requests are served at that rate and queue beyond it"),
    "drop": Fault(Form.RATIO, "0.05", "connections are closed without an answer"),
    "json-broken": Fault(Form.RATIO, "0.1", "the JSON of an answer ends in its middle"),
    "health-late": Fault(Form.SECONDS, "5", "health answers 503 until so long after the start"),
}


def parse_faults(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """The values of every ``NAME[=VALUE]`` by name. Raises UsageError with one line that says what would be right."""
    return dict(_parse(text) for text in texts)


def describe_faults() -> str:
    """One line for each defect, for ``--help``."""
    lines = []
    for name, fault in FAULTS.items():
        spelled = f"{name}[={':'.join(fault.form.value)}]"
        lines.append(f"  {spelled:34} {fault.meaning} (default {fault.default})")
    return "\n".join(lines)


def _parse(text: str) -> tuple[str, tuple[float, ...]]:
    name, equals, value = text.partition("=")
    fault = FAULTS.get(name)
    if fault is None:
        close = get_close_matches(name, FAULTS, n=1)
        hint = f"did you mean {close[0]}?" if close else "--help lists the names"
        raise UsageError(f"--fault {text}: there is no fault {name!r}; {hint}")
    parts = (value if equals else fault.default).split(":")
    names = fault.form.value
    try:
        if len(parts) != len(names):
            raise ValueError
        numbers = tuple(_number(part, what) for part, what in zip(parts, names, strict=True))
        if fault.form is Form.PAUSE and numbers[0] >= numbers[1]:
            raise ValueError
    except ValueError:
        shape = ":".join(names)
        raise UsageError(
            f"--fault {text}: the value of {name} is {shape}; did you mean {name}={fault.default}? "
            "A RATIO is above 0 and at most 1, the others are above 0, and PERIOD is longer than SECONDS"
        ) from None
    return name, numbers


def _number(text: str, what: str) -> float:
    number = float(text)
    if not 0 < number < float("inf") or (what == "RATIO" and number > 1):
        raise ValueError(text)
    return number

"""What a run owes its reader after one of its processes was killed: each shortcoming a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from acgs_load.errors import ExitCode
from crashes.draws import RATE_RPS, Draw, Victim

LOST_S = 1.5
"""A worker writes what it measured once a second; half a second for the machine."""
_CODES: dict[Victim, set[int]] = {
    "runner": {-9, ExitCode.INTERRUPTED, ExitCode.NOTHING_MEASURED},
    "master": {ExitCode.INVALID, ExitCode.INTERRUPTED, ExitCode.NOTHING_MEASURED},
    "worker": {ExitCode.INVALID, ExitCode.FAILED},
    "gateway": {ExitCode.FAILED, ExitCode.TARGET, ExitCode.INVALID, ExitCode.NOTHING_MEASURED},
    "analyzer": {-9, -15, ExitCode.INTERRUPTED},
}
"""Exit codes of the command whose process was killed in its midst; without harm done it may also end as ever."""


@dataclass(frozen=True, slots=True)
class Remains:
    """What was found after a trial."""

    code: int
    terminal: str
    report: dict[str, Any] | None
    """What the analyzer makes of the folder afterwards; None where it had nothing to report."""
    report_code: int
    report_terminal: str
    had_windows: bool
    sent: int | None
    """Requests that the target counted meanwhile; None where the target itself died."""
    survivors: list[str]
    next_code: int
    next_terminal: str
    scratch: list[str]
    """Temporary files that are still there after the next command."""


def shortcomings(drawn: Draw, hit: bool, remains: Remains) -> Iterator[str]:
    """Everything that is wrong with what was found. ``hit`` is whether the victim was there to be killed."""
    yield from _ending(drawn, hit, remains)
    yield from _report(remains)
    yield from _counts(drawn, remains)
    for line in remains.survivors:
        yield f"still running: {line}"
    if remains.next_code != ExitCode.PASSED:
        yield f"the next command ended with {remains.next_code}: {remains.next_terminal.strip()[-200:]}"
    for name in remains.scratch:
        yield f"left in the temporary folder: {name}"


def _ending(drawn: Draw, hit: bool, remains: Remains) -> Iterator[str]:
    legal = {int(ExitCode.PASSED)} | (_CODES[drawn.victim] if hit else {int(ExitCode.INVALID)})
    if drawn.victim == "runner" and not remains.had_windows and not remains.sent:
        legal.add(-drawn.signal)  # Python itself was still starting, or plan and target were looked at
    if remains.code not in legal:
        yield f"exit code {remains.code}, expected one of {sorted(int(code) for code in legal)}"
    if "Traceback" in remains.terminal + remains.report_terminal:
        yield "a traceback on the terminal"
    if drawn.victim in ("runner", "analyzer") and remains.code < 0:
        return
    if remains.code not in (ExitCode.PASSED, ExitCode.FAILED) and not remains.terminal.strip():
        yield "not a word on the terminal"


def _report(remains: Remains) -> Iterator[str]:
    if remains.had_windows and remains.report is None:
        said = remains.report_terminal.strip()[-200:]
        yield f"no report of what was measured (exit code {remains.report_code}): {said}"
    if remains.report is None:
        if remains.report_code not in (ExitCode.USAGE, ExitCode.NOTHING_MEASURED):
            yield f"the analyzer ended with {remains.report_code} and without a report"
        return
    if remains.report["exit_code"] != remains.report_code:
        yield f"the report says exit code {remains.report['exit_code']}, the analyzer ended with {remains.report_code}"


def _counts(drawn: Draw, remains: Remains) -> Iterator[str]:
    """A green report counts every request; any report all but a second's."""
    if remains.sent is None:
        return
    rows = remains.report["operations"] if remains.report else []
    missing = remains.sent - sum(row["requests"] + row["resent"] for row in rows)
    if remains.report and remains.report["verdict"] == "PASS" and not remains.report["interrupted"] and missing:
        yield f"PASS, though {missing} of {remains.sent} requests are not in the report"
    if not -1 <= missing <= LOST_S * RATE_RPS:
        yield f"{missing} of {remains.sent} requests are lost, more than {LOST_S:g} s of them ({drawn.victim})"

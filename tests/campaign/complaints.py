"""What is wrong with a finished run, given what was planted: each complaint a sentence, none if the suite was right.

Reads ``report.json``, the exit code and the terminal only: what a user of the suite would see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from campaign.cells import Cell
from campaign.proportion import proportion_interval
from campaign.truths import Truth

Row = Mapping[str, Any]
EARLY_S = 1.0
"""Seconds are whole in a run's windows."""
LATE_S, LATE_GAPS = 2.0, 12.0
"""Hits come at random: one that is e⁻¹² likely to be waited for longer than this many mean gaps was missed before."""
_BREAKING = {"stress", "capacity"}
_SURE = 0.9999
"""Of each interval: a campaign holds a dozen, so a right estimate outside is a matter of a thousand campaigns."""


def complaints(
    cell: Cell, exit_code: int, report: Row, terminal: str, refused: Mapping[str, int] | None = None
) -> list[str]:
    """Everything in which the run differs from what the planted defects demand.

    ``refused`` counts by operation what the gateway itself says that it refused because it was too busy (429, 503).
    """
    visible = [truth for truth in cell.truths if truth.shows != "nothing" and cell.sends(truth.operations)]
    found = [*_false_findings(visible, report, refused or {}), *_wrong_verdict(cell, visible, exit_code, report)]
    for truth in visible:
        found += _unnamed(cell, truth, report, terminal)
        if cell.rare and truth.counted:
            found += _wrong_ratio(truth, report)
    return found


def _rows(report: Row) -> Iterator[tuple[str, Row]]:
    for row in report["violations"]:
        yield row["violation"], row
    for row in report["errors"]:
        yield row["outcome"], row


def _false_findings(truths: Iterable[Truth], report: Row, refused: Mapping[str, int]) -> Iterator[str]:
    allowed: dict[str, set[str]] = {}
    for truth in truths:
        for kind, operations in {truth.kind: truth.operations, **truth.also}.items():
            allowed.setdefault(kind, set()).update(operations)
        if truth.shows == "latency":
            allowed.setdefault("timeout", set()).update(truth.operations)
    for kind, row in _rows(report):
        really = kind == "throttled" and row["count"] == refused.get(row["operation"])
        if not really and row["operation"] not in allowed.get(kind, ()):
            yield f"false finding: {row['count']} × {kind} in {row['operation']}, which was not planted"


def _wrong_verdict(cell: Cell, truths: list[Truth], exit_code: int, report: Row) -> Iterator[str]:
    failing = [truth for truth in truths if _fails_the_run(cell, truth)]
    wanted, code = ("FAIL", 1) if failing else ("PASS", 0)
    legal = {(wanted, code)}
    if cell.load == "open" and any(truth.overwhelms for truth in truths):
        legal |= {("INVALID", 4), ("PASS", 0)} if cell.test_type in _BREAKING else {("INVALID", 4)}
    if any(_reasons_of(truth) in text for truth in truths for text in report["reasons"]):
        legal.add(("FAIL", 1))
    if (report["verdict"], exit_code) not in legal:
        yield f"verdict {report['verdict']} with exit code {exit_code}, expected {wanted} with {code}"
    failed = {row["measure"] for row in report["thresholds"] if row["state"] != "pass"}
    for truth in truths:
        owed = not cell.rare and (truth in failing or cell.test_type in _BREAKING)
        if owed and truth.fails and not failed.intersection(truth.fails):
            yield f"{truth.name}: none of {', '.join(truth.fails)} failed"
    if cell.test_type in _BREAKING and any(not truth.is_integrity for truth in truths):
        point = report["breaking_point"]
        if point is None or point["broke"] is None:
            yield "no breaking point, though the target broke"


def _reasons_of(truth: Truth) -> str:
    """For what a breaking test, too, may fail: users who came last to a slow target are still logging in when it ends,
    and who is denied everything from the beginning has nothing that could be judged."""
    if truth.shows == "latency":
        return "had no token after the ramp"
    return "not one was answered in a way that could be judged" if truth.name == "deny-all" else "nothing else"


def _fails_the_run(cell: Cell, truth: Truth) -> bool:
    """One in a thousand is within the thresholds on errors and compliance; exact measures allow none."""
    if cell.rare:
        return truth.is_integrity and "compliance_score" not in truth.fails
    return truth.is_integrity or cell.test_type not in _BREAKING


def _unnamed(cell: Cell, truth: Truth, report: Row, terminal: str) -> Iterator[str]:
    if truth.shows == "latency":
        return
    rows = [row for kind, row in _rows(report) if kind == truth.kind and row["operation"] in truth.operations]
    if not rows:
        yield f"{truth.kind} is not reported"
        return
    if truth.kind not in terminal:
        yield f"{truth.kind} is not named on the terminal"
    if not any(row["examples"] for row in rows):
        yield f"{truth.kind} has no example"
    first_s = min(row["first_s"] for row in rows)
    count = sum(row["count"] for row in rows)
    length_s = report["test"]["duration_s"] - cell.onset_s
    latest_s = cell.onset_s + _first_load_s(cell, report) + LATE_S + LATE_GAPS * length_s / count
    by_rate = truth.kind == "throttled"  # which depends on when the load is high enough
    if first_s < cell.onset_s - EARLY_S or (first_s > latest_s and not by_rate):
        yield f"{truth.kind} first seen at {first_s:.1f} s, expected from {cell.onset_s:g} s to {latest_s:.1f} s"


def _first_load_s(cell: Cell, report: Row) -> float:
    """How long users only log in: an open load begins when its pool is there."""
    pool = report["test"]["duration_s"] / 6 if cell.load == "open" else 0.0
    return float(pool) if not cell.rare else float(pool) + EARLY_S


def _wrong_ratio(truth: Truth, report: Row) -> Iterator[str]:
    hits, trials = counted(truth, report)
    low, high = proportion_interval(hits, trials, _SURE)
    planted = float(truth.rare.partition("=")[2])
    if not low <= planted <= high:
        yield f"{truth.name}: {hits} of {trials:,} is {low:.5f} to {high:.5f}; {planted:g} was planted"


def counted(truth: Truth, report: Row) -> tuple[int, int]:
    """How often the run says that the defect hit, of how many that it could have hit."""
    if truth.counted in ("hash", "isolation"):
        measure = report["measures"]["hash_consistency" if truth.counted == "hash" else "isolation_integrity"]
        return round((1 - measure["value"]) * measure["samples"]), measure["samples"]
    operations = [row for row in report["operations"] if row["operation"] in truth.operations]
    if truth.counted == "operations":
        hits = sum(row["violations"].get(truth.kind, 0) for row in operations)
        return hits, sum(row["outcomes"].get("ok", 0) + row["outcomes"].get("failed_check", 0) for row in operations)
    resent = sum(row["resent"] for row in operations)
    hits = sum(row["outcomes"].get(truth.kind, 0) for row in operations)
    if truth.kind == "connection_error":  # what was sent again was dropped before
        hits += resent
    return hits, sum(row["requests"] for row in operations) + resent

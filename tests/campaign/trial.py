"""One cell of the campaign, really run: a gateway with defects, a run against it, what is wrong with its outcome."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import running

from campaign.cells import Cell
from campaign.complaints import complaints

ATTEMPTS = 4
TIMEOUT_S = 240.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A cell and what came of it; one line of the ledger."""

    cell: str
    right: bool
    attempts: int
    """Runs it took; all but the last were INVALID, because this machine was too busy for the load generator."""
    verdict: str
    exit_code: int
    requests: int
    named: dict[str, int]
    """Violations and failed outcomes by kind."""
    first_s: float | None
    complaints: tuple[str, ...]
    seconds: float


def run_cell(cell: Cell, keep: Path | None = None) -> Outcome:
    """Runs the cell until a run was trustworthy. The folder of a run that was judged wrong is kept under ``keep``."""
    began_s = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
            ended = _run(cell, Path(scratch))
            found = _complaints(cell, ended)
            last = ended.code != running.INVALID or not found or attempt == ATTEMPTS
            if found and last and keep is not None:
                shutil.copytree(scratch, keep / cell.name.replace("/", "-"), dirs_exist_ok=True)
            if last:
                return _outcome(cell, ended, attempt, found, time.monotonic() - began_s)
    raise AssertionError("the last attempt returns")


def _run(cell: Cell, output: Path) -> running.Ended:
    planted = [part for fault in cell.faults for part in ("--fault", fault)]
    after = ["--fault-after", f"{cell.onset_s:g}"] if cell.onset_s and planted else []
    with running.gateway("--solvers", "1", *planted, *after) as url:
        return running.run(output, "--target", url, *cell.flags, timeout_s=TIMEOUT_S)


def _complaints(cell: Cell, ended: running.Ended) -> list[str]:
    if ended.folder is None or not (ended.folder / "report.json").exists():
        return [f"no report; exit code {ended.code}: {ended.errors.strip()[-300:]}"]
    traceback = ["a traceback on the terminal"] if "Traceback" in ended.output + ended.errors else []
    return traceback + complaints(cell, ended.code, ended.report, ended.output, _refused(ended.folder))


def _refused(folder: Path) -> dict[str, int]:
    """What the gateway itself says that it refused as too busy, by operation; nothing where it says nothing."""
    page = folder / "target_metrics.txt"
    return running.target_counts(page.read_text(encoding="utf-8"), ("429", "503")) if page.exists() else {}


def _outcome(cell: Cell, ended: running.Ended, attempts: int, found: list[str], seconds: float) -> Outcome:
    report = ended.report if ended.folder and (ended.folder / "report.json").exists() else None
    rows = [*report["violations"], *report["errors"]] if report else []
    named: dict[str, int] = {}
    for row in rows:
        kind = row.get("violation") or row["outcome"]
        named[kind] = named.get(kind, 0) + row["count"]
    return Outcome(
        cell.name,
        not found,
        attempts,
        report["verdict"] if report else "none",
        ended.code,
        sum(row["requests"] for row in report["operations"]) if report else 0,
        named,
        min((row["first_s"] for row in rows if row["first_s"] is not None), default=None),
        tuple(found),
        round(seconds, 1),
    )


def as_line(outcome: Outcome) -> dict[str, object]:
    """For the ledger."""
    return asdict(outcome)

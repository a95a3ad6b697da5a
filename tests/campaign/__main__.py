"""``make campaign``: runs the cells side by side, goes on where it was stopped, writes ``docs/campaign.md``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from campaign.cells import Cell, matrix, pairs, rare
from campaign.ledger import page, read_ledger
from campaign.trial import as_line, run_cell

PROJECT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every cell was right, 1 if not."""
    told = _parser().parse_args(arguments)
    cells = [cell for cell in [*matrix(), *rare(), *pairs(told.seed)] if told.only in cell.name]
    ledger = told.output / "ledger.jsonl"
    told.output.mkdir(parents=True, exist_ok=True)
    if told.afresh:
        ledger.unlink(missing_ok=True)
    done = read_ledger(ledger)
    left = [cell for cell in cells if cell.name not in done or not done[cell.name].right]
    random.Random(told.seed).shuffle(left)  # so that a campaign that is cut short has seen a bit of everything
    print(f"{len(cells)} cells, {len(cells) - len(left)} of them right already ({ledger})", flush=True)
    if not told.page:
        _run(left, ledger, told.output / "wrong", told.jobs)
    outcomes = read_ledger(ledger)
    chosen = [outcomes[cell.name] for cell in cells if cell.name in outcomes]
    if not told.only:
        text = page(chosen, len(cells), _machine(), _commit())
        (PROJECT / "docs" / "campaign.md").write_text(text, encoding="utf-8")
    wrong = [outcome for outcome in chosen if not outcome.right]
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} right; wrong runs are kept in {told.output / 'wrong'}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="cells whose name holds this, such as /spike/ or drop"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="draws the pairs of defects")
    parser.add_argument("--afresh", action="store_true", help="forget what was run before")
    parser.add_argument("--page", action="store_true", help="run nothing: write the page of what was run so far")
    parser.add_argument("--output", type=Path, default=PROJECT / "reports" / ".campaign", help="ledger and wrong runs")
    return parser


def _run(cells: Sequence[Cell], ledger: Path, keep: Path, jobs: int) -> None:
    pool = ThreadPoolExecutor(jobs)
    try:
        with ledger.open("a", encoding="utf-8") as lines:
            waiting = [pool.submit(run_cell, cell, keep) for cell in cells]
            for number, future in enumerate(as_completed(waiting), 1):
                outcome = future.result()
                lines.write(json.dumps(as_line(outcome)) + "\n")
                lines.flush()
                said = "right" if outcome.right else "WRONG: " + "; ".join(outcome.complaints)
                print(f"[{number}/{len(cells)}] {outcome.cell}: {said} ({outcome.seconds:.0f} s)", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _commit() -> str:
    asked = ["git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())

"""``make crashes``: so many seeded trials, each a run in which a process is killed; goes on where it was stopped."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crashes.draws import VICTIMS, draw
from crashes.trial import run_trial

PROJECT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was lost in any trial, 1 if something was."""
    told = _parser().parse_args(arguments)
    told.output.mkdir(parents=True, exist_ok=True)
    ledger = told.output / f"crashes-{told.seed}.jsonl"
    rows = _read(ledger)
    left = [number for number in range(told.trials) if rows.get(number, {"complaints": ["not run"]})["complaints"]]
    _run([number for number in left if told.only is None or number == told.only], told.seed, told.jobs, ledger)
    rows = _read(ledger)
    wrong = [row for row in rows.values() if row["complaints"]]
    for victim in VICTIMS:
        own = [row for row in rows.values() if row["victim"] == victim]
        hit, well = sum(row["hit"] for row in own), sum(not row["complaints"] for row in own)
        print(f"{victim}: {len(own)} trials, {hit} killed in the midst, {well} without complaint")
    print(f"{len(rows)} trials, {len(rows) - len(wrong)} without complaint ({ledger})")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m crashes", description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="draws victims and moments (default %(default)s)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this trial alone")
    parser.add_argument("--jobs", type=int, default=2, help="trials side by side (default %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=PROJECT / "reports" / ".campaign", help="where the ledger is kept"
    )
    return parser


def _run(numbers: Sequence[int], seed: int, jobs: int, ledger: Path) -> None:
    pool = ThreadPoolExecutor(jobs)
    try:
        with ledger.open("a", encoding="utf-8") as lines:
            waiting = [pool.submit(run_trial, draw(seed, number)) for number in numbers]
            for done, future in enumerate(as_completed(waiting), 1):
                trial = future.result()
                lines.write(json.dumps(asdict(trial)) + "\n")
                lines.flush()
                said = "; ".join(trial.complaints) or "nothing lost"
                print(
                    f"[{done}/{len(numbers)}] {trial.number}: {trial.victim} {trial.signal} at {trial.after_s:g} s, "
                    f"exit {trial.code}, {trial.verdict}: {said}",
                    flush=True,
                )
    finally:
        pool.shutdown(cancel_futures=True)


def _read(ledger: Path) -> dict[int, dict[str, Any]]:
    if not ledger.exists():
        return {}
    rows = (json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines())
    return {row["number"]: row for row in rows}


if __name__ == "__main__":
    sys.exit(main())

"""Workers that went, and samples that never arrived: what makes a run unbelievable, and what is only to be known.

A worker that was lost is made good where enough others were left to take over its users (the quorum), its spool was
merged, and no more than one second of its samples is missing. The gap is marked then; otherwise the run is INVALID.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from acgs_load.analysis.reading.load import Run
from acgs_load.analysis.reading.record import RunRecord, Worker
from acgs_load.analysis.wording import at_text

NAMED_MAX = 8
"""Workers named in a sentence."""


class Gap(NamedTuple):
    """A stretch of the run in which a worker's part was not played. Seconds since the start."""

    from_s: float
    to_s: float
    text: str


def losses(run: Run) -> Iterator[str]:
    """Why the run cannot be believed, as far as workers and their samples go."""
    record = run.record
    lost = [worker for worker in record.workers if worker.lost]
    if record.ended_by == "quorum":
        left = len(record.workers) - len(lost)
        yield (
            f"only {left} of {len(record.workers)} workers were left, fewer than the {record.workers_least} that "
            f"--min-workers {run.plan.min_workers:.0%} demands, so the run was ended; lost{_named(lost)}; "
            "see its log in logs/, and the kernel log for memory, and run again"
        )
    elif record.ended_by == "workers_lost" or _missing(record):
        yield (
            f"{record.workers_lost or 'all'} of {len(record.workers)} workers lost{_named(lost)}; "
            "their load and samples are missing; see its log in logs/, and the kernel log for memory, and run again"
        )
    made_good = sum(worker.missing or 0 for worker in record.workers if worker.made_good)
    if record.samples_lost and record.samples_lost > made_good:
        yield (
            f"{record.samples_lost:,} samples counted by workers never reached the master; "
            "check the network between them and what the workers' logs end with, and run again"
        )
    yield from _counted_otherwise(run)


def _counted_otherwise(run: Run) -> Iterator[str]:
    """The file of windows, held against what the master says had arrived: whole lines may go and come unseen."""
    record = run.record
    arrived = [worker.samples_received for worker in record.workers if worker.samples_received is not None]
    if len(arrived) < len(record.workers) or not arrived:
        return
    if record.ended_by == "master_lost" and record.workers_lost:
        return  # nobody is left who knows how much of theirs had arrived
    here = sum(window.samples for window in run.timeline.slice().by_operation.values())
    if here != sum(arrived):
        yield (
            f"windows.jsonl holds {here:,} requests and run.json counted {sum(arrived):,}: lines are missing or too "
            "many; restore the file, or run again"
        )


def _missing(record: RunRecord) -> bool:
    """Whether more workers are lost than were made good."""
    return (record.workers_lost or 0) > sum(worker.lost and worker.made_good for worker in record.workers)


def loss_warnings(run: Run) -> Iterator[str]:
    """What was lost and made good, with its number, and who was away for a while."""
    record = run.record
    for worker in record.workers:
        if worker.made_good and (worker.lost or worker.missing):
            yield _made_good(worker, record)
        elif worker.gaps and not worker.lost:
            spans = ", ".join(f"from {at_text(begin)} to {at_text(end)}" for begin, end in worker.gaps)
            yield f"worker {worker.where} was silent {spans} and came back; others had its users"


def _made_good(worker: Worker, record: RunRecord) -> str:
    where = f"worker {worker.where}"
    salvaged = f"{worker.salvaged or 0:,} samples that had not arrived are from its spool"
    of = f"{worker.missing:,}" if worker.missing else "none"
    sum_up = f"{salvaged}, {of} of its {worker.samples_sent or 0:,} are lost"
    if not worker.lost:
        return f"{where}: {sum_up}"
    at = f" at {at_text(worker.gaps[-1][0])}" if worker.gaps else ""
    left = sum(not one.lost for one in record.workers)
    return (
        f"{where} was lost{at} and others took its users ({left} workers were left, {record.workers_least} needed); "
        f"{sum_up}. Locust's own CSV files know nothing of spools"
    )


def gaps(record: RunRecord) -> Iterator[Gap]:
    """When whose part was not played."""
    for worker in record.workers:
        for begin, end in worker.gaps:
            # a chart has no shorter stretch than the second that a window speaks of
            yield Gap(begin, max(end, begin + 1.0), f"worker {worker.number} ({worker.region}) away")


def _named(lost: Iterable[Worker]) -> str:
    names = [f"worker {worker.where}" for worker in lost]
    return f": {', '.join(names[:NAMED_MAX])}" if names else ""

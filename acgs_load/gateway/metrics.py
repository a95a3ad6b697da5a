"""Counts and durations of all gateway processes in one piece of shared memory, exact to the request.

Each worker process writes its own slab only; whoever is asked sums them. A request is counted before its answer is
sent, so that a client that has its answer finds itself counted.
"""

from __future__ import annotations

import mmap
import os
import struct
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from acgs_load.contract import OPERATIONS

UNMATCHED = "none"
NAMES = (*OPERATIONS, UNMATCHED)
STATUSES = (0, 200, 201, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503)
"""0: the connection was closed without an answer (a planted defect)."""
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PRINCIPLES = (
    "constitutional_identity",
    "tenant_isolation",
    "audit_traceability",
    "proof_soundness",
    "service_integrity",
)
SOLVERS_MOST = 16

_BUCKETS_NS = tuple(int(bound * 1e9) for bound in BUCKETS_S)
_WIDTH = len(BUCKETS_S) + 1
_DURATIONS = len(NAMES) * len(STATUSES)
_SUMS = _DURATIONS + len(NAMES) * _WIDTH
_CHECKS = _SUMS + len(NAMES)
_WAITING = _CHECKS + 2 * len(PRINCIPLES)
_COMPLETED = _WAITING + 1
_PIDS = _COMPLETED + 1
_CELLS = _PIDS + 1 + SOLVERS_MOST
_OPERATION_INDEX = {name: index for index, name in enumerate(NAMES)}
_STATUS_INDEX = {status: index for index, status in enumerate(STATUSES)}
_PRINCIPLE_INDEX = {name: index for index, name in enumerate(PRINCIPLES)}


class Share(NamedTuple):
    """How often a principle was checked, and how often it held."""

    made: int
    held: int


class Metrics:
    """The slab of one worker, and sums over all. Make it before the workers are forked, ``take`` a slab in each."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._memory = mmap.mmap(-1, workers * _CELLS * struct.calcsize("Q"))
        self._all = memoryview(self._memory).cast("Q")
        self._main_pid = os.getpid()
        self.take(0)

    def take(self, worker: int) -> None:
        """Makes this process the writer of a slab; the counts of a predecessor go on."""
        self._mine = self._all[worker * _CELLS : (worker + 1) * _CELLS]
        self._mine[_PIDS] = os.getpid()

    def observe(self, operation: str, status: int, duration_ns: int) -> None:
        """One answered request."""
        index, cells = _OPERATION_INDEX[operation], self._mine
        cells[index * len(STATUSES) + _STATUS_INDEX[status]] += 1
        cells[_DURATIONS + index * _WIDTH + bisect_left(_BUCKETS_NS, duration_ns)] += 1
        cells[_SUMS + index] += duration_ns

    def observe_check(self, principle: str, *, held: bool) -> None:
        """One check of a principle that the gateway made on itself."""
        cell = _CHECKS + 2 * _PRINCIPLE_INDEX[principle]
        self._mine[cell] += 1
        self._mine[cell + 1] += held

    def proofs_waiting(self, count: int) -> None:
        """So many questions of this process have no solver yet."""
        self._mine[_WAITING] = count

    def proof_completed(self) -> None:
        """A solver is done with a question, whatever came out."""
        self._mine[_COMPLETED] += 1

    def solver_pids(self, pids: list[int]) -> None:
        """The solver processes of this worker, whose use of the machine counts as the gateway's."""
        for place in range(SOLVERS_MOST):
            self._mine[_PIDS + 1 + place] = pids[place] if place < len(pids) else 0

    def proofs_queued(self) -> int:
        """Questions without a solver, in all processes."""
        return self._sum(_WAITING)

    def proofs_completed(self) -> int:
        """Questions answered by a solver, in all processes."""
        return self._sum(_COMPLETED)

    def share(self, principle: str) -> Share:
        """Checks of a principle in all processes."""
        cell = _CHECKS + 2 * _PRINCIPLE_INDEX[principle]
        held = self._sum(cell + 1)
        return Share(max(held, self._sum(cell)), held)

    def exposition(self) -> str:
        """Everything as Prometheus text, format 0.0.4."""
        lines = [
            "# HELP acgs_requests_total Requests answered, by operation and status; status 0: closed unanswered.",
            "# TYPE acgs_requests_total counter",
            *self._request_lines(),
            "# HELP acgs_request_duration_seconds From the request's head to its answer, by operation.",
            "# TYPE acgs_request_duration_seconds histogram",
            *self._duration_lines(),
            *self._process_lines(),
        ]
        return "\n".join(lines) + "\n"

    def _sum(self, cell: int) -> int:
        return sum(self._all[cell::_CELLS]) if self._workers > 1 else self._all[cell]

    def _request_lines(self) -> Iterator[str]:
        for name, index in _OPERATION_INDEX.items():
            for status, place in _STATUS_INDEX.items():
                count = self._sum(index * len(STATUSES) + place)
                if count:
                    yield f'acgs_requests_total{{operation="{name}",status="{status}"}} {count}'

    def _duration_lines(self) -> Iterator[str]:
        metric = "acgs_request_duration_seconds"
        for name, index in _OPERATION_INDEX.items():
            counts = [self._sum(_DURATIONS + index * _WIDTH + place) for place in range(_WIDTH)]
            if not any(counts):
                continue
            total = 0
            for bound, count in zip((*BUCKETS_S, "+Inf"), counts, strict=True):
                total += count
                yield f'{metric}_bucket{{operation="{name}",le="{bound}"}} {total}'
            yield f'{metric}_sum{{operation="{name}"}} {self._sum(_SUMS + index) / 1e9}'
            yield f'{metric}_count{{operation="{name}"}} {total}'

    def _process_lines(self) -> Iterator[str]:
        cpu_s, memory_bytes = self.resources()
        yield "# HELP process_cpu_seconds_total CPU time of all gateway processes, solvers included."
        yield "# TYPE process_cpu_seconds_total counter"
        yield f"process_cpu_seconds_total {cpu_s:.2f}"
        yield "# HELP process_resident_memory_bytes Resident memory of all gateway processes, solvers included."
        yield "# TYPE process_resident_memory_bytes gauge"
        yield f"process_resident_memory_bytes {memory_bytes}"

    def resources(self) -> tuple[float, int]:
        """CPU seconds and resident bytes of all processes; the CPU time of ended ones stays in through their parent."""
        cpu_s, memory_bytes = 0.0, 0
        for pid in self._processes():
            try:
                process = psutil.Process(pid)
                with process.oneshot():
                    times, resident = process.cpu_times(), process.memory_info().rss
            except psutil.NoSuchProcess:  # ended just now; its parent has its time
                continue
            cpu_s += times.user + times.system + times.children_user + times.children_system
            memory_bytes += resident
        return cpu_s, memory_bytes

    def _processes(self) -> set[int]:
        pids = {self._main_pid}
        for worker in range(self._workers):
            start = worker * _CELLS + _PIDS
            pids.update(self._all[start : start + 1 + SOLVERS_MOST])
        pids.discard(0)
        return pids

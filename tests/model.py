"""A target that is known completely: a queue in virtual time, whose runs are written as real run folders.

Requests wait in one line for ``servers`` that take a drawn time each. The capacity is then servers ÷ mean service time,
and where a run breaks, recovers or drifts follows from what was put in. Nothing sleeps; a seed repeats a run exactly.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from run_fixture import STARTED, RunFixture

from acgs_load.contract import Outcome
from acgs_load.plan import Plan, Search
from acgs_load.traffic.master.bracket import Bracket

OPERATIONS = ("policy_get", "audit_create", "tenant_data_access")
Draw = Callable[[random.Random], float]


def constant(service_s: float) -> Draw:
    """Every request takes the same."""
    return lambda _: service_s


def exponential(mean_s: float) -> Draw:
    """The M of M/M/c."""
    return lambda chance: chance.expovariate(1 / mean_s)


def lognormal(mean_s: float, spread: float = 0.5) -> Draw:
    """A long tail, as services have it; ``spread`` is the deviation of the logarithm."""
    return lambda chance: mean_s * chance.lognormvariate(-(spread**2) / 2, spread)


@dataclass
class Target:
    """What is loaded. ``slower`` is a factor on service times by second of the run; stalls are (from, to) in seconds,
    in which nothing is served; ``noise`` is the deviation and memory (φ) of the logarithm of the speed by second."""

    servers: int = 4
    service: Draw = field(default_factory=lambda: lognormal(0.02))
    slower: Callable[[float], float] = lambda _: 1.0
    stalls: tuple[tuple[float, float], ...] = ()
    noise: tuple[float, float] = (0.0, 0.0)
    errors: Callable[[float], float] = lambda _: 0.0
    memory_bytes: Callable[[float], float] = lambda _: 2e9


class Served(NamedTuple):
    """One request, in seconds of the run."""

    due_s: float
    done_s: float
    operation: str
    failed: bool


class Queue:
    """The target at work: one request after the other, in the order in which they come."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._chance = random.Random(seed)
        self._free_s = [0.0] * target.servers
        self._speeds = self._speed_by_second()
        self._known: list[float] = []

    def _speed_by_second(self) -> Iterator[float]:
        deviation, memory = self._target.noise
        level = 0.0
        while True:
            level = memory * level + self._chance.gauss(0, deviation * math.sqrt(1 - memory**2))
            yield math.exp(level)

    def serve(self, due_s: float) -> Served:
        """The next request, which must not come before the last one."""
        begin_s = max(due_s, heapq.heappop(self._free_s))
        while len(self._known) <= begin_s:
            self._known.append(next(self._speeds))
        slower = self._target.slower(begin_s) * self._known[int(begin_s)]
        done_s = self._stalled(begin_s, self._target.service(self._chance) * slower)
        heapq.heappush(self._free_s, done_s)
        failed = self._chance.random() < self._target.errors(due_s)
        return Served(due_s, done_s, self._chance.choice(OPERATIONS), failed)

    def _stalled(self, begin_s: float, service_s: float) -> float:
        for from_s, to_s in self._target.stalls:
            if begin_s < to_s and begin_s + service_s > from_s:
                service_s += to_s - max(begin_s, from_s)
        return begin_s + service_s


def open_load(queue: Queue, rate_at: Callable[[float], float], from_s: float, to_s: float) -> list[Served]:
    """Requests come when the integral of the rate is the next whole number, whatever became of the last."""
    served, due_s, owed, step_s = [], from_s, 0.0, 0.001
    while due_s < to_s:
        owed += rate_at(due_s) * step_s
        if owed >= 1:
            owed -= 1
            served.append(queue.serve(due_s))
        due_s += step_s
    return served


def closed_load(queue: Queue, plan: Plan, think_s: float, seed: int) -> list[Served]:
    """Users ask, wait for the answer, think, and ask again; as many as the plan has at each moment."""
    chance, served = random.Random(seed), []
    waiting = [(chance.uniform(0, think_s), user) for user in range(plan.users_max)]
    heapq.heapify(waiting)
    while waiting:
        at_s, user = heapq.heappop(waiting)
        if at_s >= plan.duration_s:
            continue
        if user >= plan.users_at(at_s):
            heapq.heappush(waiting, (at_s + 0.25, user))
            continue
        one = queue.serve(at_s)
        served.append(one)
        heapq.heappush(waiting, (one.done_s + chance.uniform(0.5, 1.5) * think_s, user))
    return served


def recorded(path: Path, plan: Plan, target: Target, served: list[Served]) -> RunFixture:
    """The run as its master would have written it; what is answered after the end is not counted."""
    fixture = RunFixture(path, plan).watched()
    cells: dict[tuple[int, str, bool], list[float]] = defaultdict(list)
    for one in served:
        if one.done_s < plan.duration_s:
            cells[int(one.done_s), one.operation, one.failed].append(1e3 * (one.done_s - one.due_s))
    for (second, operation, failed), latencies_ms in sorted(cells.items()):
        fixture.add(second, operation, latencies_ms, Outcome.HTTP_ERROR if failed else Outcome.OK)
    for second in range(int(plan.duration_s)):
        memory = int(target.memory_bytes(second))
        fixture.resources.append((STARTED + second, "metrics", 0.3, memory / (8 << 30), memory))
    return fixture


def searched(path: Path, plan: Plan, target: Target, seed: int, limit_s: float) -> RunFixture:
    """A capacity search: the suite's own bracket asks, the queue answers. A rate holds where p95 is within ``limit_s``
    and 98 % of it is answered; after one that broke the line is worked off first."""
    search: Search | None = plan.search
    assert search is not None, "the plan is a search"
    queue, bracket, at_s = Queue(target, seed), Bracket(search), 0.0
    served: list[Served] = []
    steps = []
    while (rate := bracket.next_rate()) is not None:
        end_s = at_s + search.step_s
        step = open_load(queue, lambda _, rate=rate: rate, at_s, end_s)
        served += step
        judged = [one for one in served if at_s + search.settle_s <= one.done_s < end_s]
        latencies = sorted(one.done_s - one.due_s for one in judged)
        answered_rps = len(judged) / (search.step_s - search.settle_s)
        broke = [] if latencies[int(0.95 * len(latencies))] <= limit_s else [f"latency_p95_ms <= {1e3 * limit_s:g}"]
        broke += [] if answered_rps >= 0.98 * rate else ["throughput_rps"]
        bracket.learn(rate, not broke)
        told = {"from_s": at_s + search.settle_s, "to_s": end_s, "throughput_rps": answered_rps}
        steps.append({"rate": rate, "held": not broke, "broke": broke, **told})
        at_s = math.ceil(max(end_s, *(one.done_s for one in step))) + 1.0
    fixture = recorded(path, plan, target, served)
    fixture.run["search"] = {"steps": steps, "held_rps": bracket.held, "broke_rps": bracket.broke}
    return fixture

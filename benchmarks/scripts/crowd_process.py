"""A worker's users and nothing else: Locust's runner, the real user class, logged in at a real target.

Prints one JSON line: memory with the first hundred, memory with all, and how long the others took to arrive.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from random import Random  # noqa: E402

import gevent  # noqa: E402
import psutil  # noqa: E402
from locust.env import Environment  # noqa: E402

from acgs_load.contract import DEFAULT_MIX, Outcome  # noqa: E402
from acgs_load.errors import GeneratorError  # noqa: E402
from acgs_load.plan import Plan  # noqa: E402
from acgs_load.samples import Window  # noqa: E402
from acgs_load.traffic.clock import Clock  # noqa: E402
from acgs_load.traffic.engine.users import AcgsUser, Visit  # noqa: E402
from acgs_load.traffic.phases import PhaseBook  # noqa: E402
from acgs_load.traffic.transport.door import transport_for  # noqa: E402
from acgs_load.traffic.user.world import SharedWorld  # noqa: E402
from acgs_load.traffic.worker.arrivals import ClosedArrivals  # noqa: E402
from acgs_load.traffic.worker.deck import Deck  # noqa: E402
from acgs_load.traffic.worker.descriptors import raise_descriptor_limit  # noqa: E402
from acgs_load.traffic.worker.naps import Naps  # noqa: E402
from acgs_load.traffic.worker.recorder import WindowRecorder  # noqa: E402
from benchmarks.scripts.ours import benchmark_plan  # noqa: E402

FIRST = 100
LIMIT_S = 60.0


class Workplace:
    """What a station gives its users."""

    def __init__(self, plan: Plan, think_s: float) -> None:
        clock = Clock()
        self.deck = Deck(DEFAULT_MIX, plan.seed)
        self.think_time_s: tuple[float, float] | None = (think_s / 2, think_s)
        self.chance = Random(plan.seed)
        self.nap = Naps().nap
        self.world = SharedWorld(plan, 0, 1)
        self.recorder = WindowRecorder(clock, PhaseBook.of(plan), "local", clock.now_s())
        self.total = Window()
        self._transport = transport_for(plan)

    def new_visit(self, pause: Callable[[float], None]) -> Visit:
        """As ``users.Workplace``."""
        return self.world.new_visit(self._transport, self.recorder, ClosedArrivals(), pause)

    def collect(self) -> None:
        """Take the windows that are over, as for a report."""
        while True:
            gevent.sleep(3)
            for _, window in self.recorder.take():
                self.total.merge(window)


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--users", type=int, default=4_000)
    parser.add_argument("--think", type=float, default=12.0, help="longest pause of a user, seconds")
    asked = parser.parse_args(argv)
    raise_descriptor_limit()
    workplace = Workplace(benchmark_plan(asked.url, 60.0, asked.users), asked.think)
    AcgsUser.station = workplace
    runner = Environment(user_classes=[AcgsUser]).create_local_runner()
    gevent.spawn(workplace.collect)
    runner.start(FIRST, spawn_rate=FIRST)
    await_users(workplace, FIRST)
    gevent.sleep(asked.think)
    first_bytes, begin_s = memory_bytes(), time.perf_counter()
    runner.start(asked.users, spawn_rate=asked.users)
    await_users(workplace, asked.users)
    spawned_s = time.perf_counter() - begin_s
    gevent.sleep(asked.think)  # by now each has made its first requests
    all_bytes = memory_bytes()
    runner.quit()
    answered = workplace.total.outcomes.get(Outcome.OK, 0)
    per_user = round((all_bytes - first_bytes) / (asked.users - FIRST))
    told = {"users": asked.users, "first_bytes": first_bytes, "all_bytes": all_bytes, "bytes_per_user": per_user}
    told |= {"spawned_s": round(spawned_s, 2), "requests": workplace.total.samples, "ok": answered}
    print(json.dumps(told))
    return 0


def await_users(workplace: Workplace, users: int) -> None:
    """Wait until so many are connected and logged in. Raises GeneratorError if they never are."""
    until_s = time.perf_counter() + LIMIT_S
    while workplace.world.logged_in < users:
        if time.perf_counter() > until_s:
            raise GeneratorError(f"{workplace.world.logged_in} of {users} users logged in within {LIMIT_S:g} s")
        gevent.sleep(0.02)


def memory_bytes() -> int:
    """What the process holds, garbage aside."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

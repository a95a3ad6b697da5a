"""A worker's users without think time: Locust's runner, the real user class, every oracle, and what a worker reports.

Prints one JSON line at the end: requests, and those that were not ``ok``.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402

import gevent  # noqa: E402
from locust.env import Environment  # noqa: E402

from acgs_load.samples import Window  # noqa: E402
from acgs_load.traffic.clock import Clock  # noqa: E402
from acgs_load.traffic.engine.users import AcgsUser  # noqa: E402
from acgs_load.traffic.master.telemetry import to_rows  # noqa: E402
from acgs_load.traffic.worker.calm import calm, calm_again  # noqa: E402
from acgs_load.traffic.worker.descriptors import raise_descriptor_limit  # noqa: E402
from acgs_load.traffic.worker.probe import LoopProbe  # noqa: E402
from acgs_load.traffic.worker.vitals import Vitals  # noqa: E402
from benchmarks.scripts.crowd_process import Workplace  # noqa: E402
from benchmarks.scripts.ours import REPORT_EVERY_S, benchmark_plan, told  # noqa: E402

_CALM_AFTER_S = 1.0
"""By then all users are there."""


class Reports:
    """What a station does with what was recorded, each time Locust's runner asks it for a report."""

    def __init__(self, workplace: Workplace) -> None:
        self._recorder = workplace.recorder
        self.total = Window()
        self.examples: list[str] = []

    def make(self, everything: bool = False) -> None:
        """One report: the windows spelled for the wire, as a worker does it."""
        batch = self._recorder.take(everything)
        json.dumps([to_rows(batch), list(self._recorder.take_labels().items())])
        for _, window in batch:
            self.total.merge(window)
        self.examples += [f"{row['operation']}: {row['text']}" for row in self._recorder.take_examples()]

    def keep_making(self) -> None:
        """One report after another, for ever."""
        while True:
            gevent.sleep(REPORT_EVERY_S)
            self.make()


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    asked = _parser().parse_args(argv)
    raise_descriptor_limit()
    workplace = Workplace(benchmark_plan(asked.url, asked.seconds, asked.users), 0.0)
    workplace.think_time_s = None
    AcgsUser.station = workplace
    environment = Environment(user_classes=[AcgsUser])
    errors: list[str] = []
    environment.events.user_error.add_listener(lambda exception, **_: errors.append(repr(exception)))  # type: ignore[no-untyped-call]
    runner = environment.create_local_runner()
    reports = Reports(workplace)
    vitals = Vitals("worker-0", "local", Clock(), lambda: (workplace.world.users, 0, 0))
    gevent.spawn(reports.keep_making)
    gevent.spawn(vitals.watch)
    gevent.spawn(calm_again, _CALM_AFTER_S)
    probe = LoopProbe()
    probe.start()
    calm()
    runner.start(asked.users, spawn_rate=asked.users)
    gevent.sleep(asked.seconds)
    runner.quit()
    probe.stop()
    reports.make(everything=True)
    print("\n".join([*reports.examples, *errors]), file=sys.stderr)
    print(json.dumps(told(reports.total)))
    return 1 if errors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=8.0)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

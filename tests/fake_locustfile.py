"""The locustfile with users that ask nobody: everything of a run is real but the target.

``FAKE_VISIT``: ``quick`` (5 ms a request), ``stuck`` (requests that never end), ``buggy`` (policy raises).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import gevent

from acgs_load.contract import OPERATIONS, Outcome
from acgs_load.samples import Sample
from acgs_load.traffic.engine.plug import plug
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.engine.users import AcgsUser
from acgs_load.traffic.worker.equipment import Equipment

KIND = os.environ.get("FAKE_VISIT", "quick")
NAMES = {
    scenario: [name for name, operation in OPERATIONS.items() if operation.scenario == scenario][:3]
    for scenario in ("constitutional", "tenant", "policy", "formal", "integrity")
}


@dataclass
class FakeVisit:
    """Three requests an iteration."""

    world: FakeWorld
    recorder: object
    arrivals: object

    def prepare(self):
        pass

    def run(self, scenario):
        if KIND == "buggy" and scenario == "policy":
            raise RuntimeError("planted")
        for name in NAMES[scenario]:
            due_s = self.arrivals.next_due_s()
            sent_s = time.perf_counter()
            gevent.sleep(3600 if KIND == "stuck" else 0.005)
            done_s = time.perf_counter()
            outcome = Outcome.TIMEOUT if name == "policy_get" else Outcome.OK
            if outcome is not Outcome.OK:
                self.recorder.example(outcome, name, "planted")
            self.recorder.record(Sample(name, scenario, due_s or sent_s, sent_s, done_s, outcome, status=200))

    def close(self):
        self.world.users -= 1


class FakeWorld:
    """Counts its users."""

    def __init__(self, plan, index, workers):
        self.users = 0

    @property
    def logged_in(self):
        return self.users

    def new_visit(self, transport_factory, recorder, arrivals, sleep):
        self.users += 1
        return FakeVisit(self, recorder, arrivals)


__all__ = ["AcgsUser", "PlanShape"]

plug(Equipment(FakeWorld, lambda plan: lambda: None))

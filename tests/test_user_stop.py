"""A user who is stopped sends nothing that nobody records."""

from __future__ import annotations

import subprocess
import sys

import running

SCRIPT = """
import gevent, random
from locust.env import Environment
from acgs_load.traffic.engine.users import AcgsUser
from acgs_load.traffic.worker.naps import Naps

sent, done = [], []

class Visit:
    def prepare(self): pass
    def run(self, scenario):
        sent.append(scenario)
        gevent.sleep(0.003)
        done.append(scenario)
    def close(self): pass

class Station:
    think_time_s = (0.001, 0.004)
    chance = random.Random(1)
    nap = staticmethod(Naps().nap)
    class deck:
        deal = staticmethod(lambda: "policy")
    def new_visit(self, pause):
        return Visit()

AcgsUser.station = Station()
environment = Environment(user_classes=[AcgsUser], stop_timeout=5)
runner = environment.create_local_runner()
for _ in range(6):
    runner.spawn_users({"AcgsUser": 60})
    gevent.sleep(0.05)
    runner.stop_users({"AcgsUser": 60})
print("SENT", len(sent), "DONE", len(done), "USERS", runner.user_count)
"""


def test_whoever_wakes_up_while_being_stopped_sends_nothing_more():
    """360 users with pauses of milliseconds are stopped at random moments; each begun iteration is finished."""
    done = subprocess.run(
        [sys.executable, "-c", "import gevent.monkey; gevent.monkey.patch_all()\n" + SCRIPT],
        cwd=running.PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split()
    assert words[::2] == ["SENT", "DONE", "USERS"], done.stdout + done.stderr
    sent, finished, users = map(int, words[1::2])
    assert sent == finished > 360
    assert users == 0

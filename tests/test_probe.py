"""The self-probe: what the generator's own event loop adds to a latency, stalls included, nothing flattered."""

from __future__ import annotations

import os
import time

import gevent
import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust

from acgs_load.histogram import Histogram
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.worker import probe
from acgs_load.traffic.worker.probe import INTERVAL_NS, LoopProbe
from acgs_load.traffic.worker.vitals import Vitals

INTERVAL_S = INTERVAL_NS / 1e9


@pytest.fixture(params=["kernel", "loop"])
def running(request, monkeypatch):
    """A started probe, timed by the kernel or, as where there is no such timer, by the loop."""
    if request.param == "loop":
        monkeypatch.setattr(probe, "kernel_timer", lambda first_ns: None)
    one = LoopProbe()
    one.start()
    yield one
    one.stop()


def test_every_moment_that_was_due_counts(running):
    """Probes are as many as intervals passed, and are taken once."""
    gevent.sleep(20 * INTERVAL_S)
    assert running.take().total in (18, 19, 20)
    assert running.take().total <= 1


def test_a_stall_counts_with_every_probe_that_was_due_in_it(running):
    """While the loop stands still for twelve intervals, twelve probes wait, each for the rest of the stall."""
    gevent.sleep(INTERVAL_S / 2)
    time.sleep(12 * INTERVAL_S)  # blocks the loop, as a long computation would
    gevent.sleep(INTERVAL_S / 4)
    latencies = running.take()
    assert latencies.total >= 12
    assert latencies.max_us > 11 * INTERVAL_S * 1e6
    # delays are spread evenly over the stall, as those of answers that come at any moment are
    assert latencies.mean_us == pytest.approx(6 * INTERVAL_S * 1e6, rel=0.25)


def test_a_stopped_probe_leaves_nothing_open(running):
    """Descriptors go, no probe comes after the end, and it may start again."""
    open_before = len(os.listdir("/proc/self/fd"))
    running.stop()
    assert len(os.listdir("/proc/self/fd")) < open_before
    running.take()
    gevent.sleep(3 * INTERVAL_S)
    assert running.take().total == 0
    running.start()
    gevent.sleep(3 * INTERVAL_S)
    assert running.take().total in (1, 2, 3)


def test_a_row_of_health_carries_the_probes_of_its_second():
    """As the wire of a histogram, in its last column; a process without a probe leaves it empty."""
    watched = [Vitals("local", "eu", Clock(), lambda: (1, 0, 0), of) for of in (LoopProbe(), None)]
    greenlets = [gevent.spawn(one.watch) for one in watched]
    gevent.sleep(2.2)
    gevent.killall(greenlets)
    probed, plain = (one.take()[-1] for one in watched)
    assert plain.probe == ""
    assert Histogram.from_wire([int(number) for number in probed.probe.split()]).total >= 15

"""CPU and memory of the target, from its process tree or from what it publishes."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest

from acgs_load import resources
from acgs_load.resources import ResourceRow, ResourceSampler, Usage, process_tree


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def sampler(tmp_path, usages, clock, **options):
    script = iter(usages)
    return ResourceSampler(
        tmp_path / "resources.csv", "process tree", lambda: next(script), clock=clock, monotonic=clock, **options
    )


def test_a_row_is_the_share_of_the_whole_machine_since_the_last(tmp_path):
    """1.5 CPU seconds in 1 second on 4 cores is 0.375; the first reading has nothing to compare with."""
    clock = Clock()
    usages = [Usage(10.0, 500), Usage(11.5, 250), None, Usage(12.0, 250), Usage(12.0, 1000)]
    one = sampler(tmp_path, usages, clock, cores=4, memory_total_bytes=1000)
    rows = []
    for _ in usages:
        rows.append(one.sample())
        clock.now_s += 1.0
    assert rows[1] == ResourceRow(101, "process tree", 0.375, 0.25, 250)
    assert [row is None for row in rows] == [True, False, True, True, False]
    assert (rows[4].cpu, rows[4].memory) == (0.0, 1.0)


def test_children_count_and_stay_counted_after_they_end():
    """CPU that a child burnt is not lost from the total when the child ends."""
    burn = "import time\nwhile time.process_time() < 0.2: pass\n"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn + 'input()'!r}])\ninput()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True)
    try:
        probe = process_tree(parent.pid)
        usage = None
        for _ in range(200):
            usage = probe()
            if usage.cpu_seconds >= 0.2:
                break
            resources.time.sleep(0.05)
        assert usage.cpu_seconds >= 0.2
        parent.stdin.write("\n")
        parent.stdin.flush()
        resources.time.sleep(0.2)
        assert probe().cpu_seconds >= 0.2
    finally:
        parent.kill()
        parent.wait()
    assert probe() is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("# HELP x\nprocess_cpu_seconds_total 12.5\n", 12.5),
        ('process_cpu_seconds_total{pid="1"} 1e3\n', 1000.0),
        ("my_process_cpu_seconds_total 5\n", None),
        ("{}", None),
    ],
)
def test_what_a_target_publishes(text, value):
    """Prometheus text with or without labels; JSON or another metric is "not measured"."""
    assert resources._metric(text, "process_cpu_seconds_total") == value


def test_the_thread_writes_rows_until_it_is_stopped(tmp_path, monkeypatch):
    """The file has a header and a row for each interval, and the thread ends."""
    monkeypatch.setattr(resources, "INTERVAL_S", 0.02)
    ticks = iter(range(10_000))
    path = tmp_path / "resources.csv"
    with ResourceSampler(path, "metrics", lambda: Usage(float(next(ticks)), 1), cores=1) as one:
        while path.exists() is False or path.read_text().count("\n") < 3:
            resources.time.sleep(0.01)
    assert not one._thread.is_alive()
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == list(ResourceRow._fields)
    assert rows[0]["source"] == "metrics"

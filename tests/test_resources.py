"""CPU and memory of the target while it is loaded: what a source tells becomes a row, and what it does not, a gap."""

from __future__ import annotations

import csv
import subprocess
import sys
import time

import pytest
from course_fixture import plan_of

from acgs_load import resources
from acgs_load.errors import UsageError
from acgs_load.resources import CpuCounter, Level, ResourceSampler, SilentSourceError
from acgs_load.resources_choice import source_of
from acgs_load.resources_process import ProcessTree
from acgs_load.usage import ResourceRow


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


class Scripted:
    """A source that says what it is told to say."""

    name, place = "metrics", "http://target/metrics"

    def __init__(self, *said):
        self.said = iter(said)

    def level(self, at_s):
        one = next(self.said)
        if isinstance(one, str):
            raise SilentSourceError(one)
        return one


def sampled(tmp_path, *said):
    """The rows for what a source says second by second, and what the person was told."""
    told, clock = [], Clock()
    sampler = ResourceSampler(tmp_path / "r.csv", Scripted(*said), told.append, clock=clock, monotonic=clock)
    rows = []
    for _ in said:
        rows.append(sampler.sample())
        clock.now_s += 1.0
    return rows, told


def test_a_counter_becomes_the_share_of_the_time_since_the_last_reading():
    """1.5 of 4 CPU seconds is 0.375; nothing to compare with, and a counter that began anew, are not measured."""
    counter = CpuCounter()
    readings = [(10.0, 400.0), (11.5, 404.0), (0.2, 408.0), (0.2, 412.0), (0.4, 412.0)]
    assert [counter.share(*reading) for reading in readings] == [None, 0.375, None, 0.0, None]


def test_rows_have_what_is_known_and_nothing_else(tmp_path):
    """Memory without CPU is a row with an empty cell; nothing at all is no row, never 0."""
    rows, told = sampled(tmp_path, Level(None, 0.25, 250), Level(0.5, 0.25), "refused", Level(0.0, 0.25))
    assert rows == [
        ResourceRow(100, "metrics", None, 0.25, 250),
        ResourceRow(101, "metrics", 0.5, 0.25, None),
        None,
        ResourceRow(103, "metrics", 0.0, 0.25, None),
    ]
    assert told == []


def test_a_source_that_fails_is_said_once(tmp_path):
    """After three silent readings, in words with the reason; not again when it fails another time."""
    good = Level(0.5, 0.5)
    rows, told = sampled(tmp_path, good, *["connection refused"] * 5, good, *["timed out"] * 5)
    assert [row is None for row in rows] == [False, *[True] * 5, False, *[True] * 5]
    assert told == ["CPU and memory of the target: not measured while this lasts: connection refused"]
    _, told = sampled(tmp_path, *[Level(None, 0.5)] * 4)
    assert told == ["CPU of the target: not measured while this lasts: http://target/metrics tells nothing of it"]


def test_children_count_and_stay_counted_after_they_end():
    """CPU that a child burnt is not lost from the total when the child ends."""
    burn = "import time\nwhile time.process_time() < 0.2: pass\n"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn + 'input()'!r}])\ninput()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True)
    try:
        tree = ProcessTree(parent.pid, cores=1, memory_total_bytes=1 << 40)
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s and sum(tree._seen.values()) < 0.2:
            level = tree.level(time.monotonic())
            time.sleep(0.05)
        assert sum(tree._seen.values()) >= 0.2
        assert level.memory_bytes > 1 << 20
        parent.stdin.write("\n")
        parent.stdin.flush()
        time.sleep(0.2)
        assert tree.level(time.monotonic()).cpu is not None
        assert sum(tree._seen.values()) >= 0.2
    finally:
        parent.kill()
        parent.wait()
    with pytest.raises(SilentSourceError, match="not there"):
        tree.level(time.monotonic())


def test_the_thread_writes_rows_until_it_is_stopped(tmp_path, monkeypatch):
    """The file has a header and a row for each interval, and the thread ends."""
    monkeypatch.setattr(resources, "INTERVAL_S", 0.02)
    path = tmp_path / "resources.csv"
    with ResourceSampler(path, Scripted(*[Level(0.5, 0.5)] * 10_000), print) as one:
        while path.exists() is False or path.read_text().count("\n") < 3:
            time.sleep(0.01)
    assert not one._thread.is_alive()
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == list(ResourceRow._fields)
    assert rows[0]["source"] == "metrics"


CHOICES = [
    ("auto", "http://127.0.0.1:8080", None, "http://127.0.0.1:8080/gateway/metrics"),
    ("auto", "https://acgs.example.com", None, None),
    ("auto", "http://127.0.0.1:8080", 4711, "process 4711"),
    ("none", "http://127.0.0.1:8080", 4711, None),
    ("pid:17", "https://acgs.example.com", None, "process 17"),
    ("docker:a,b.c", "https://acgs.example.com", None, "docker containers a, b.c"),
    ("prometheus://mon:9090", "https://acgs.example.com", None, "Prometheus at http://mon:9090"),
    ("prometheus+https://mon/prom/", "https://acgs.example.com", None, "Prometheus at https://mon/prom"),
    ("http://mon:9090", "https://acgs.example.com", None, "Prometheus at http://mon:9090"),
    (
        "http://acgs:9100/metrics",
        "https://acgs.example.com",
        None,
        "http://acgs:9100/metrics (a process's page; how much its machine has is told by TARGET_CPUS and"
        " TARGET_MEMORY_GIB)",
    ),
]


@pytest.mark.parametrize(("wanted", "target", "pid", "place"), CHOICES)
def test_the_source_is_the_one_that_was_named(wanted, target, pid, place):
    """Every form of the setting; without one, what can be known without asking."""
    source = source_of(plan_of(flags={"target": target, "target_metrics": wanted}), pid)
    assert (source.place if source else None) == place


@pytest.mark.parametrize(
    "wanted", ["docker:", "pid:0", "pid:x", "ftp://x/metrics", "prometheus://", "grafana", "http://h:0/metrics", "a b"]
)
def test_what_is_no_source_is_refused(wanted):
    """Before anything is sent, with what would be legal."""
    with pytest.raises(UsageError, match=r"--target-metrics: must be auto, none, prometheus://"):
        plan_of(flags={"target_metrics": wanted})


def test_no_password_comes_into_a_plan():
    """Neither taken nor repeated."""
    with pytest.raises(UsageError, match="credentials") as refused:
        plan_of(flags={"target_metrics": "prometheus://me:geheim@mon:9090"})
    assert "geheim" not in str(refused.value)

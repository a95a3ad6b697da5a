"""No room, no right to write, no memory, a clock set back: one clear line each, nothing that was measured lost."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import running
from run_fixture import RunFixture

from acgs_load.errors import resource_error
from acgs_load.resources import Level, ResourceSampler
from acgs_load.session_clock import WallWatch
from acgs_load.traffic.clock import Clock

QUICK = ("--target", "embedded:0", "--users", "10", "--spawn-rate", "10", "--rate", "60", "--duration", "8s")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root (CI has it)")


@contextlib.contextmanager
def mounted(place: Path, options: str):
    """A file system in memory at ``place``."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _judged(ended: running.Ended) -> int:
    """How many requests the verdict on the terminal speaks of."""
    found = re.search(r"([0-9,]+)\s+requests", ended.output)
    assert found, ended.output
    return int(found.group(1).replace(",", ""))


def _told(ended: running.Ended, words: str) -> None:
    assert ended.code == 4, ended.output + ended.errors
    assert "Traceback" not in ended.output + ended.errors
    assert len(ended.errors.strip().splitlines()) == 1, ended.errors
    assert words in ended.errors
    said = " ".join(ended.output.split())
    assert "INVALID exit code 4" in said, "what was measured is judged all the same"
    assert "the run was cut short" in said


@pytest.mark.slow
@needs_root
def test_a_full_disk_ends_the_run_with_what_was_measured(tmp_path):
    """The master says so and stops, the verdict is told on the terminal, the exit code is 4."""
    with mounted(tmp_path / "small", "size=160k") as small:
        ended = running.run(small, *QUICK)
    _told(ended, "the report cannot be written (No space left on device)")
    assert _judged(ended) > 20
    assert "the master ended early: no space left on device" in " ".join(ended.output.split())


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_the_same(tmp_path):
    """``ulimit -f``: nothing may be longer than 12 KiB."""
    with running.gateway() as url:
        process = running.start_run(tmp_path, "--target", url, *QUICK[2:])
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (12_288, 12_288))
        ended = running.finish(process, tmp_path)
    assert ended.code == 4, ended.output + ended.errors
    assert "Traceback" not in ended.output + ended.errors
    assert "file too large" in (ended.output + ended.errors).lower()


@pytest.mark.slow
@needs_root
def test_a_folder_that_may_not_be_written_is_told_before_anything_is_sent(tmp_path):
    """Exit code 2, with the reason."""
    with mounted(tmp_path / "frozen", "ro") as frozen:
        ended = running.run(frozen, *QUICK)
    assert (ended.code, ended.output) == (2, "")
    assert len(ended.errors.splitlines()) == 1
    assert "Read-only file system" in ended.errors
    assert "name a writable folder" in ended.errors


STARVED = """
import resource, sys
from acgs_load.analysis.door import run_analyzer
import acgs_load.analysis.reading.load, pandas, matplotlib.pyplot, numpy
kib = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (kib * 1024 + 150_000_000,) * 2)
sys.exit(run_analyzer([sys.argv[1]]))
"""


@pytest.mark.slow
def test_an_analyzer_without_memory_says_so(tmp_path):
    """And the run can be analysed where there is more."""
    folder = RunFixture(tmp_path / "run").steady().write()
    with folder.violations.open("r+b") as file:
        file.truncate(400_000_000)  # a hole: no room is taken on the disk
    before = {path.name for path in folder.path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", STARVED, str(folder.path)],
        cwd=running.PROJECT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "out of memory; what was measured is kept" in done.stderr
    assert {path.name for path in folder.path.iterdir()} >= before


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "/x/windows.jsonl"), "no space left on device (/x/windows.jsonl)"),
        (OSError(30, "Read-only file system"), "read-only file system"),
        (OSError(122, "Disk quota exceeded"), "disk quota exceeded"),
        (MemoryError(), "out of memory"),
    ],
)
def test_what_is_scarce_is_told(error, words):
    """With what to do about it."""
    told = resource_error(error)
    assert told is not None
    assert str(told).startswith(words)
    assert told.exit_code == 4


@pytest.mark.parametrize("error", [OSError(2, "No such file"), OSError(13, "Permission denied"), ConnectionError()])
def test_other_errors_are_not_taken_for_it(error):
    """A bug of ours stays one."""
    assert resource_error(error) is None


class Times:
    """A wall clock that can be set, and a steady one."""

    def __init__(self):
        self.wall_s, self.steady_s = 1_800_000_000.0, 50.0

    def pass_time(self, seconds):
        self.wall_s += seconds
        self.steady_s += seconds


@pytest.mark.parametrize(("shift_s", "word"), [(-3600.0, "back by 3,600 s"), (90.0, "forward by 90 s"), (-1.0, None)])
def test_a_clock_that_is_set_is_one_line(shift_s, word):
    """And what a time server corrects is none."""
    times = Times()
    watch = WallWatch(lambda: times.wall_s, lambda: times.steady_s)
    times.pass_time(20)
    assert watch.told() is None
    times.wall_s += shift_s
    told = watch.told()
    assert told is None if word is None else (word in told and len(told.splitlines()) == 1)


def test_the_seconds_of_a_run_go_on_when_the_clock_is_set_back(tmp_path):
    """Windows and resource rows: no second comes twice, none is missing."""
    times, seconds = Times(), []
    clock = Clock(lambda: times.wall_s, lambda: times.steady_s)
    source = type("Source", (), {"name": "s", "place": "p", "level": lambda *_: Level(0.5, 0.5, 1)})()
    sampler = ResourceSampler(
        tmp_path / "r.csv", source, str, clock=lambda: times.wall_s, monotonic=lambda: times.steady_s
    )
    for second in range(6):
        if second == 3:
            times.wall_s -= 3600
        row = sampler.sample()
        seconds.append((int(clock.now_s()), row.second))
        times.pass_time(1)
    assert seconds == [(1_800_000_000 + second,) * 2 for second in range(6)]

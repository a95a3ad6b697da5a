"""Standard output may be closed, full, gone or ASCII: what is done, and its exit code, do not hang on it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_fixture import RunFixture

from acgs_load.outlet import Outlet

PROJECT = Path(__file__).resolve().parents[1]
FULL = Path("/dev/full")


def door(script, *words, **options):
    """A door as a process; it must never show a traceback."""
    environ = {**os.environ, **options.pop("environ", {})}
    command = [sys.executable, str(PROJECT / script), *words]
    done = subprocess.run(command, env=environ, check=False, timeout=120, **options)
    assert b"Traceback" not in (done.stdout or b"") + (done.stderr or b"")
    return done


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """The folder of a run that fails."""
    fixture = RunFixture(tmp_path_factory.mktemp("outlet") / "run").steady(latency_ms=3000).sampled()
    return str(fixture.write().path)


def closed_pipe():
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.skipif(not FULL.exists(), reason="Linux's device that is always full")
def test_what_cannot_be_written_is_dropped_then_and_later():
    """Also by the flush that Python does at its end."""
    with FULL.open("w") as stream:
        outlet = Outlet(stream)
        assert outlet.write("x" * 100_000) == 100_000
        outlet.flush()
        assert outlet.write("more") == 4
        assert os.readlink(f"/proc/self/fd/{stream.fileno()}") == os.devnull
    assert Outlet(io.StringIO()).write("kept") == 4


def test_the_verdict_is_the_exit_code_when_nobody_reads(failed):
    """``… | head`` and a full disk under a log are no other verdict."""
    writer = closed_pipe()
    try:
        assert door("performance_analyzer.py", failed, "--json-only", stdout=writer).returncode == 1
    finally:
        os.close(writer)
    with FULL.open("w") as full:
        assert door("performance_analyzer.py", failed, "--json-only", stdout=full).returncode == 1


@pytest.mark.parametrize("script", ["run_load_test.py", "performance_analyzer.py"])
def test_an_error_that_nobody_hears_keeps_its_exit_code(script):
    """1 would be a failed threshold."""
    writer = closed_pipe()
    try:
        assert door(script, "--users", "many", stdout=writer, stderr=writer).returncode == 2
    finally:
        os.close(writer)


@pytest.mark.parametrize("words", [("run_load_test.py", "--dry-run"), ("distributed_config.py",)], ids=lambda w: w[0])
def test_a_plan_can_be_shown_to_nobody_and_in_ascii(words):
    """Standard output closed from the beginning, and one whose encoding has no dash and no arrow."""
    script, *flags = words
    code = (
        f"import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, {str(PROJECT / script)!r}, *{flags}])"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    done = door(script, *flags, environ={"PYTHONIOENCODING": "ascii"}, capture_output=True)
    assert done.returncode == 0
    assert b"0 ? 1,000" in done.stdout


def test_a_report_can_be_told_in_ascii(failed):
    """Letters that the terminal's encoding lacks are question marks."""
    done = door("performance_analyzer.py", failed, environ={"PYTHONIOENCODING": "ascii"}, capture_output=True)
    assert done.returncode == 1
    assert b"FAIL  exit code 1 ? " in done.stdout

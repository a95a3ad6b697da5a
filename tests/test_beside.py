"""Work in a process of its own comes back as if it had been done here; what becomes of the process is never hidden."""

from __future__ import annotations

import os
import signal

import pytest
from run_fixture import RunFixture

from acgs_load.analysis import judge
from acgs_load.analysis.beside import beside
from acgs_load.analysis.door import run_analyzer
from acgs_load.errors import ExitCode, ResourceError, UsageError

TWO_CORES, ONE_CORE = {0, 1}, {0}


@pytest.fixture(autouse=True)
def cores(monkeypatch):
    """Two cores, whatever this machine has; a test may say otherwise."""

    def have(places: set[int]) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: places)

    have(TWO_CORES)
    return have


def test_the_work_is_done_in_another_process():
    """Both go on at once, and the result comes back."""
    begun = [beside(os.getpid), beside(lambda: "x" * 10_000_000)]
    pid, text = (result() for result in begun)
    assert pid != os.getpid()
    assert len(text) == 10_000_000


def test_a_single_core_does_the_work_here(cores):
    """When its result is asked for."""
    cores(ONE_CORE)
    assert beside(os.getpid)() == os.getpid()


def test_no_room_for_another_process_does_the_work_here(monkeypatch):
    """It only takes longer."""

    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    assert beside(os.getpid)() == os.getpid()


@pytest.mark.parametrize("error", [UsageError("windows.jsonl: gone"), MemoryError(), ZeroDivisionError("a mistake")])
def test_what_is_raised_there_is_raised_here(error):
    """Of the same type, with the same words."""

    def work() -> None:
        raise error

    asked = beside(work)
    with pytest.raises(type(error)) as raised:
        asked()
    assert str(raised.value) == str(error)


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal 9"),
        (lambda: os._exit(7), "exit code 7"),
        (lambda: lambda: None, "exit code 1"),  # nothing that can be sent back
    ],
    ids=["killed", "exited", "no answer"],
)
def test_a_process_that_ends_without_an_answer_is_told(work, why, capfd):
    """With what ended it; never taken for an empty result."""
    asked = beside(work)
    with pytest.raises(ResourceError, match=why):
        asked()
    assert ("Traceback" in capfd.readouterr().err) == (why == "exit code 1")


@pytest.mark.parametrize("part", ["closeups", "to_png"])
def test_the_analyzer_says_in_one_line_that_a_process_of_its_own_was_killed(part, tmp_path, monkeypatch, capsys):
    """Its exit code is that of a machine without room; report.json, which means that all is there, is not written."""
    first = os.getpid()

    def killed(*_: object) -> bytes:
        if os.getpid() != first:
            os.kill(os.getpid(), signal.SIGKILL)
        return b""

    monkeypatch.setattr(judge, "LONG_S", 0)
    where = "acgs_load.analysis.judge" if part == "closeups" else "acgs_load.analysis.drawing.png"
    monkeypatch.setattr(f"{where}.{part}", killed)
    folder = RunFixture(tmp_path).steady().write().path
    assert run_analyzer([str(folder)]) == ExitCode.INVALID
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "signal 9" in told.err
    assert not (folder / "report.json").exists()


def test_the_report_is_the_same_with_one_core_and_two(tmp_path, monkeypatch, cores):
    """To the byte, pictures too."""
    monkeypatch.setattr(judge, "LONG_S", 0)
    folder, written = RunFixture(tmp_path / "run").steady().watched().write().path, []
    for places in (ONE_CORE, TWO_CORES):
        cores(places)
        assert run_analyzer([str(folder), "--output", str(tmp_path / "out")]) == ExitCode.PASSED
        files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
        written.append({path.name: path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert {"report.html", "report.json", "throughput.png"} <= written[0].keys()

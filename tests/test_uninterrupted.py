"""Signals wait while a child is begun: nobody is born without somebody who will end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest
from test_plan import plan

from acgs_load import session
from acgs_load.errors import ExitCode
from acgs_load.fleet import regions
from acgs_load.fleet.here import LocalPlace
from acgs_load.fleet.simulated import SimulatedPlace
from acgs_load.fleet.ssh import SshPlace
from acgs_load.plan import Link, Node
from acgs_load.run_folder import RunFolder
from acgs_load.session_signals import OrderlyEnd
from acgs_load.uninterrupted import uninterrupted

HERE = Node("localhost", 2, 50, "here")


class ComesAtOnceError(Exception):
    """What the run of these tests makes of a signal."""


class Run:
    """Is interrupted as a run that has not begun."""

    def interrupt(self):
        raise ComesAtOnceError


@pytest.fixture
def began(monkeypatch):
    """Pids of children, and which signal comes when the n-th is born and nobody knows of it yet."""
    real, pids = subprocess.Popen.__init__, []
    moments = {}

    def begin(self, *words, **named):
        real(self, *words, **named)
        pids.append(self.pid)
        if len(pids) in moments:
            os.kill(os.getpid(), moments[len(pids)])

    monkeypatch.setattr(subprocess.Popen, "__init__", begin)
    yield pids, moments
    for pid in filter(psutil.pid_exists, pids):
        psutil.Process(pid).kill()


def alive(pids):
    """Those that still run."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return [process.cmdline() for process in psutil.wait_procs(found, timeout=60)[1]]


def test_a_closed_terminal_ends_the_run_in_order_unless_nobody_minds():
    """SIGHUP is as Ctrl-C; under ``nohup``, which ignores it, it stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with OrderlyEnd(Run()):
            os.kill(os.getpid(), signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with OrderlyEnd(Run()), pytest.raises(ComesAtOnceError):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def not_under_nohup():
    """Who runs the tests may have ignored SIGHUP for all that it starts."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("not_under_nohup")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_for_the_end_of_the_block(number):
    """What was to be done whole is done; afterwards handlers are those from before."""
    done, before = [], [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]

    @uninterrupted()
    def begin():
        with uninterrupted():
            os.kill(os.getpid(), number)
            done.append("inside")
        done.append("between")

    with OrderlyEnd(Run()):
        with pytest.raises(ComesAtOnceError):
            begin()
        with pytest.raises(ComesAtOnceError):
            os.kill(os.getpid(), number)
    assert done == ["inside", "between"]
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == before


def test_an_error_in_the_block_is_not_lost():
    """Without a signal it goes on, with one it is what the signal came upon."""
    with pytest.raises(KeyError), uninterrupted():
        raise KeyError("x")

    @uninterrupted()
    def fail():
        os.kill(os.getpid(), signal.SIGTERM)
        raise KeyError("x")

    with OrderlyEnd(Run()), pytest.raises(ComesAtOnceError) as caught:
        fail()
    assert isinstance(caught.value.__context__, KeyError)


def test_a_child_can_be_ended_by_signals_and_other_threads_are_left_alone():
    """Signals that are blocked would stay so in children; a thread may not change handlers."""
    with uninterrupted():
        child = subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"], stdout=-1)
    with child:
        assert child.stdout.readline() == b"1\n"
        child.terminate()
        assert child.wait(20) == -signal.SIGTERM
    entered = []

    def enter():
        with uninterrupted():
            entered.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGINT)]


def _laid_line(place):
    network = regions.networks((Link("here", 1.0),), os.getpid(), "198.18.9")[0]
    place._lay_line(network)


@pytest.mark.parametrize(
    ("kind", "begin"),
    [
        (LocalPlace, lambda place: place.start(plan(nodes=(HERE,), folder=place._plan.folder))),
        (SimulatedPlace, _laid_line),
        (SshPlace, lambda place: place.open(print)),
        (SshPlace, lambda place: place.start(place._plan)),
    ],
    ids=["local", "delay line", "ssh call", "outpost"],
)
def test_a_place_ends_what_was_just_begun(tmp_path, monkeypatch, began, kind, begin):
    """The signal comes when the child has been born and before its place has noted it."""
    pids, moments = began
    monkeypatch.setattr("acgs_load.fleet.ssh.ssh_words", lambda *_: ("sleep", "60"))
    for module in ("ssh_call", "ssh_outpost"):
        monkeypatch.setattr(f"acgs_load.fleet.{module}.ssh_words", lambda *_: ("sleep", "60"))
    monkeypatch.setattr(regions.RegionNetwork, "delay_line", lambda _: ("sleep", "60"))
    monkeypatch.setattr("acgs_load.fleet.ssh.DISMISS_TIMEOUT_S", 0.5)
    folder = RunFolder(tmp_path)
    folder.logs.mkdir()
    target = "http://192.0.2.1" if kind is SshPlace else "http://127.0.0.1:9"
    place = kind(plan(nodes=(HERE,), target=target, folder=str(tmp_path)))
    moments[1] = signal.SIGTERM
    with OrderlyEnd(Run()), pytest.raises(ComesAtOnceError):
        begin(place)
    assert len(pids) == 1
    place.close()
    assert alive(pids) == []


@pytest.mark.slow
@pytest.mark.parametrize("child", [1, 2, 3], ids=["gateway", "master", "worker"])
def test_a_run_that_is_interrupted_as_a_child_is_born_leaves_none(tmp_path, began, child):
    """Nothing was sent, and nobody is left."""
    pids, moments = began
    moments[child] = signal.SIGINT
    folder = RunFolder(tmp_path)
    folder.logs.mkdir()
    decided = plan(nodes=(HERE,), target="http://127.0.0.1:0", embedded=True, folder=str(tmp_path), workers_wait_s=60.0)
    assert session.run(decided, folder) == ExitCode.INTERRUPTED
    assert len(pids) == child
    assert alive(pids) == []

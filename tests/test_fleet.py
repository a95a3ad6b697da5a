"""Commands are spelled once; processes are started with a log and leave nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

import psutil
import pytest
from test_plan import plan

from acgs_load.errors import GeneratorError, TargetError
from acgs_load.fleet.commands import master_command, worker_commands
from acgs_load.fleet.embedded import start_embedded
from acgs_load.fleet.local import LocalProcess, stop_all
from acgs_load.fleet.ports import free_port, is_free
from acgs_load.plan import Node
from acgs_load.run_folder import RunFolder


def test_a_master_and_one_command_a_worker(tmp_path):
    """Local workers find the plan file; remote ones are told by the master and dial its address."""
    decided, folder = plan(master_host="10.0.0.1"), RunFolder(tmp_path)
    commands = [master_command(decided, folder), *worker_commands(decided, folder)]
    assert [command.name for command in commands] == ["master", *(f"worker-{index}" for index in range(5))]
    assert [command.local for command in commands] == [True, True, True, False, False, False]
    assert "ACGS_PLAN" in commands[1].environment
    assert commands[3].environment == {"ACGS_REGION": "eu-west-1"}
    assert "--master-host 10.0.0.1" in commands[3].shell()
    assert commands[3].shell().startswith("ACGS_REGION=eu-west-1 python -m locust -f locustfile.py --worker")


@pytest.mark.parametrize(
    ("nodes", "bind"),
    [((Node("localhost", 1, 10, "local"),), "127.0.0.1"), ((Node("load-1", 1, 10, "eu"),), "0.0.0.0")],
)
def test_the_master_listens_beyond_this_machine_only_for_remote_workers(tmp_path, nodes, bind):
    """Locust's port has no authentication, so it stays on loopback where it can."""
    shell = master_command(plan(nodes=nodes), RunFolder(tmp_path)).shell()
    assert f"--master-bind-host {bind}" in shell


@pytest.mark.parametrize(("web_ui", "word"), [(False, "--headless"), (True, "--autostart")])
def test_the_web_ui_is_served_on_demand(tmp_path, web_ui, word):
    """A run starts by itself either way."""
    assert word in master_command(plan(web_ui=web_ui), RunFolder(tmp_path)).argv


def python(tmp_path, code, name="child"):
    return LocalProcess(name, [sys.executable, "-u", "-c", code], {"X": "1"}, tmp_path / f"{name}.log")


def wait_for(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_output_goes_to_the_log_and_the_parent_is_named(tmp_path):
    """The child knows who started it, and its last words can be quoted."""
    child = python(tmp_path, "import os; print('hello', os.environ['X'], os.environ['ACGS_PARENT_PID'])")
    assert child.wait(60) == 0
    assert child.tail() == f"hello 1 {os.getpid()}"


def test_a_child_that_ignores_sigterm_is_ended_with_its_children(tmp_path):
    """After the grace period nothing of its session is left."""
    code = (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid)\ntime.sleep(60)"
    )
    child = python(tmp_path, code)
    wait_for(lambda: child.tail().isdigit())
    grandchild = psutil.Process(int(child.tail()))
    assert child.stop(0.2) == -signal.SIGKILL
    wait_for(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_stop_all_shares_one_grace_period(tmp_path):
    """Three children end together; those that ended before are no trouble."""
    children = [python(tmp_path, "import time; time.sleep(60)", f"c{number}") for number in range(3)]
    children.append(python(tmp_path, "pass", "quick"))
    children[-1].wait(60)
    stop_all(children, grace_s=5.0)
    assert [child.poll() for child in children] == [-signal.SIGTERM] * 3 + [0]


def test_a_command_that_does_not_exist_is_one_clear_line(tmp_path):
    """Not a traceback."""
    with pytest.raises(GeneratorError, match="cannot start"):
        LocalProcess("x", ["/nowhere/locust"], {}, tmp_path / "x.log")


def test_ports():
    """A port that somebody listens on is not free; one that was just found is."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(TargetError, match="stranger"):
            start_embedded(plan(target=f"http://127.0.0.1:{port}", embedded=True), "unused.log")
    assert is_free(free_port())

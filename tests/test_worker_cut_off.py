"""A worker whose network is cut for real: replaced, and nothing that it measured is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest
from locust_processes import Locust, nothing_left  # noqa: F401  # a fixture for all tests here
from test_worker_loss import both_counts, plan

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.salvage import salvage

pytestmark = pytest.mark.slow


def _allowed_to_cut():
    return os.geteuid() == 0 and shutil.which("ip") is not None


@pytest.fixture
def cable():
    """A network namespace with a cable to this one: its name, this end's address, and how to cut it."""
    name, host = f"acgs{os.getpid()}", f"10.231.{os.getpid() % 200}"
    steps = (
        f"ip netns add {name}",
        f"ip link add {name}a type veth peer name {name}b netns {name}",
        f"ip addr add {host}.1/24 dev {name}a",
        f"ip link set {name}a up",
        f"ip -n {name} addr add {host}.2/24 dev {name}b",
        f"ip -n {name} link set {name}b up",
        f"ip -n {name} link set lo up",
    )
    try:
        for step in steps:
            done = subprocess.run(step.split(), capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no network namespace with a cable here: {step}: {done.stderr.strip()}")
        yield name, f"{host}.1"
    finally:
        subprocess.run(["ip", "link", "del", f"{name}a"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.mark.skipif(not _allowed_to_cut(), reason="only root may cut a network")
@pytest.mark.parametrize("back", [False, True], ids=["for good", "for seven seconds"])
def test_a_worker_that_is_cut_off_is_replaced_and_its_samples_are_not_lost(tmp_path, cable, back):
    """Cut off for good it ends by itself, and its spool is merged; after some seconds it is back, with its reports."""
    namespace, address = cable
    spools = {"ACGS_SPOOL_DIR": str(tmp_path / "spools")}
    run = Locust(tmp_path, plan(tmp_path, 30.0, min_workers="50%"), 2, **spools).start(bind="0.0.0.0")
    run.add_worker("eu").add_worker("us", within=("ip", "netns", "exec", namespace), host=address)
    run.when("windows.jsonl")
    time.sleep(4)
    subprocess.run(["ip", "link", "set", f"{namespace}a", "down"], check=True)
    if back:
        time.sleep(7)
        subprocess.run(["ip", "link", "set", f"{namespace}a", "up"], check=True)
    else:
        assert run.workers[1].wait(25) is not None, "it ends once the master is silent"
    assert run.wait() == 0, run.log
    record = run.record
    (cut,) = (worker for worker in record["workers"] if worker["region"] == "us")
    assert cut["gaps"], "it was missed"
    assert cut["lost"] is not back
    salvage(run.folder)
    in_windows, counted = both_counts(run)
    assert in_windows == counted
    assert run.record["samples_lost"] == 0
    warnings = report_of(load_run(run.folder)).warnings
    assert any(("came back" if back else "was lost at") in text for text in warnings), warnings

"""A whole test in a cluster, played by a ``kubectl`` of ours: sent, watched, fetched; what is made is removed."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from running import finish, gateway, run, start_run
from test_kubernetes import SECRET, cluster_plan

from acgs_load.errors import GeneratorError
from acgs_load.fleet.kubernetes import KubernetesPlace
from acgs_load.fleet.ports import free_port


@pytest.fixture
def cluster(tmp_path):
    """The environment in which ``kubectl`` is ours, and the folder of what it was told."""
    folder, state = tmp_path / "bin", tmp_path / "cluster"
    folder.mkdir()
    state.mkdir()
    script = folder / "kubectl"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_kubectl.py")} "$@"\n')
    script.chmod(0o755)
    environ = {"PATH": f"{folder}:/usr/bin:/bin", "FAKE_KUBECTL_STATE": str(state), "ACGS_PASSWORD": SECRET,
               "LOCUST_MASTER_PORT": str(free_port())}  # fmt: skip
    yield state, environ
    for pid in state.glob("pods/*/pid"):
        if psutil.pid_exists(int(pid.read_text())):
            psutil.Process(int(pid.read_text())).kill()


def address():
    """An address of this machine that is not loopback, as a target of a cluster has."""
    found = [row.address for rows in psutil.net_if_addrs().values() for row in rows if row.family.name == "AF_INET"]
    return next((one for one in found if not one.startswith("127.")), None)


@pytest.fixture
def flags(tmp_path):
    """Flags of a short run with a target that pods could reach."""
    if (host := address()) is None:
        pytest.skip("needs an address that is not loopback")
    config = tmp_path / "nodes.json"
    nodes = [{"host": "localhost", "workers": 1, "max_users": 50, "region": region} for region in ("eu", "us")]
    config.write_text(json.dumps({"LOAD_TEST_NODES": nodes}))
    with gateway("--host", host) as url:
        yield ("--config-file", str(config), "--place", "kubernetes", "--test-type", "smoke", "--users", "6",
               "--target", url, "--i-may-load", host)  # fmt: skip


def calls(state):
    return [json.loads(line) for line in (state / "calls").read_text().splitlines()]


@pytest.mark.slow
def test_a_whole_run(tmp_path, cluster, flags):
    """Manifests, secret, log, reports and clean-up: the verdict is that of the pod, the folder is here."""
    state, environ = cluster
    ended = run(tmp_path, *flags, "--duration", "12s", environ=environ)
    assert ended.folder is not None
    assert "exit code" in ended.output, ended.output + ended.errors
    assert ended.code == ended.report["exit_code"]
    assert [row["region"] for row in ended.report["regions"]] == ["eu", "us"]
    assert all(row["samples_sent"] == row["samples_received"] > 0 for row in ended.record["workers"])
    assert (ended.folder / "report.html").exists()
    assert (ended.folder / "charts" / "latency.png").exists()
    assert "locust" in (ended.folder / "logs" / "workers.log").read_text()
    verbs = [next(word for word in call if word in VERBS) for call in calls(state)]
    assert verbs[:2] == ["create", "apply"]
    assert verbs[-1] == "delete"
    assert not any(SECRET in word for call in calls(state) for word in call)
    assert [
        path.name for path in ended.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ] == []


VERBS = {"create", "apply", "get", "logs", "wait", "exec", "delete"}


@pytest.mark.slow
def test_ctrl_c_ends_the_run_in_the_cluster(tmp_path, cluster, flags):
    """The master's process gets the signal and ends in order; its report comes home; everything is deleted."""
    state, environ = cluster
    process = start_run(tmp_path, *flags, "--duration", "60s", environ=environ)
    deadline = time.monotonic() + 90
    while not any(path.stat().st_size for path in state.glob("reports/*/*/*/windows.jsonl")):
        assert time.monotonic() < deadline, "no window in 90 s"
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    ended = finish(process, tmp_path)
    assert ended.code == 130, ended.output + ended.errors
    assert (ended.folder / "report.json").exists(), ended.output + ended.errors
    assert ended.report["interrupted"]
    assert "delete" in calls(state)[-1]


def test_without_kubectl_or_cluster_one_line_says_so(tmp_path, monkeypatch):
    """Not a traceback, and what was asked for stands in it."""
    from rich.console import Console

    place = KubernetesPlace(cluster_plan(folder=str(tmp_path)))
    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GeneratorError, match="kubectl: not found"):
        place.carry_out(Console(quiet=True))

"""Workers over ssh: real sshd processes, in networks of their own where root may make them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import sshd
from running import finish, gateway, run, start_run
from test_plan import plan

from acgs_load.errors import UsageError
from acgs_load.fleet.ssh import SshPlace
from acgs_load.plan import Node

real = pytest.mark.skipif(not sshd.able, reason="needs openssh-server")
root = os.geteuid() == 0
SECRET = "correct-horse-battery-staple"
REGIONS = ("eu-west-1", "us-east-1")
SUBNET = f"198.19.{os.getpid() % 256}"
"""Of the addresses for benchmarks, the half that simulated regions do not use; another for each process of tests."""


class Wire:
    """A network namespace at the end of a wire, with an address; both ends are gone afterwards."""

    def __init__(self, letter, number):
        self.name, self.device = f"acgst{os.getpid()}{letter}", f"acgst{os.getpid()}{letter}"
        self.here, self.there = f"{SUBNET}.1", f"{SUBNET}.{number}"
        far = f"{self.device}f"
        for words in (
            f"ip netns add {self.name}",
            f"ip link add {self.device} type veth peer name {far}",
            f"ip link set {far} netns {self.name}",
            f"ip addr add {self.here} peer {self.there} dev {self.device}",
            f"ip link set {self.device} up",
            f"ip -n {self.name} addr add {self.there} peer {self.here} dev {far}",
            f"ip -n {self.name} link set {far} up",
            f"ip -n {self.name} link set lo up",
        ):
            subprocess.run(words.split(), check=True)

    def remove(self):
        subprocess.run(["ip", "link", "delete", self.device], check=False)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


@pytest.fixture
def land(tmp_path):
    """Two machines to ssh to (two networks as root, else two ports), a target both reach, and the flags to use them."""
    home = tmp_path / "keys"
    home.mkdir()
    path = sshd.make_keys(home)
    wires = [Wire("a", 11), Wire("b", 12)] if root else []
    hosts = [(wire.there, ("ip", "netns", "exec", wire.name)) for wire in wires] or [("127.0.0.1", ())] * 2
    servers = [
        sshd.Sshd(home, name, address=address, inside=inside)
        for name, (address, inside) in zip("ab", hosts, strict=True)
    ]
    nodes = [
        {"host": server.address, "port": server.port, "workers": 1, "max_users": users, "region": region,
         "python": sys.executable}
        for server, users, region in zip(servers, (40, 20), REGIONS, strict=True)
    ]  # fmt: skip
    config = tmp_path / "nodes.json"
    config.write_text(json.dumps({"LOAD_TEST_NODES": nodes}))
    environ = {"PATH": path, "ACGS_PASSWORD": SECRET}
    flags = ("--config-file", str(config), "--place", "ssh", "--test-type", "smoke")
    host = f"{SUBNET}.1" if root else "127.0.0.1"
    with gateway("--host", host) as url:
        yield servers, (*flags, "--target", url, "--i-may-load", host), environ
    for server in servers:
        server.stop()
    for wire in wires:
        wire.remove()


def command_lines(*caches):
    """The command lines of all processes; with ``caches``, of those that stand in one of these folders."""
    lines = {}
    for process in psutil.process_iter():
        try:
            if not caches or any(process.cwd().startswith(str(cache)) for cache in caches):
                lines[process.pid] = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return lines


def wait_for(condition, timeout_s, process=None):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.1)


def runs_left(servers):
    return [run for server in servers for run in server.cache.glob("acgs-load/runs/*")]


def files_with(secret, *folders):
    found = subprocess.run(["grep", "-rl", secret, *map(str, folders)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@real
@pytest.mark.slow
def test_a_run_over_two_machines(tmp_path, land):
    """Every sample arrives, users are shared as max_users say, logs come home, and nothing stays there."""
    servers, flags, environ = land
    process = start_run(tmp_path, *flags, "--users", "12", "--duration", "12s", environ=environ)
    wait_for(lambda: list(tmp_path.glob("test/*/windows.jsonl")), 90, process)
    lines = command_lines()
    listening = [
        connection.laddr.ip
        for pid, line in lines.items()
        if "--master " in line and str(tmp_path) in line
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert "--worker --master-host 127.0.0.1" in " ".join(lines.values())
    assert not any(SECRET in line for line in lines.values()), "a secret on a command line"
    ended = finish(process, tmp_path)
    assert "copying the suite" in ended.output, ended.output + ended.errors
    assert "reaching the target" not in ended.output
    assert listening
    assert set(listening) == {"127.0.0.1"}
    workers = ended.record["workers"]
    assert {row["region"] for row in workers} == {"eu-west-1", "us-east-1"}
    assert all(row["samples_sent"] == row["samples_received"] > 0 for row in workers)
    with (ended.folder / "generators.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["process"].startswith("worker")]
    users = {region: max(int(row["users"]) for row in rows if row["region"] == region) for region in REGIONS}
    assert users == {"eu-west-1": 8, "us-east-1": 4}
    assert (ended.folder / "logs" / "worker-0.log").exists()
    assert list((ended.folder / "spools").iterdir()) == [], "what arrived needs no spool"
    assert runs_left(servers) == []
    caches = [server.cache for server in servers]
    assert command_lines(*caches) == {}
    assert files_with(SECRET, ended.folder, *caches) == []


@real
@pytest.mark.slow
def test_a_bundle_that_is_there_is_used_again(tmp_path, land, monkeypatch):
    """The second run copies nothing; a changed interpreter that lacks what workers need is found before the run."""
    servers, flags, environ = land
    monkeypatch.setenv("PATH", environ["PATH"])
    nodes = tuple(Node(server.address, 1, 10, "eu", port=server.port, python=sys.executable) for server in servers)
    target = flags[flags.index("--target") + 1]
    for copies in (1, 0):
        place, said = SshPlace(plan(place="ssh", nodes=nodes, target=target, folder=str(tmp_path))), []
        place.open(said.append)
        place.close()
        assert len(said) == copies
    place, said = SshPlace(plan(place="ssh", nodes=nodes, target=f"http://{SUBNET}.1:9", folder=str(tmp_path))), []
    place.open(said.append)
    place.close()
    assert [line.partition(f"reaching the target http://{SUBNET}.1:9")[1] != "" for line in said] == [True, True], said
    without = tuple(Node(node.host, 1, 10, "eu", port=node.port, python="/usr/bin/python3") for node in nodes)
    if subprocess.run(["/usr/bin/python3", "-c", "import locust"], capture_output=True, check=False).returncode:
        with pytest.raises(Exception, match="loading the suite failed"):
            SshPlace(plan(place="ssh", nodes=without, target=target, folder=str(tmp_path))).open(print)


@real
@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_leaves_nothing_there(tmp_path, land, signals):
    """What was measured is reported; a second Ctrl-C is quicker and leaves no more."""
    servers, flags, environ = land
    process = start_run(tmp_path, *flags, "--users", "6", "--duration", "60s", environ=environ)
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob("test/*/windows.jsonl")), 90, process)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    ended = finish(process, tmp_path)
    assert ended.code in ((130,) if signals == 1 else (130, 4)), ended.output + ended.errors
    assert ended.report["measures"] is not None
    assert runs_left(servers) == []
    assert command_lines(*(server.cache for server in servers)) == {}


@real
@pytest.mark.slow
def test_workers_elsewhere_do_not_outlive_a_killed_runner(tmp_path, land):
    """kill -9: the connection goes, the outpost ends its workers, and keeps their spools for whoever needs them."""
    servers, flags, environ = land
    process = start_run(tmp_path, *flags, "--users", "6", "--duration", "60s", environ=environ)
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob("test/*/windows.jsonl")), 90, process)
    caches = [server.cache for server in servers]
    assert len(command_lines(*caches)) >= 4, "two outposts, two workers"
    process.kill()
    process.communicate()
    wait_for(lambda: command_lines(*caches) == {}, 40)
    assert len(runs_left(servers)) == 2
    assert all(list(run.glob("spools/*.jsonl")) for run in runs_left(servers))


@real
@pytest.mark.slow
def test_a_machine_that_goes_away_is_said(tmp_path, land):
    """Before the run begins it ends the run, with the reason; nothing is left on the others."""
    servers, flags, environ = land
    servers[1].stop()
    ended = run(tmp_path, *flags, "--users", "6", "--duration", "10s", environ=environ)
    assert ended.code == 4
    assert ended.errors.count("\n") == 1
    assert "looking for the suite failed" in ended.errors
    assert f"ssh -p {servers[1].port} {servers[1].address}" in ended.errors
    assert command_lines(*(server.cache for server in servers)) == {}


@real
@pytest.mark.slow
def test_a_tunnel_that_is_not_allowed_is_said(tmp_path):
    """sshd without forwarding: the setting that it needs is named."""
    path = sshd.make_keys(tmp_path)
    server = sshd.Sshd(tmp_path, "closed", more="AllowTcpForwarding no")
    config = tmp_path / "nodes.json"
    node = {"host": "127.0.0.1", "port": server.port, "workers": 1, "max_users": 9, "python": sys.executable}
    config.write_text(json.dumps({"LOAD_TEST_NODES": [node]}))
    flags = ("--config-file", str(config), "--place", "ssh", "--target", "embedded:0", "--users", "2")
    ended = run(tmp_path, *flags, "--duration", "10s", environ={"PATH": path})
    server.stop()
    assert ended.code == 4
    assert "remote port forwarding failed" in ended.errors, ended.errors
    assert "AllowTcpForwarding" in ended.errors


def test_what_would_be_done_is_told_without_secrets(monkeypatch):
    """Every ssh command, for the machine, user, port and key of its node; the master on loopback."""
    monkeypatch.setenv("ACGS_PASSWORD", SECRET)
    node = Node("load-1", 2, 50, "eu", user="ann", port=2222, identity_file="/keys/k", python="/opt/venv/bin/python")
    steps = SshPlace(plan(place="ssh", nodes=(node,), target="http://acgs:80")).steps()
    shells = [step.shell() for step in steps]
    assert [step.name for step in steps] == [
        "bundle", "bundle", "bundle", "master", "outpost", "worker-0", "worker-1", "collect",
    ]  # fmt: skip
    assert all(
        "-l ann -p 2222 -i /keys/k -o IdentitiesOnly=yes" in shell for shell in shells if shell.startswith("ssh")
    )
    assert "--master-bind-host 127.0.0.1" in shells[3]
    assert "-R 127.0.0.1:0:127.0.0.1:5557" in shells[4]
    assert "/opt/venv/bin/python -m locust -f locustfile.py --worker" in shells[5]
    assert not any(SECRET in shell for shell in shells)


def test_a_target_that_only_this_machine_has_is_refused():
    """localhost is another machine over there."""
    nodes = (Node("load-1", 1, 50, "eu"),)
    for changes in ({"target": "http://localhost:8080"}, {"target": "http://127.0.0.1:0", "embedded": True}):
        with pytest.raises(UsageError, match="on load-1 that address is another"):
            SshPlace(plan(place="ssh", nodes=nodes, **changes))


def test_machines_must_be_named(tmp_path):
    """--place ssh without LOAD_TEST_NODES asks for them."""
    assert "name them in LOAD_TEST_NODES" in run(tmp_path, "--place", "ssh").errors

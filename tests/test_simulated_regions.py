"""Simulated regions are networks that are really slower, and nothing is left of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from running import finish, run, start_run
from test_plan import plan

from acgs_load.errors import UsageError
from acgs_load.fleet import regions
from acgs_load.fleet.delay_line import Direction
from acgs_load.fleet.simulated import SimulatedPlace
from acgs_load.plan import Link, Node
from acgs_load.profile_links import DEFAULT_RTT_MS, links_of

NEAR, FAR = Node("localhost", 1, 50, "near"), Node("localhost", 1, 50, "far")
LINKS = (Link("near", 4.0), Link("far", 150.0, 0.01))

able = os.geteuid() == 0 and all(map(shutil.which, ("ip", "tc", "nft"))) and os.path.exists("/dev/net/tun")
real = pytest.mark.skipif(not able, reason="needs root, ip, tc, nft and /dev/net/tun")


def test_every_command_of_the_networks_is_told():
    """What --dry-run prints: half of the delay at each end, the master where regions find it, workers inside."""
    place = SimulatedPlace(plan(nodes=(NEAR, FAR), links=LINKS, target="http://127.0.0.1:0", embedded=True))
    shells = [command.shell() for command in place.steps()]
    far = f"acgs{os.getpid()}h1"
    assert f"ip netns add acgs-{os.getpid()}-1" in shells
    assert f"tc qdisc add dev {far} root netem limit 100000 delay 75ms loss 1%" in shells
    master = next(shell for shell in shells if "--master " in shell)
    address = master.partition("--master-bind-host ")[2].split()[0]
    assert address.startswith("198.18.")
    worker = next(shell for shell in shells if "ACGS_REGION=far" in shell)
    assert f"ip netns exec acgs-{os.getpid()}-1 python -m locust" in worker
    assert f"--master-host {address} " in worker
    assert not any("masquerade" in shell for shell in shells)
    assert len(far) <= 15, "longer names are refused by Linux"


def test_a_target_elsewhere_is_reached_through_this_machine():
    """Only then packets are forwarded under this machine's address."""
    place = SimulatedPlace(plan(nodes=(NEAR, FAR), links=LINKS, target="https://acgs.example.com"))
    assert any("masquerade" in command.shell() for command in place.steps())


def test_a_subnet_that_this_machine_uses_is_not_taken():
    """Two runs, or a real network of that number, do not get into each other's way."""
    first = regions.free_subnet("", 7)
    assert first == "198.18.7"
    assert regions.free_subnet(f"198.18.7.1 dev a\n{regions.SUBNETS[8]}.0/24", 7) == "198.18.9"


def test_distances():
    """The promised regions have a distance; for others somebody must say it; what names no region is refused."""
    nodes = [Node("localhost", 1, 1, region) for region in DEFAULT_RTT_MS]
    assert [link.rtt_ms for link in links_of(nodes, {})] == list(DEFAULT_RTT_MS.values())
    assert links_of([FAR], {"far": LINKS[1]}) == (LINKS[1],)
    with pytest.raises(UsageError, match="how far moon is"):
        links_of([Node("localhost", 1, 1, "moon")], {})
    with pytest.raises(UsageError, match="no node is in far"):
        links_of([nodes[0]], {"far": LINKS[1]})


def test_a_packet_leaves_the_line_when_it_is_due_and_some_never(monkeypatch):
    """In order, after the delay, not before; the share that is lost is the share asked for."""
    arrived, sent = [b"a", b"b"], []
    monkeypatch.setattr(os, "read", lambda *_: arrived.pop(0) if arrived else (_ for _ in ()).throw(BlockingIOError))
    monkeypatch.setattr(os, "write", lambda _, packet: sent.append(packet))

    class Chance:
        def random(self):
            return next(self.values)

        values = iter([0.5, 0.5, *(number / 1000 for number in range(1000))])

    line = Direction(0, 1, 0.1, 0.25, Chance())
    line.take(10.0)
    assert line.give(10.05) == pytest.approx(0.05)
    assert sent == []
    line.give(10.1)
    assert sent == [b"a", b"b"]
    arrived += [b"c"] * 1000
    for _ in range(20):
        line.take(20.0)
    line.give(21.0)
    assert len(sent) == 2 + 750


@pytest.fixture
def settings(tmp_path):
    """Flags of a short run in two regions."""
    path = tmp_path / "regions.json"
    nodes = [{"host": "localhost", "workers": 1, "max_users": 50, "region": region} for region in ("near", "far")]
    links = {"near": {"rtt_ms": 4}, "far": {"rtt_ms": 150}}
    path.write_text(json.dumps({"LOAD_TEST_NODES": nodes, "REGION_LINKS": links}))
    return ("--config-file", str(path), "--simulate-regions", "--test-type", "smoke", "--users", "6")


def ours(pid):
    """What there is on this machine that bears the runner's number."""
    text = "".join(
        subprocess.run(words, capture_output=True, text=True, check=False).stdout
        for words in (["ip", "netns", "list"], ["ip", "-o", "link"], ["nft", "list", "tables"])
    )
    files = os.listdir(regions.FILES) if regions.FILES.is_dir() else []
    return [word for word in (*text.replace(":", " ").replace("@", " ").split(), *files) if f"acgs{pid}" in word
            or f"acgs-{pid}-" in word or f"acgs_{pid}" in word]  # fmt: skip


def children_of(pid):
    """Pids of a process' descendants."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


@real
@pytest.mark.slow
def test_latency_by_region_is_that_of_its_network(tmp_path, settings):
    """150 ms apart on the wire is 150 ms apart in the report; the networks are gone when the run is."""
    process = start_run(tmp_path, *settings, "--target", "embedded:0", "--duration", "10s")
    ended = finish(process, tmp_path)
    assert "region far: 1" in ended.output, ended.output + ended.errors
    p50_ms = {row["region"]: row["latency_ms"]["p50"] for row in ended.report["regions"]}
    assert p50_ms["far"] - p50_ms["near"] > 100, "the way of 146 ms more is in the figures"
    assert p50_ms["far"] >= 150
    assert ours(process.pid) == []


@real
@pytest.mark.slow
def test_what_a_killed_runner_leaves_is_removed_by_the_next(tmp_path, settings):
    """After kill -9 its processes end by themselves, its networks with the next run, whatever becomes of that."""
    process = start_run(tmp_path, *settings, "--target", "embedded:0", "--duration", "60s")
    deadline = time.monotonic() + 90
    while not list(tmp_path.glob("test/*/windows.jsonl")):
        assert time.monotonic() < deadline, "no window in 90 s"
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    children = children_of(process.pid)
    process.kill()
    process.communicate()
    assert ours(process.pid) != []
    second = run(tmp_path / "second", *settings, "--target", "http://127.0.0.1:9")
    assert second.code == 3
    assert "does not answer beyond this machine's loopback" in second.errors
    assert f"removed the networks that process {process.pid}" in second.output
    assert ours(process.pid) == []
    psutil.wait_procs([psutil.Process(pid) for pid in children if psutil.pid_exists(pid)], timeout=40)
    assert [pid for pid in children if psutil.pid_exists(pid)] == []


@real
@pytest.mark.slow
def test_ctrl_c_leaves_no_network(tmp_path, settings):
    """Not while the networks are made, either."""
    process = start_run(tmp_path, *settings, "--target", "embedded:0", "--duration", "60s")
    deadline = time.monotonic() + 60
    while not ours(process.pid):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    ended = finish(process, tmp_path)
    # the second one may come when all is done and the interpreter is on its way out
    assert ended.code in (130, -signal.SIGINT), ended.output + ended.errors
    assert ours(process.pid) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="only an ordinary user is refused")
def test_an_ordinary_user_is_told(tmp_path, settings):
    """One line, nothing made."""
    assert "needs Linux and root" in run(tmp_path, *settings, "--target", "embedded:0").errors


def test_regions_elsewhere_are_not_simulated(tmp_path):
    """A node on another machine has its own network; links without simulation say nothing."""
    path = tmp_path / "x.json"
    node = {"host": "load-1", "workers": 1, "max_users": 50, "region": "far"}
    path.write_text(json.dumps({"LOAD_TEST_NODES": [node], "REGION_LINKS": {"far": {"rtt_ms": 1}}}))
    words = [sys.executable, "run_load_test.py", "--config-file", str(path), "--dry-run"]
    done = subprocess.run([*words, "--simulate-regions"], capture_output=True, text=True, check=False)
    assert "plays every region on this machine" in done.stderr
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "only simulated regions have them" in done.stderr

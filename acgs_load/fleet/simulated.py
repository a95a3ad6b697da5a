"""``--simulate-regions``: the workers of each region on this machine, in a network of their own that is really slower.

Needs Linux and root. Whatever the regions send, to the target and to the master, takes the region's way.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from acgs_load.errors import GeneratorError, TargetError, UsageError
from acgs_load.fleet import regions
from acgs_load.fleet.commands import LOCAL_HOSTS, Command, master_command, worker_commands
from acgs_load.fleet.delay_line import READY
from acgs_load.fleet.here import LocalPlace
from acgs_load.fleet.local import LocalProcess, python_path, stop_all
from acgs_load.fleet.place import Worker, folder_of, host_and_port
from acgs_load.fleet.regions import RegionNetwork
from acgs_load.plan import Plan
from acgs_load.uninterrupted import uninterrupted

READY_WITHIN_S = 15.0
REACH_TIMEOUT_S = 5.0
TRIPS = 5
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_REACH = """
import socket, sys, time
best = float("inf")
for _ in range(int(sys.argv[3])):
    begin = time.perf_counter()
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[4])).close()
    best = min(best, time.perf_counter() - begin)
print(best * 1000)
"""
"""Opening a connection takes one round trip; the quickest of some is the way without waiting."""


class SimulatedPlace(LocalPlace):
    """This machine, cut into regions."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._owner = os.getpid()
        self._say: Callable[[str], None] = print
        self._lines: list[LocalProcess] = []
        self._networks: list[RegionNetwork] = []
        self._opened = False

    def steps(self) -> Sequence[Command]:
        """The networks, the master, the workers in them."""
        made = regions.networks(self._plan.links, self._owner, regions.free_subnet("", self._owner))
        plan = self._in_regions(self._plan, made[0])
        folder = folder_of(plan)
        networks = [command for network in made for command in _network_commands(network)]
        if not (plan.embedded or _here(urlsplit(self._plan.target))):
            networks += regions.masquerade_commands(self._owner, made[0].subnet)
        return [*networks, master_command(plan, folder), *_inside(made, worker_commands(plan, folder))]

    def open(self, say: Callable[[str], None]) -> Plan:
        """Make the networks, after removing those that a killed runner left."""
        _demand_rights()
        self._say, self._opened = say, True
        for owner in regions.stale_owners():
            regions.remove(owner)
            say(f"removed the networks that process {owner}, which was killed, had left")
        subnet = regions.free_subnet(_addresses(), self._owner)
        self._networks = regions.networks(self._plan.links, self._owner, subnet)
        self._make_networks()
        self._lead_to_target(urlsplit(self._plan.target))
        return self._in_regions(self._plan, self._networks[0])

    def start(self, plan: Plan) -> list[Worker]:
        """Measure each region's way to the target, then start its workers in it."""
        for network in self._networks:
            trip_ms = _trip_ms(network, urlsplit(plan.target))
            self._say(f"region {network.link.region}: {trip_ms:.1f} ms to the target and back")
        return super().start(plan)

    def close(self) -> None:
        """End what runs in the networks and remove them."""
        super().close()
        stop_all(self._lines, 0.0)
        if self._opened:
            regions.remove(self._owner)

    def _commands(self, plan: Plan) -> list[Command]:
        return _inside(self._networks, super()._commands(plan))

    def _make_networks(self) -> None:
        for network in self._networks:
            _run(regions.add_command(network))
        netem = _has_netem(self._networks[0])
        if not netem:
            self._say("this kernel has no netem (module sch_netem): delays are made in user space, by delay_line")
        for network in self._networks:
            if netem:
                _run(*regions.wire_commands(network), *regions.netem_commands(network))
            else:
                self._lay_line(network)
            _run(*regions.address_commands(network))

    def _lay_line(self, network: RegionNetwork) -> None:
        log = folder_of(self._plan).logs / f"delay-line-{network.link.region}.out"
        with uninterrupted():
            line = LocalProcess(network.region_device, network.delay_line(), {"PYTHONPATH": python_path()}, log)
            self._lines.append(line)
        deadline_s = time.monotonic() + READY_WITHIN_S
        while line.tail(1) != READY:
            if line.poll() is not None or time.monotonic() > deadline_s:
                raise GeneratorError(f"region {network.link.region}: no network ({line.tail(1)}); see {log}")
            time.sleep(0.02)

    def _lead_to_target(self, target: SplitResult) -> None:
        """Make sure that packets can get to the target; that it answers is found out when it should be up."""
        if self._plan.embedded:
            return
        if _here(target):
            _demand_beyond_loopback(self._networks[0].host_address, target)
            return
        if _FORWARDING.read_text().strip() != "1":
            raise UsageError(
                "--simulate-regions: the regions reach the target through this machine, which does not forward; "
                "allow it: sysctl -w net.ipv4.ip_forward=1"
            )
        _run(*regions.masquerade_commands(self._owner, self._networks[0].subnet))
        self._name_target(target.hostname or "")

    def _name_target(self, host: str) -> None:
        """A resolver on this machine's loopback does not answer the regions, so they are told the address."""
        try:
            address = socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]
        except OSError as error:
            raise TargetError(f"target {self._plan.target}: {host} has no IPv4 address ({error})") from error
        hosts = Path("/etc/hosts").read_text(encoding="utf-8") + f"\n{address} {host}\n"
        for network in self._networks:
            folder = regions.FILES / network.namespace
            folder.mkdir(parents=True)
            (folder / "hosts").write_text(hosts, encoding="utf-8")

    def _in_regions(self, plan: Plan, network: RegionNetwork) -> Plan:
        """The plan with this machine's address as the regions see it."""
        here, parts = network.host_address, urlsplit(plan.target)
        plan = dataclasses.replace(plan, master_host=here, master_bind_host=here)
        if not (plan.embedded or _here(parts)):
            return plan
        place = here if parts.port is None else f"{here}:{parts.port}"
        return dataclasses.replace(plan, target=parts._replace(netloc=place).geturl())


def _demand_rights() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise UsageError("--simulate-regions needs Linux and root (it makes network namespaces); run it with sudo")
    for tool, package in (("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables")):
        if shutil.which(tool) is None:
            raise UsageError(f"--simulate-regions: {tool} is missing; install {package}")


def _demand_beyond_loopback(address: str, target: SplitResult) -> None:
    _, port = host_and_port(target.geturl())
    try:
        socket.create_connection((address, port), timeout=REACH_TIMEOUT_S).close()
    except OSError as error:
        raise TargetError(
            f"target {target.geturl()}: does not answer beyond this machine's loopback ({error.strerror or error}), "
            "and simulated regions come from there; let it listen on 0.0.0.0, or use --target embedded"
        ) from error


def _here(target: SplitResult) -> bool:
    host = target.hostname or ""
    return host in LOCAL_HOSTS or host.startswith("127.")


def _addresses() -> str:
    listed = [subprocess.run(["ip", *words], capture_output=True, text=True, check=False).stdout for words in _LISTS]
    return "\n".join(listed)


_LISTS = (("-o", "addr"), ("route", "show", "table", "all"))


def _network_commands(network: RegionNetwork) -> list[Command]:
    parts = (regions.wire_commands, regions.netem_commands, regions.address_commands)
    return [regions.add_command(network), *(command for part in parts for command in part(network))]


def _inside(networks: Sequence[RegionNetwork], commands: Sequence[Command]) -> list[Command]:
    """The workers' commands, each in the network of its region."""
    by_region = {network.link.region: network for network in networks}
    return [
        dataclasses.replace(command, argv=by_region[command.environment["ACGS_REGION"]].inside(command.argv))
        for command in commands
    ]


def _has_netem(network: RegionNetwork) -> bool:
    words = ("tc", "-n", network.namespace, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    with uninterrupted():
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _run(*commands: Command) -> None:
    for command in commands:
        with uninterrupted():  # what it makes is removed only when it has been made
            done = subprocess.run(command.argv, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise GeneratorError(f"--simulate-regions: {command.shell()}: {said}")


def _trip_ms(network: RegionNetwork, target: SplitResult) -> float:
    host, port = host_and_port(target.geturl())
    words = (sys.executable, "-c", _REACH, host, f"{port}", f"{TRIPS}", f"{REACH_TIMEOUT_S:g}")
    done = subprocess.run(network.inside(words), capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        raise TargetError(
            f"target {target.geturl()}: does not answer from region {network.link.region} ({reason[0]}); "
            "is something between this machine's networks, such as a firewall's FORWARD rules?"
        )
    return float(done.stdout)

"""Networks of simulated regions: a namespace each, a wire to this machine, and on it the region's delay and loss.

What is made carries the runner's process id in its name, so that a later run can tell what a killed one left behind.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from acgs_load.fleet.commands import Command
from acgs_load.plan import Link

NAMESPACES = Path("/run/netns")
FILES = Path("/etc/netns")
"""``ip netns exec`` shows each namespace its own files of /etc from here."""
SUBNETS = tuple(f"198.18.{number}" for number in range(256))
"""198.18.0.0/15 is set aside for benchmarks of networks (RFC 2544, appendix C.2.2)."""
NETEM_LIMIT = 100_000
"""Packets under way; netem's default of 1,000 would lose some from 5,000 a second at 200 ms."""
_OURS = re.compile(r"acgs-(\d+)-(\d+)")
_OUR_DEVICE = re.compile(r"acgs(\d+)[hr]\d+")
_OUR_TABLE = re.compile(r"table ip acgs_(\d+)")


@dataclass(frozen=True, slots=True)
class RegionNetwork:
    """The names and addresses of one region's network."""

    link: Link
    number: int
    owner: int
    """Process id of the runner."""
    subnet: str
    """First three bytes."""

    @property
    def namespace(self) -> str:
        """Name for ``ip netns``."""
        return f"acgs-{self.owner}-{self.number}"

    @property
    def host_device(self) -> str:
        """This machine's end of the wire."""
        return f"acgs{self.owner}h{self.number}"

    @property
    def region_device(self) -> str:
        """The region's end of the wire."""
        return f"acgs{self.owner}r{self.number}"

    @property
    def host_address(self) -> str:
        """This machine, as all regions of the run see it."""
        return f"{self.subnet}.1"

    @property
    def address(self) -> str:
        """The region's own address."""
        return f"{self.subnet}.{10 + self.number}"

    def inside(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The words that run ``argv`` in the region; needs root."""
        return ("ip", "netns", "exec", self.namespace, *argv)

    def delay_line(self) -> tuple[str, ...]:
        """The words of the process that is the wire where there is no netem."""
        words = (f"{self.link.rtt_ms / 2:g}", "--loss-ratio", f"{self.link.loss_ratio:g}")
        devices = (self.host_device, self.region_device, self.namespace)
        return (sys.executable, "-m", "acgs_load.fleet.delay_line", *devices, "--delay-ms", *words)


def networks(links: Sequence[Link], owner: int, subnet: str) -> list[RegionNetwork]:
    """A network for each link."""
    return [RegionNetwork(link, number, owner, subnet) for number, link in enumerate(links)]


def wire_commands(network: RegionNetwork) -> list[Command]:
    """Two ends of a wire, one of them in the region."""
    ends = ("type", "veth", "peer", "name", network.region_device)
    return [
        _command("ip", "link", "add", network.host_device, *ends),
        _command("ip", "link", "set", network.region_device, "netns", network.namespace),
    ]


def netem_commands(network: RegionNetwork) -> list[Command]:
    """Half of the way's delay at each end, so that there and back make the round trip."""
    link = network.link
    netem: tuple[str, ...] = ("root", "netem", "limit", f"{NETEM_LIMIT}", "delay", f"{link.rtt_ms / 2:g}ms")
    netem += ("loss", f"{link.loss_ratio * 100:g}%") if link.loss_ratio else ()
    return [
        _command("tc", "qdisc", "add", "dev", network.host_device, *netem),
        _command("tc", "-n", network.namespace, "qdisc", "add", "dev", network.region_device, *netem),
    ]


def address_commands(network: RegionNetwork) -> list[Command]:
    """Addresses and routes at both ends."""
    here, there, inside = network.host_address, network.address, ("ip", "-n", network.namespace)
    return [
        _command("ip", "addr", "add", here, "peer", there, "dev", network.host_device),
        _command("ip", "link", "set", network.host_device, "up"),
        _command(*inside, "addr", "add", there, "peer", here, "dev", network.region_device),
        _command(*inside, "link", "set", network.region_device, "up"),
        _command(*inside, "link", "set", "lo", "up"),
        _command(*inside, "route", "add", "default", "via", here),
    ]


def add_command(network: RegionNetwork) -> Command:
    """The namespace itself."""
    return _command("ip", "netns", "add", network.namespace)


def masquerade_commands(owner: int, subnet: str) -> list[Command]:
    """Lets the regions reach targets beyond this machine, under this machine's address."""
    table = ("ip", f"acgs_{owner}")
    hook = "{ type nat hook postrouting priority 100 ; }"
    return [
        _command("nft", "add", "table", *table),
        _command("nft", "add", "chain", *table, "out", hook),
        _command("nft", "add", "rule", *table, "out", "ip", "saddr", f"{subnet}.0/24", "masquerade"),
    ]


def free_subnet(taken: str, owner: int) -> str:
    """A subnet that does not occur in ``taken`` (routes and addresses of this machine); differs from run to run."""
    order = (*SUBNETS[owner % 256 :], *SUBNETS)
    return next(subnet for subnet in order if f"{subnet}." not in taken)


def remove(owner: int) -> None:
    """Remove whatever networks the runner with that process id made, as far as it is there."""
    for device in _devices():
        if _owner(_OUR_DEVICE, device) == owner:
            _quietly("ip", "link", "delete", device)
    for namespace in _names(NAMESPACES):
        if _owner(_OURS, namespace) == owner:
            _quietly("ip", "netns", "delete", namespace)
    for name in _names(FILES):
        if _owner(_OURS, name) == owner:
            shutil.rmtree(FILES / name, ignore_errors=True)
    if owner in _table_owners():
        _quietly("nft", "delete", "table", "ip", f"acgs_{owner}")


def stale_owners() -> list[int]:
    """Process ids of runners that ended without removing their networks."""
    named = [(name, _owner(_OURS, name)) for folder in (NAMESPACES, FILES) for name in _names(folder)]
    owners = {owner for _, owner in named if owner is not None}
    owners |= {owner for device in _devices() if (owner := _owner(_OUR_DEVICE, device)) is not None}
    owners |= set(_table_owners())
    return sorted(owner for owner in owners if owner != os.getpid() and not _is_runner(owner))


def _is_runner(owner: int) -> bool:
    """Whether that process lives and is older than what bears its number, so that it can have made it."""
    try:
        born_s = psutil.Process(owner).create_time()
    except psutil.NoSuchProcess:
        return False
    made = NAMESPACES / f"acgs-{owner}-0"
    return not made.exists() or born_s <= made.stat().st_ctime + 1.0


def _owner(pattern: re.Pattern[str], name: str) -> int | None:
    found = pattern.fullmatch(name)
    return int(found[1]) if found else None


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _devices() -> Iterator[str]:
    yield from _names(Path("/sys/class/net"))


def _table_owners() -> list[int]:
    if shutil.which("nft") is None:
        return []
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    return [int(found[1]) for found in _OUR_TABLE.finditer(listed)]


def _quietly(*argv: str) -> None:
    """Run what removes something; that it is gone already is what was wanted."""
    subprocess.run(argv, capture_output=True, check=False)


def _command(*argv: str) -> Command:
    return Command("network", "localhost", argv)

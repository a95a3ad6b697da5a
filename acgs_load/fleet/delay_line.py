"""``python -m acgs_load.fleet.delay_line``: a long wire where the kernel has no netem.

Two TUN devices, one of them moved into the region's network namespace; every packet that enters one leaves the other
later, or never. The devices exist as long as this process does.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from random import Random

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
"""From Linux' ``linux/if_tun.h``: layer 3, no header of its own before each packet."""
PACKET_MAX_BYTES = 65_535
BATCH = 64
"""Packets read before those that are due are looked after."""
HELD_MAX = 100_000
"""Packets under way in one direction; the next is dropped, as a queue that is full does."""
LOOK_EVERY_S = 1.0
PRIORITY = -15
READY = "delay line ready"


class Direction:
    """One way along the wire. All packets take equally long, so they leave in the order they came."""

    def __init__(self, source: int, sink: int, delay_s: float, loss_ratio: float, chance: Random) -> None:
        self.source = source
        self._sink = sink
        self._delay_s = delay_s
        self._loss_ratio = loss_ratio
        self._chance = chance
        self._held: deque[tuple[float, bytes]] = deque()

    def take(self, now_s: float) -> None:
        """Read what has arrived."""
        for _ in range(BATCH):
            try:
                packet = os.read(self.source, PACKET_MAX_BYTES)
            except BlockingIOError:
                return
            lost = self._loss_ratio and self._chance.random() < self._loss_ratio
            if not lost and len(self._held) < HELD_MAX:
                self._held.append((now_s + self._delay_s, packet))

    def give(self, now_s: float) -> float:
        """Let those go that are due; seconds until the next one is."""
        while self._held and self._held[0][0] <= now_s:
            _, packet = self._held.popleft()
            try:
                os.write(self._sink, packet)
            except OSError:
                continue  # its device is down or its queue full: networks drop packets
        return self._held[0][0] - now_s if self._held else LOOK_EVERY_S


def play(directions: tuple[Direction, Direction], parent: int) -> None:
    """Carry packets until the parent process is gone."""
    by_source = {direction.source: direction for direction in directions}
    looked_s = time.monotonic()
    wait_s = 0.0
    while True:
        readable, _, _ = select.select(list(by_source), [], [], max(0.0, min(wait_s, LOOK_EVERY_S)))
        now_s = time.monotonic()
        for source in readable:
            by_source[source].take(now_s)
        wait_s = min(direction.give(now_s) for direction in directions)
        if now_s - looked_s > LOOK_EVERY_S:
            looked_s = now_s
            if os.getppid() != parent:
                return


def open_tun(name: str) -> int:
    """The descriptor of a new TUN device. Raises OSError."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return descriptor


def main() -> int:
    """The exit code; ends when its parent does."""
    parser = argparse.ArgumentParser(prog="python -m acgs_load.fleet.delay_line", description=__doc__)
    for name in ("host_device", "region_device", "namespace"):
        parser.add_argument(name)
    parser.add_argument("--delay-ms", type=float, required=True, help="in each direction")
    parser.add_argument("--loss-ratio", type=float, default=0.0, help="in each direction")
    told = parser.parse_args()
    parent, delay_s, chance = os.getppid(), told.delay_ms / 1e3, Random()
    try:
        near, far = open_tun(told.host_device), open_tun(told.region_device)
        subprocess.run(["ip", "link", "set", told.region_device, "netns", told.namespace], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"delay line: cannot make {told.host_device} ({error}); it needs root and /dev/net/tun", file=sys.stderr)
        return 1
    # on a real network packets do not wait for the generators' CPUs
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    print(READY, flush=True)
    there = Direction(far, near, delay_s, told.loss_ratio, chance)
    back = Direction(near, far, delay_s, told.loss_ratio, chance)
    play((there, back), parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())

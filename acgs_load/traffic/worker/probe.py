"""What the generator itself adds to a latency: a no-op exchange through the same event loop, many times a second.

The kernel's timer says when a probe is due, however late the loop is; the loop then sends a byte to itself and times
its arrival, as it would time an answer. A stall counts with every probe that was due in it, so nothing is flattered by
a probe that waits politely until the loop is free again.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from typing import Any

import gevent

from acgs_load.histogram import Histogram

INTERVAL_NS = 47_000_000
"""Some 21 a second; no divisor of a second, so that what happens once a second is not always hit or always missed."""
READ, ABSOLUTE = 1, 1
"""libev's flag for a readable descriptor; timerfd_settime's for a time on the clock."""


class LoopProbe:
    """Probes the loop of the process from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._latencies = Histogram()
        self._due_ns: list[int] = []
        self._next_ns = 0
        self._closing: list[Any] = []

    def start(self) -> None:
        """The first probe is due one interval from now."""
        self.stop()
        self._next_ns = time.monotonic_ns() + INTERVAL_NS
        self._sender, receiver = socket.socketpair()
        self._closing += [self._sender, receiver]
        for end in (self._sender, receiver):
            end.setblocking(False)
        self._receiver = receiver.fileno()
        self._watch(self._receiver, self._arrived)
        timer = kernel_timer(self._next_ns)
        if timer is None:
            self._closing.append(_Killed(gevent.spawn(self._keep_time)))
            return
        self._timer = timer
        self._closing.append(_Closed(timer))
        self._watch(timer, self._rung)

    def stop(self) -> None:
        """No further probe."""
        for one in reversed(self._closing):  # a watcher ends before its descriptor is closed
            one.close()
        self._closing.clear()
        self._due_ns.clear()

    def take(self) -> Histogram:
        """Remove and return the latencies since the last call."""
        latencies, self._latencies = self._latencies, Histogram()
        return latencies

    def _watch(self, descriptor: int, callback: Any) -> None:
        watcher = gevent.get_hub().loop.io(descriptor, READ, ref=False)
        watcher.start(callback)
        self._closing.append(watcher)

    def _rung(self) -> None:
        try:
            due = int.from_bytes(os.read(self._timer, 8), "little")
        except BlockingIOError:  # epoll may say so without cause
            return
        self._send(due)

    def _keep_time(self) -> None:
        """In the kernel's stead, where it has no such timer; as exact as the loop's, about a millisecond."""
        while True:
            gevent.sleep(max(0.0, (self._next_ns - time.monotonic_ns()) / 1e9))
            self._send(max(0, time.monotonic_ns() - self._next_ns) // INTERVAL_NS + 1)

    def _send(self, due: int) -> None:
        self._due_ns += range(self._next_ns, self._next_ns + due * INTERVAL_NS, INTERVAL_NS)
        self._next_ns += due * INTERVAL_NS
        self._sender.send(b"?")

    def _arrived(self) -> None:
        os.read(self._receiver, 64)
        now_ns = time.monotonic_ns()
        for due_ns in self._due_ns:
            self._latencies.record((now_ns - due_ns) // 1_000)
        self._due_ns.clear()


class _Closed:
    """A descriptor to close."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        """For good."""
        os.close(self._descriptor)


class _Killed:
    """A greenlet to end."""

    def __init__(self, greenlet: Any) -> None:
        self._greenlet = greenlet

    def close(self) -> None:
        """Without waiting for it."""
        self._greenlet.kill(block=False)


class _Moment(ctypes.Structure):
    """``struct timespec``."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Rhythm(ctypes.Structure):
    """``struct itimerspec``."""

    _fields_ = (("interval", _Moment), ("first", _Moment))


def kernel_timer(first_ns: int) -> int | None:
    """A descriptor that is readable from ``first_ns`` (``time.monotonic_ns``) on every interval; None off Linux.

    timerfd_create(2); Python has it from 3.13 on.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "timerfd_create"):
        return None
    descriptor = int(library.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
    if descriptor < 0:
        return None
    rhythm = _Rhythm(_Moment(*divmod(INTERVAL_NS, 10**9)), _Moment(*divmod(first_ns, 10**9)))
    if library.timerfd_settime(descriptor, ABSOLUTE, ctypes.byref(rhythm), None) != 0:
        os.close(descriptor)
        return None
    return descriptor

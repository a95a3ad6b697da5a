"""Many workers in one process: each with a socket and an identity of its own, all with the same figures to report.

What goes over the wire is what a real worker sends, made by a real worker's code (windows, heartbeats, the handshake,
the seal); only the requests behind it were never sent. One report is made for all members of the process and sent by
each in its turn, so that the simulation costs little beside the master that is measured.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import zmq
from locust import __version__ as locust_version
from locust.rpc import zmqrpc
from locust.stats import RequestStats, StatsEntry

from acgs_load.contract import OPERATIONS, Outcome
from acgs_load.plan import Plan
from acgs_load.samples import Sample
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.engine.wire import seal
from acgs_load.traffic.messages import END, FINAL, HELLO, PING, PLAN, READY, REFUSED, REPORT, START
from acgs_load.traffic.passport import passport
from acgs_load.traffic.phases import PhaseBook
from acgs_load.traffic.worker.recorder import WindowRecorder

HEARTBEAT_S, REPORT_S = 1.0, 3.0
LATENCY_MEDIAN_S, LATENCY_SIGMA = 0.005, 0.8
"""Log-normal latencies: spread over as many buckets as those of a busy target."""

_EMPTY = StatsEntry(RequestStats(), "Aggregated", "").get_stripped_report()
"""What Locust adds to each report: nothing is counted on workers, the master counts from the windows."""


class Figures:
    """What every member reports: made once an interval, by the classes that a worker makes it with."""

    def __init__(self, plan: Plan, started_s: float, rate: float) -> None:
        self._clock = Clock()
        self._recorder = WindowRecorder(self._clock, PhaseBook.of(plan), plan.nodes[0].region, started_s)
        self._rate, self._chance = rate, random.Random(plan.seed)
        self._operations = [(name, str(operation.scenario or "")) for name, operation in OPERATIONS.items()]
        self._recorded_until_s = time.perf_counter()
        self._slips = 0

    def data(self, last: bool) -> bytes:
        """The next report's data, packed."""
        self._record()
        batch = self._recorder.take(everything=last)
        first, self._slips = self._slips + 1, self._slips + 3
        report = {"windows": [[*key, window.to_wire()] for key, window in batch], "examples": [], "health": []}
        data = {
            REPORT: {**report, "labels": [], "errors": [], **self.totals(), "slips": [first, self._slips]},
            "stats": [],
            "stats_total": _EMPTY,
            "errors": {},
            "user_classes_count": {"AcgsUser": 1},
            "user_count": 1,
        }
        return bytes(msgpack.dumps(data))

    def totals(self) -> dict[str, Any]:
        """As a station tells them."""
        told = {"samples": self._recorder.samples, "user_errors": 0, "arrivals": None, "users": 1, "logged_in": 1}
        return {**told, "skew_ms": 0.0, "skew_certain_ms": 0.1}

    def _record(self) -> None:
        """The samples since the last report, evenly over time and operations."""
        now_s = time.perf_counter()
        count = round((now_s - self._recorded_until_s) * self._rate)
        for number in range(count):
            done_s = self._recorded_until_s + (now_s - self._recorded_until_s) * number / count
            operation, scenario = self._operations[number % len(self._operations)]
            sent_s = done_s - LATENCY_MEDIAN_S * self._chance.lognormvariate(0.0, LATENCY_SIGMA)
            self._recorder.record(
                Sample(operation, scenario, sent_s, sent_s, done_s, Outcome.OK, status=200, score=1.0)
            )
        self._recorded_until_s = now_s


class Member:
    """One worker as the master sees it."""

    def __init__(self, number: int, host: str, port: int) -> None:
        self.name = f"simulated_{number:05d}"
        self._client = zmqrpc.Client(host, port, self.name)  # type: ignore[no-untyped-call]
        self.socket: zmq.Socket[bytes] = zmq.Socket.shadow(self._client.socket.underlying)
        self.plan: Plan | None = None
        self.started_s: float | None = None
        self.ended = False
        self.users: dict[str, int] = {}
        self.state = "ready"
        self.say(PING, {"sent_s": time.time()})
        self.say(HELLO, {**self._shown(), "descriptors": 1_024, "corrected_ms": 0.0, "spooled": False})
        self.say("client_ready", locust_version)

    def say(self, kind: str, data: Any) -> None:
        """Send a message."""
        self.socket.send(msgpack.dumps((kind, data, self.name)))

    def say_packed(self, kind: str, data: bytes) -> int:
        """Send a message whose data are packed already; gives its length."""
        message = b"\x93" + msgpack.dumps(kind) + data + msgpack.dumps(self.name)
        self.socket.send(message)
        return len(message)

    def hear(self) -> None:
        """Answer what the master said."""
        for kind, data, _ in self._messages():
            if kind == PLAN:
                self.plan = Plan.from_json(data["plan"])
                self.say(READY, {**self._shown(), "plan_sha256": self.plan.sha256, "error": None})
            elif kind == START:
                self.started_s = data["started_s"]
            elif kind == "spawn":
                self.users, self.state = data["user_classes_count"], "running"
                self.say("spawning", None)
                told = {"user_classes_count": self.users, "user_count": sum(self.users.values())}
                self.say("spawning_complete", told)
            elif kind == END:
                self.ended = True
            elif kind == REFUSED:
                raise SystemExit(f"the master refused a simulated worker: {data['reason']}")

    def _shown(self) -> dict[str, Any]:
        """A passport; of another machine, as with so many workers most are."""
        return {**passport("local"), "machine": ""}

    def beat(self) -> None:
        """Say that it is there."""
        self.say("heartbeat", {"state": self.state, "current_cpu_usage": 10, "current_memory_usage": 10**8})

    def _messages(self) -> Iterator[Any]:
        while True:
            try:
                yield msgpack.loads(self.socket.recv(zmq.NOBLOCK), strict_map_key=False)
            except zmq.Again:
                return


class Turns:
    """Whose turn it is: each of ``count`` once an interval, evenly over it."""

    def __init__(self, count: int, interval_s: float) -> None:
        self._count, self._step_s = count, interval_s / count
        self._next_s, self._turn = time.monotonic(), 0

    def due(self) -> Iterator[int]:
        """Everybody whose turn has come since the last call."""
        now_s = time.monotonic()
        while self._next_s <= now_s:
            yield self._turn
            self._turn = (self._turn + 1) % self._count
            self._next_s += self._step_s


class Company:
    """All members of this process, each in its turn."""

    def __init__(self, first: int, count: int, port: int, rate: float) -> None:
        self._members = [Member(number, "127.0.0.1", port) for number in range(first, first + count)]
        self._rate = rate
        self._poller = zmq.Poller()
        for member in self._members:
            self._poller.register(member.socket, zmq.POLLIN)
        self._by_socket = {member.socket: member for member in self._members}
        self._beats = Turns(count, HEARTBEAT_S)
        self.reports, self.bytes = 0, 0

    def play(self) -> None:
        """From the first message to the last; returns when the master has ended the run."""
        while (begun := self._begun()) is None:
            self._listen()
        plan, started_s = begun
        figures, turns, packed = Figures(plan, started_s, self._rate), Turns(len(self._members), REPORT_S), b""
        turn = -1
        while not all(member.ended for member in self._members):
            self._listen()
            for turn in turns.due():
                packed = figures.data(last=False) if turn == 0 else packed
                self._report(self._members[turn], packed)
        for member in self._members[turn + 1 :]:  # who has not had its turn of this round
            self._report(member, packed)
        packed = figures.data(last=True)
        for member in self._members:
            self._report(member, packed)
            member.say(FINAL, figures.totals())
        time.sleep(2.0)  # the sockets send in threads of their own

    def _begun(self) -> tuple[Plan, float] | None:
        """The plan and the start of the run, once everybody was told."""
        told = [(member.plan, member.started_s) for member in self._members]
        plan, started_s = told[-1]
        ready = all(plan is not None and started_s is not None for plan, started_s in told)
        return (plan, started_s) if ready and plan is not None and started_s is not None else None

    def _listen(self) -> None:
        for socket, _ in self._poller.poll(2):
            self._by_socket[socket].hear()
        for turn in self._beats.due():
            self._members[turn].beat()

    def _report(self, member: Member, packed: bytes) -> None:
        self.bytes += member.say_packed("stats", packed)
        self.reports += 1


def main() -> None:
    """Plays the members; prints how much was reported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    told = parser.parse_args()
    seal()
    company = Company(told.first, told.count, told.port, told.rate)
    company.play()
    print(json.dumps({"reports": company.reports, "bytes": company.bytes}))


if __name__ == "__main__":
    main()

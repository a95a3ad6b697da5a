"""How fast the reference gateway is: requests per CPU-second under the mix, and latency when idle.

``python -m benchmarks.gateway`` starts a gateway on one core and drives it from this process on another. The
generator is its own, small one: raw sockets and prepared bytes, so that its cost does not hide the gateway's. CPU
time is the gateway's own count over all its processes, solvers included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from statistics import median, quantiles
from typing import Any
from urllib.request import urlopen

import psutil

from acgs_load.contract import DEFAULT_CONSTITUTIONAL_HASH, DEFAULT_MIX

HASH = DEFAULT_CONSTITUTIONAL_HASH
FORMULAS = 300
"""The suite's formulas come from a bounded set, too; ``--formulas 1000000000`` makes nearly every one new."""
TENANTS = 4
WARM_UP_S = 2.0
IDLE_REQUESTS = 500

Call = tuple[str, str, dict[str, Any] | None, int]
Steps = Generator[Call, dict[str, Any], None]


def formula(number: int) -> tuple[dict[str, str], list[str], str]:
    """Declarations, constraints and a requirement that follows from them; the same for the same number."""
    least = number % 97
    constraints = [f"(>= x {least})", f"(< (+ x y) {least + 50 + number})", "(> y 0)", "(=> b (> z 1.5))"]
    return {"x": "Int", "y": "Int", "z": "Real", "b": "Bool"}, constraints, f"(> (+ x y) {least})"


def script(number: int) -> str:
    """An obligation whose negation is satisfiable for odd numbers only."""
    bound = "(> x y)" if number % 2 else "(> x 5) (< x 3)"
    return (
        f"(set-logic QF_LIA)(declare-const x Int)(declare-const y Int)(assert (and {bound} (> y {number})))(check-sat)"
    )


class User:
    """One virtual user: what it sends, step by step, as the suite's scenarios do; each iteration three requests."""

    def __init__(self, number: int, seed: int, formulas: int) -> None:
        self._random = random.Random(f"{seed}/{number}")
        self.tenant = f"bench-{number % TENANTS}"
        self._other = f"bench-{(number + 1) % TENANTS}"
        self.name = f"user-{number}"
        self.token = ""
        self._formulas = formulas
        self._turn = self._random.randrange(12)

    def steps(self) -> Steps:
        """The login, then iterations without end."""
        told = {"username": self.name, "password": "x", "tenant_id": self.tenant, "constitutional_hash": HASH}
        self.token = (yield "POST", "/api/auth/login", told, 200)["access_token"]
        scenarios: dict[str, Callable[[], Steps]] = {
            "constitutional": self._constitutional,
            "tenant": self._tenant,
            "policy": self._policy,
            "formal": self._formal,
            "integrity": self._integrity,
        }
        while True:
            name = self._random.choices(list(DEFAULT_MIX), list(DEFAULT_MIX.values()))[0]
            self._turn += 1
            yield from scenarios[name]()

    def _verification(self, kind: str) -> Call:
        declarations, constraints, requirement = formula(self._random.randrange(self._formulas))
        content = {"declarations": declarations, "constraints": constraints, "requirement": requirement}
        body = {"policy_content": content, "verification_type": kind, "constitutional_hash": HASH}
        return "POST", "/api/verification/verify", {**body, "tenant_id": self.tenant, "timestamp": "t"}, 200

    def _constitutional(self) -> Steps:
        yield "GET", "/api/constitutional/verify", None, 200
        body = {"operation": "read", "tenant_id": self.tenant, "constitutional_hash": HASH}
        yield "POST", "/api/constitutional/score", body, 200
        yield self._verification("consistency")

    def _tenant(self) -> Steps:
        yield "GET", f"/api/tenant/{self.tenant}/data", None, 200
        yield "GET", f"/api/tenant/{self._other}/data", None, 403
        body = {"setting": f"s{self._turn % 5}", "value": self._turn, "constitutional_hash": HASH}
        yield "PUT", f"/api/tenant/{self.tenant}/config", body, 200

    def _policy(self) -> Steps:
        content = {
            "rule": {"effect": "permit", "actions": ["read", "write"]},
            "constraints": [],
            "conditions": [{"field": "context.risk", "op": "<=", "value": 3}],
            "metadata": {"title": f"policy {self._turn}", "owner": self.name},
            "constitutional_hash": HASH,
        }
        policy_id = (yield "POST", "/api/policy/create", content, 201)["policy_id"]
        yield "GET", f"/api/policy/{policy_id}", None, 200
        if self._turn % 3 == 0:
            yield "PUT", f"/api/policy/{policy_id}", {**content, "version": 1}, 200
        elif self._turn % 3 == 1:
            yield "GET", "/api/policy/list?limit=20&cursor=", None, 200
        else:
            decision = {"action": "read", "subject": self.name, "context": {"risk": 2}}
            yield "POST", "/api/governance/decisions/validate", {"policy_id": policy_id, "decision": decision}, 200

    def _formal(self) -> Steps:
        yield self._verification("compliance")
        number = self._random.randrange(self._formulas)
        body = {"obligation_id": f"o{number}", "smtlib": script(number), "timeout_ms": 5000}
        yield "POST", "/api/verification/obligations", body, 200
        if self._turn % 2:
            yield "GET", "/api/verification/status", None, 200
        else:
            declarations, constraints, _ = formula(number)
            body = {"constraints": constraints, "declarations": declarations}
            yield "POST", "/api/verification/constraints", body, 200

    def _integrity(self) -> Steps:
        event = {"event_type": "bench", "user_id": self.name, "details": {"turn": self._turn}, "timestamp": "t"}
        made = yield "POST", "/api/integrity/audit/create", {**event, "tenant_id": self.tenant}, 201
        found = yield "GET", f"/api/integrity/audit/verify?event_id={made['event_id']}", None, 200
        if self._turn % 2:
            yield "GET", "/api/integrity/chain/verify?last=16", None, 200
        else:
            body = {"payload": found["entry"], "signature": made["signature"], "key_id": made["key_id"]}
            yield "POST", "/api/integrity/crypto/verify", body, 200


class Connection:
    """One user on one kept-alive connection, one request in flight."""

    def __init__(self, address: tuple[str, int], user: User) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._user = user
        self._steps = user.steps()
        self._received = b""
        self._status = 0
        self._sent_s = 0.0
        self.wrong: Counter[str] = Counter()

    def start(self) -> None:
        """Sends the first request."""
        self._send(next(self._steps))

    def receive(self) -> float | None:
        """Reads; once the answer is whole, sends the next request and returns the latency in seconds."""
        self._received += self.socket.recv(262_144)
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        latency_s = time.perf_counter() - self._sent_s
        if int(head[9:12]) != self._status:
            self.wrong[f"{self._call} → {head[9:12].decode()}"] += 1
        self._received = b""
        self._send(self._steps.send(json.loads(body)))
        return latency_s

    def _send(self, call: Call) -> None:
        method, path, body, self._status = call
        self._call = f"{method} {path.partition('?')[0]}"
        data = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nAccept: application/json\r\n"
            f"X-Constitutional-Hash: {HASH}\r\nX-Tenant-ID: {self._user.tenant}\r\nX-User-ID: {self._user.name}\r\n"
        ]
        if self._user.token:
            lines.append(f"Authorization: Bearer {self._user.token}\r\n")
        if body is not None:
            lines.append(f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n")
        self._sent_s = time.perf_counter()
        self.socket.sendall("".join(lines).encode() + b"\r\n" + data)


def drive(connections: list[Connection], duration_s: float, most: int | None = None) -> list[float]:
    """Latencies in seconds of the answers that come within ``duration_s``, at most ``most`` of them."""
    latencies_s: list[float] = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        deadline_s = time.perf_counter() + duration_s
        while time.perf_counter() < deadline_s and (most is None or len(latencies_s) < most):
            for key, _ in selector.select(0.1):
                latency_s = key.data.receive()
                if latency_s is not None:
                    latencies_s.append(latency_s)
    return latencies_s


def cpu_s(url: str) -> float:
    """CPU seconds of all gateway processes so far, as the gateway itself counts them."""
    with urlopen(f"{url}/gateway/metrics", timeout=10) as answer:  # nosec B310  # our own gateway
        text = answer.read().decode()
    line = next(line for line in text.splitlines() if line.startswith("process_cpu_seconds_total "))
    return float(line.split()[1])


def measure(url: str, told: argparse.Namespace) -> dict[str, Any]:
    """The figures of one run."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    address = (host, int(port))
    idle = [Connection(address, User(0, told.seed, told.formulas))]
    idle[0].start()
    drive(idle, WARM_UP_S, IDLE_REQUESTS)
    idle_s = drive(idle, 30.0, IDLE_REQUESTS)
    connections = [Connection(address, User(number, told.seed, told.formulas)) for number in range(told.users)]
    for connection in connections:
        connection.start()
    drive(connections, WARM_UP_S)
    used_before_s, started_s = cpu_s(url), time.perf_counter()
    latencies_s = drive(connections, told.duration)
    elapsed_s, used_s = time.perf_counter() - started_s, cpu_s(url) - used_before_s
    return {
        "requests": len(latencies_s),
        "requests_per_cpu_second": round(len(latencies_s) / used_s),
        "requests_per_s": round(len(latencies_s) / elapsed_s),
        "gateway_cpu_s": round(used_s, 2),
        "idle_p50_ms": round(median(idle_s) * 1000, 2),
        "idle_p95_ms": round(quantiles(idle_s, n=20)[-1] * 1000, 2),
        "loaded_p50_ms": round(median(latencies_s) * 1000, 2),
        "users": told.users,
        "formulas": told.formulas,
        "wrong": dict(sum((connection.wrong for connection in connections), Counter())),
    }


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": platform.machine(),
        "python": platform.python_version(),
    }


def pin(core: int) -> None:
    """Keeps this process, and what it starts from now on, on one core; nothing where the system cannot."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core % len(os.sched_getaffinity(0))]})


def main() -> None:
    """Prints a table and one line of JSON; exits 1 when an answer had another status than the contract's."""
    parser = argparse.ArgumentParser(description="Requests per CPU-second of the reference gateway.")
    parser.add_argument("--duration", type=float, default=10.0, help="seconds under load (default %(default)s)")
    parser.add_argument("--users", type=int, default=32, help="connections under load (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the users' choices (default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="gateway worker processes (default %(default)s)")
    parser.add_argument("--formulas", type=int, default=FORMULAS, help="how many different ones (default %(default)s)")
    told = parser.parse_args()
    everywhere = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if told.workers == 1:
        pin(0)
    command = [sys.executable, "-m", "acgs_load.gateway", "--port", "0", "--workers", str(told.workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            assert gateway.stdout is not None
            url = gateway.stdout.readline().split()[-1]
            if everywhere:
                os.sched_setaffinity(0, everywhere)
            pin(1)
            figures = {**measure(url, told), **machine()}
        finally:
            gateway.terminate()
    for name, value in figures.items():
        print(f"{name:26} {value}")
    print(json.dumps(figures))
    sys.exit(1 if figures["wrong"] else 0)


if __name__ == "__main__":
    main()

"""A gateway process and a client for the tests of the gateway, and that these two tell the truth themselves."""

import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
HASH = "cdd01ef066bc6cf2"
POLICY = {"rule": {"effect": "permit", "actions": ["read"]}, "constraints": [], "conditions": [], "metadata": {}}
NAMED = {"constitutional_hash": HASH}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
GENESIS = hashlib.sha256(f"genesis_block:{HASH}".encode()).hexdigest()
EVENT = {"event_type": "t", "user_id": "u", "details": {}, "timestamp": "2026-01-01T00:00:00.000Z"}


def canonical(value):
    """Canonical JSON by the standard library."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(value):
    return hashlib.sha256(canonical(value)).hexdigest()


class Gateway:
    """A gateway process on a free port, ended with the ``with`` block."""

    def __init__(self, *flags, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acgs_load.gateway", "--port", "0", *flags],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.line = self.process.stdout.readline()
        if not self.line:
            raise AssertionError(self.process.communicate()[1])
        self.url = self.line.split()[-1]
        self.port = int(self.url.rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM):
        """Signals the gateway and returns what it wrote to stdout and stderr besides its first line."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=60)

    def client(self, tenant="tenant-a", user="user-1"):
        """A client of a user who has logged in."""
        client = Client(self.port, tenant, user)
        client.login()
        return client


@contextmanager
def gateways_by_faults():
    """A function that starts a gateway per set of faults, once, and gives it again when asked again."""
    running = {}

    def start(*faults):
        if faults not in running:
            flags = [flag for fault in faults for flag in ("--fault", fault)]
            running[faults] = Gateway("--solvers", "1", *flags)
        return running[faults]

    try:
        yield start
    finally:
        for gateway in running.values():
            gateway.stop()


class Answer:
    """Status, headers by lower-case name, raw text, and the JSON in it if there is any."""

    def __init__(self, status, headers, text):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.text = text
        try:
            self.body = json.loads(text)
        except ValueError:
            self.body = None


class Client:
    """A user on one connection."""

    def __init__(self, port, tenant="tenant-a", user="user-1"):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.tenant, self.user, self.token = tenant, user, None

    def headers(self):
        headers = {"X-Constitutional-Hash": HASH, "X-Tenant-ID": self.tenant, "X-User-ID": self.user}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def call(self, method, path, body=None, headers=None, **changes):
        """One request; ``changes`` replaces headers (None drops one), a ``bytes`` body goes out as it is."""
        sent = self.headers() if headers is None else headers
        for name, value in changes.items():
            sent.pop(name.replace("_", "-"), None)
            if value is not None:
                sent[name.replace("_", "-")] = value
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, data, sent)
        response = self.connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read().decode())

    def login(self):
        told = {"username": self.user, "password": "p", "tenant_id": self.tenant, "constitutional_hash": HASH}
        answer = self.call("POST", "/api/auth/login", told)
        assert answer.status == 200, answer.text
        self.token = answer.body["access_token"]
        return answer

    def create_policy(self, **changes):
        return self.call("POST", "/api/policy/create", {**POLICY, **changes, "constitutional_hash": HASH})

    def create_event(self, **changes):
        return self.call("POST", "/api/integrity/audit/create", {**EVENT, "tenant_id": self.tenant, **changes})


def requests_counted(client):
    """(operation, status) → count, from /gateway/metrics."""
    text = client.call("GET", "/gateway/metrics", headers={}).text
    found = re.findall(r'^acgs_requests_total\{operation="(\w+)",status="(\d+)"\} (\d+)$', text, re.M)
    return {(operation, int(status)): int(count) for operation, status, count in found}


def test_a_gateway_that_does_not_come_up_is_told():
    """The reason is the gateway's own."""
    with pytest.raises(AssertionError, match="did you mean"):
        Gateway("--fault", "stal")


def test_counts_are_read_from_the_exposition():
    """Only the counter's lines, as numbers."""
    text = """# TYPE acgs_requests_total counter
acgs_requests_total{operation="a",status="200"} 3
acgs_request_duration_seconds_count{operation="a"} 3
"""

    class Page:
        def call(self, *_, **__):
            return Answer(200, [("Content-Type", "text/plain")], text)

    assert requests_counted(Page()) == {("a", 200): 3}

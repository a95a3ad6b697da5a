"""Sessions and verification results in Redis, shared by gateway processes; and a Redis that fails harms nobody."""

import shutil
import socket
import subprocess
import time

import pytest
import redis
from test_gateway_support import Client, Gateway

BINARY = shutil.which("redis-server")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.redis,
    pytest.mark.skipif(BINARY is None, reason="there is no redis-server on this machine"),
]


class RedisServer:
    """A Redis of our own on a free port, without anything on disk."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis.from_url(self.url)
        while not self.is_up():
            time.sleep(0.02)

    def is_up(self):
        try:
            return self.client.ping()
        except redis.ConnectionError:
            return False

    def stop(self):
        self.client.close()
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def server(tmp_path):
    running = RedisServer(tmp_path)
    yield running
    running.stop()


def ask(client):
    """The answer to an obligation."""
    told = {"obligation_id": "o", "smtlib": "(declare-const x Int)(assert (= x 41))", "timeout_ms": 5000}
    return client.call("POST", "/api/verification/obligations", told).body


def completed(client):
    """How many questions a solver of this gateway has answered."""
    return client.call("GET", "/api/verification/status").body["completed"]


def test_two_gateways_share_results_and_sessions(server, tmp_path):
    """What one has proved the other knows, and a session of one is one of the other; tokens are kept as hashes."""
    flags = ("--store", str(tmp_path / "s.db"), "--solvers", "1")
    with Gateway(*flags, REDIS_URL=server.url) as first, Gateway(*flags, REDIS_URL=server.url) as second:
        client = first.client()
        assert ask(client)["counterexample"] == {"x": 41}
        again = Client(second.port)
        again.token = client.token
        assert ask(again)["counterexample"] == {"x": 41}
        assert (completed(client), completed(again)) == (1, 0)
        keys = [key.decode() for key in server.client.scan_iter()]
        assert len([key for key in keys if ":session:" in key]) == 1
        assert len([key for key in keys if key.startswith("acgs:result:")]) == 1
        assert all(0 < server.client.ttl(key) <= 3600 for key in keys)
        values = b"".join(server.client.get(key) for key in keys)
        assert client.token.encode() not in values
        assert client.token not in "".join(keys)
        assert again.call("POST", "/api/auth/refresh", {}).status == 200
        assert len(server.client.keys("*:session:*")) == 2


def test_a_token_of_another_store_is_refused(server):
    """Sharing a Redis does not share tenants: the session's key is bound to the store's secret."""
    with (
        Gateway("--solvers", "1", REDIS_URL=server.url) as first,
        Gateway("--solvers", "1", REDIS_URL=server.url) as second,
    ):
        stranger = Client(second.port)
        stranger.token = first.client().token
        assert stranger.call("GET", "/api/constitutional/verify").status == 401


def test_a_redis_that_goes_away_is_told_and_done_without(server):
    """Answers stay right; the log says why they were slower."""
    with Gateway("--solvers", "1", REDIS_URL=server.url) as gateway:
        client = gateway.client()
        server.stop()
        assert ask(client)["result"] == "invalid"
        assert gateway.client("tenant-b").call("GET", "/api/constitutional/verify").status == 200
        out, told = gateway.stop()
        assert out == ""
        assert "redis failed" in told
        assert "Traceback" not in told
        assert gateway.process.returncode == 0


def test_a_redis_that_never_was():
    """The gateway comes up and serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    with Gateway("--solvers", "1", REDIS_URL=url) as gateway:
        assert gateway.client().call("GET", "/api/constitutional/verify").status == 200
        assert "redis failed" in gateway.stop()[1]

"""The gateway's log of requests: every one of them, when it came, how long it took, and what was said."""

import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import RemoteDisconnected
from pathlib import Path
from typing import NamedTuple

import pytest
from test_gateway_support import Gateway, requests_counted

pytestmark = pytest.mark.slow


class Line(NamedTuple):
    epoch_s: float
    monotonic_s: float
    duration_s: float
    status: int
    operation: str
    method: str
    path: str


def lines_of(path: Path) -> list[Line]:
    """The log, read as documented."""
    rows = [row.split(" ") for row in path.read_text().splitlines()]
    return [Line(*map(float, row[:3]), int(row[3]), *row[4:]) for row in rows]


def test_a_line_says_when_how_long_and_what(tmp_path):
    """Times are those that a client on the same machine measures from outside; the query is part of the path."""
    with Gateway("--log", str(tmp_path / "log"), "--fault", "slow-tail=1:0.3") as gateway:
        client = gateway.client()
        sent_s, sent_epoch_s = time.monotonic(), time.time()
        client.call("GET", "/api/policy/list?limit=3&cursor=")
        done_s = time.monotonic()
        gateway.stop()
    login, listed = lines_of(tmp_path / "log")
    assert login[3:] == (200, "auth_login", "POST", "/api/auth/login")
    assert listed[3:] == (200, "policy_list", "GET", "/api/policy/list?limit=3&cursor=")
    assert sent_s <= listed.monotonic_s < sent_s + 0.3
    assert 0.3 <= listed.duration_s < done_s - sent_s + 0.2  # the answer may be read before its line is made
    assert listed.epoch_s - listed.monotonic_s == pytest.approx(sent_epoch_s - sent_s, abs=0.01)


def test_what_goes_wrong_is_logged_too(tmp_path):
    """Refusals, unknown routes, bytes that are no HTTP, and connections closed without an answer (status 0)."""
    with Gateway("--log", str(tmp_path / "log"), "--fault", "drop=1") as gateway:
        with pytest.raises(RemoteDisconnected):
            gateway.client()  # its login is dropped like everything else
        with socket.create_connection(("127.0.0.1", gateway.port)) as garbage:
            garbage.sendall(b"no http\r\n\r\n")
            garbage.recv(4096)
        gateway.stop()
    assert [line[3:] for line in lines_of(tmp_path / "log")] == [
        (0, "auth_login", "POST", "/api/auth/login"),
        (400, "none", "-", "-"),
    ]


def test_a_sender_cannot_forge_lines(tmp_path):
    """Whatever a path stands for, a request is one line of seven words."""
    with Gateway("--log", str(tmp_path / "log")) as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port)) as line:
            line.sendall(b"GET /a%0ab%20c?x=%0d%20y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while line.recv(4096):
                pass
        gateway.stop()
    assert [entry[3:] for entry in lines_of(tmp_path / "log")] == [(404, "none", "GET", "/a%0ab%20c?x=%0d%20y")]


def test_every_request_of_every_worker_is_in_it(tmp_path):
    """Two processes append to one file; what it holds is what the metrics count, by operation and status."""
    with Gateway("--log", str(tmp_path / "log"), "--workers", "2") as gateway:
        with ThreadPoolExecutor(8) as pool:
            clients = list(pool.map(lambda number: gateway.client(user=f"user-{number}"), range(8)))
            list(pool.map(lambda one: [one.call("GET", "/api/policy/list") for _ in range(150)], clients))
        counted = requests_counted(clients[0])
        gateway.stop()
    logged = Counter((line.operation, line.status) for line in lines_of(tmp_path / "log"))
    del logged[("none", 200)]  # the page of metrics itself, which nothing counts
    assert logged == {("auth_login", 200): 8, ("policy_list", 200): 1200}
    assert sum(counted.values()) == 1208


def test_a_log_is_continued(tmp_path):
    """A restart loses nothing of what stood there; lines are there soon, not only at the end."""
    path = tmp_path / "log"
    path.write_text("1.0 1.0 0.1 200 policy_list GET /before\n")
    with Gateway("--log", str(path)) as gateway:
        gateway.client()
        until_s = time.monotonic() + 10
        while len(lines_of(path)) < 2 and time.monotonic() < until_s:
            time.sleep(0.05)
        assert [line.operation for line in lines_of(path)] == ["policy_list", "auth_login"]


def test_without_the_flag_nothing_is_written(tmp_path, monkeypatch):
    """No log is made unless asked for."""
    monkeypatch.chdir(tmp_path)
    with Gateway() as gateway:
        gateway.client()
    assert list(tmp_path.iterdir()) == []

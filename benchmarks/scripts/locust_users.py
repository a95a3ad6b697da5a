"""The same exchange as Locust's users write it; runs in the peers' environment and knows nothing of ours."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, between, constant, constant_throughput, task

HASH = os.environ["BENCH_HASH"]
HEADERS: dict[str, str] = json.loads(os.environ["BENCH_HEADERS"])
PATH = os.environ["BENCH_PATH"]
THINK_S = float(os.environ.get("BENCH_THINK_S", "0"))
PER_USER_RPS = float(os.environ.get("BENCH_PER_USER_RPS", "0"))


def _waiting() -> Any:
    if PER_USER_RPS:
        return constant_throughput(PER_USER_RPS)
    return between(THINK_S / 2, THINK_S * 3 / 2) if THINK_S else constant(0)


def checked_get(client: Any) -> None:
    """One request; status, hash header and hash in the body are checked."""
    with client.get(PATH, headers=HEADERS, catch_response=True) as answer:
        if answer.status_code != 200:
            answer.failure("status")
        elif answer.headers.get("X-Constitutional-Hash") != HASH:
            answer.failure("hash header")
        elif answer.json()["constitutional_hash"] != HASH:
            answer.failure("hash in the body")


class HttpPeer(HttpUser):
    """Locust's user on requests."""

    wait_time = _waiting()

    @task
    def ask(self) -> None:
        """One exchange."""
        checked_get(self.client)


class FastPeer(FastHttpUser):
    """Locust's user on geventhttpclient."""

    wait_time = _waiting()

    @task
    def ask(self) -> None:
        """One exchange."""
        checked_get(self.client)

    def on_start(self) -> None:
        """Spread the users that pace themselves."""
        if PER_USER_RPS:
            gevent.sleep(random.uniform(0, 1 / PER_USER_RPS))

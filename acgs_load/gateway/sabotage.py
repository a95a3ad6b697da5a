"""Planted defects, wrapped around the truthful gateway: its own code holds none of them.

How requests come in and out is spoilt here; what single operations say is spoilt in ``lies``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from acgs_load.contract import AUTH_OPERATIONS, HASH_HEADER, HEALTH_PATH
from acgs_load.gateway.answers import Answer, internal_error, overloaded, tenant_denied, throttled
from acgs_load.gateway.lies import Lies
from acgs_load.gateway.pages import Page
from acgs_load.gateway.replies import Reply, to_json
from acgs_load.gateway.request import Request

Truth = Callable[[Request], Awaitable[Answer | Page]]
_HASH = HASH_HEADER.lower().encode()


class PlantedFaults:
    """The defects of one worker. Rates are divided among the workers by whoever starts them."""

    def __init__(
        self,
        planted: dict[str, tuple[float, ...]],
        lies: Lies,
        started_s: float,
        workers: int = 1,
        after_s: float = 0.0,
    ) -> None:
        self._planted = planted
        self._after_s = after_s
        self._begin_s: float | None = None if after_s else started_s
        """When the defects begin; None until the first request that is not for everybody, such as a login."""
        self._lies = lies
        self._started_s = started_s
        self._random = random.Random()
        self._throttle = _Allowance(planted["throttle"][0] / workers) if "throttle" in planted else None
        self._service_s = workers / planted["capacity"][0] if "capacity" in planted else 0.0
        self._busy_until = 0.0

    async def respond(self, request: Request, respond: Truth) -> Answer | Page:
        """The answer, truthful but for what is planted. Raises Refusal."""
        if request.route.is_open:
            await self._stall()
            self._check_health(request)
            return await respond(request)
        if not self._have_begun():
            return await respond(request)
        await self._stall()
        if self._throttle is not None and not self._throttle.grants():
            raise throttled("more requests than the rate limit lets through")
        await self._queue()
        if self._hits("slow-tail"):
            await asyncio.sleep(self._planted["slow-tail"][1])
        if self._hits("errors"):
            raise internal_error()
        if request.operation not in AUTH_OPERATIONS and self._hits("deny-all"):
            raise tenant_denied("everything is refused")
        return await self._lies.respond(request, respond, self._hits)

    def distort(self, request: Request, reply: Reply) -> Reply:
        """The reply with its hashes or its JSON spoilt."""
        if request.route.is_open or isinstance(reply.body, bytes):
            return reply
        if self._hits("hash-absent-header"):
            reply.headers = [pair for pair in reply.headers if pair[0] != _HASH]
        if self._hits("hash-wrong-header"):
            reply.headers = [(name, _other(value) if name == _HASH else value) for name, value in reply.headers]
        if self._hits("hash-wrong-body"):
            reply.body["constitutional_hash"] = _other(reply.body["constitutional_hash"].encode()).decode()
        if self._hits("hash-absent-body"):
            del reply.body["constitutional_hash"]
        if self._hits("json-broken"):
            whole = to_json(reply.body)
            reply.body = whole[: len(whole) // 2]
        return reply

    def drops(self, request: Request) -> bool:
        """Whether this request's connection is closed without an answer."""
        return not request.route.is_open and self._hits("drop")

    def _have_begun(self) -> bool:
        if self._begin_s is None:
            self._begin_s = time.monotonic() + self._after_s
        return time.monotonic() >= self._begin_s

    def _hits(self, name: str) -> bool:
        values = self._planted.get(name)
        return values is not None and self._have_begun() and self._random.random() < values[0]

    async def _stall(self) -> None:
        if "stall" not in self._planted or self._begin_s is None or time.monotonic() < self._begin_s:
            return
        frozen_s, period_s = self._planted["stall"]
        into_s = (time.monotonic() - self._started_s) % period_s
        if into_s >= period_s - frozen_s:
            await asyncio.sleep(period_s - into_s)

    async def _queue(self) -> None:
        """Waits its turn at a server that does one request after the other."""
        if not self._service_s:
            return
        now = time.monotonic()
        self._busy_until = max(now, self._busy_until) + self._service_s
        await asyncio.sleep(self._busy_until - now)

    def _check_health(self, request: Request) -> None:
        late = self._planted.get("health-late")
        if late is None or request.path != HEALTH_PATH:
            return
        if time.monotonic() - self._started_s < late[0]:
            raise overloaded("not healthy yet")


class _Allowance:
    """A bucket that fills at a rate and holds a second's worth."""

    def __init__(self, rate_per_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._left = self._most = max(1.0, rate_per_s)
        self._filled_at = time.monotonic()

    def grants(self) -> bool:
        """Takes one out, False when there is none."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._filled_at) * self._rate_per_s)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _other(value: bytes) -> bytes:
    """Another value of the same length."""
    return (b"1" if value[:1] == b"0" else b"0") + value[1:]

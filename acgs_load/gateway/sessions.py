"""Where logins and verification results are remembered: in this process, or in Redis for all gateway processes.

Neither is the truth: a token is judged by its signature and a result by the solver; losing what is kept here costs
time only. So a Redis that fails is reported and done without.
"""

from __future__ import annotations

import json
import sys
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from acgs_load.gateway.request import Claims

if TYPE_CHECKING:
    from redis.asyncio import Redis

SESSIONS_MOST = 100_000
RESULTS_MOST = 8_192
RESULT_LIFETIME_S = 3_600
REDIS_PAUSE_S = 1.0
"""After a failure Redis is left alone for so long, so that an outage does not slow every request down."""


class Sessions(Protocol):
    """Logged-in tokens."""

    known: dict[str, Claims]
    """Tokens whose signature this process has checked, or issued itself."""

    async def open(self, token: str, claims: Claims) -> None:
        """A login or a refresh."""

    async def find(self, token: str) -> Claims | None:
        """The claims of a token that another process has issued; None when it is not known here."""

    def remember(self, token: str, claims: Claims) -> None:
        """A token whose signature was checked just now."""


class Results(Protocol):
    """Solver results by the hash of what was asked."""

    async def get(self, key: str) -> bytes | None:
        """The result, None when it is not known."""

    async def put(self, key: str, result: bytes) -> None:
        """A result that holds for ever."""


class LocalSessions:
    """Sessions of this process."""

    def __init__(self) -> None:
        self.known: dict[str, Claims] = {}

    async def open(self, token: str, claims: Claims) -> None:
        self.remember(token, claims)

    async def find(self, token: str) -> Claims | None:
        return self.known.get(token)

    def remember(self, token: str, claims: Claims) -> None:
        if len(self.known) >= SESSIONS_MOST:
            now = time.time()
            alive = [(key, value) for key, value in self.known.items() if value.expires_at > now]
            self.known = dict(alive[len(alive) // 2 :])
        self.known[token] = claims


class LocalResults:
    """Results of this process; the oldest half goes when there are too many."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        return self._known.get(key)

    async def put(self, key: str, result: bytes) -> None:
        if len(self._known) >= RESULTS_MOST:
            self._known = dict(list(self._known.items())[RESULTS_MOST // 2 :])
        self._known[key] = result


class RedisLink:
    """A connection to Redis whose failures are told once per pause and never reach a client."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import Redis  # here, so that a gateway without Redis does not load its client

        self.client: Redis = Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self.failures = 0
        self._paused_until = 0.0

    async def get(self, key: str) -> bytes | None:
        """The value, None when there is none or Redis fails."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            value = await self.client.get(key)
        except _redis_failures() as error:
            self._failed(error)
            return None
        return value.encode() if isinstance(value, str) else value

    async def put(self, key: str, value: bytes, lifetime_s: int) -> None:
        """Stores a value for its lifetime, unless Redis fails."""
        if time.monotonic() < self._paused_until:
            return
        try:
            await self.client.set(key, value, ex=max(1, lifetime_s))
        except _redis_failures() as error:
            self._failed(error)

    async def close(self) -> None:
        """Ends the connection."""
        await self.client.aclose()

    def _failed(self, error: BaseException) -> None:
        self.failures += 1
        self._paused_until = time.monotonic() + REDIS_PAUSE_S
        print(f"gateway: redis failed ({error}); going on without it for {REDIS_PAUSE_S:g} s", file=sys.stderr)


class RedisSessions(LocalSessions):
    """Sessions that every gateway process with the same store secret shares. Tokens are kept as hashes only."""

    def __init__(self, link: RedisLink, secret: bytes) -> None:
        super().__init__()
        self._link = link
        self._prefix = f"acgs:{sha256(b'session' + secret).hexdigest()[:16]}:session:"

    async def open(self, token: str, claims: Claims) -> None:
        self.remember(token, claims)
        lifetime_s = int(claims.expires_at - time.time())
        await self._link.put(self._key(token), json.dumps(claims).encode(), lifetime_s)

    async def find(self, token: str) -> Claims | None:
        found = await self._link.get(self._key(token))
        if found is None:
            return None
        claims = Claims(*json.loads(found))
        self.remember(token, claims)
        return claims

    def _key(self, token: str) -> str:
        return self._prefix + sha256(token.encode()).hexdigest()


class RedisResults(LocalResults):
    """Results that every gateway process shares, with this process's own in front."""

    def __init__(self, link: RedisLink) -> None:
        super().__init__()
        self._link = link

    async def get(self, key: str) -> bytes | None:
        known = await super().get(key)
        if known is None:
            known = await self._link.get(f"acgs:result:{key}")
            if known is not None:
                await super().put(key, known)
        return known

    async def put(self, key: str, result: bytes) -> None:
        await super().put(key, result)
        await self._link.put(f"acgs:result:{key}", result, RESULT_LIFETIME_S)


def _redis_failures() -> tuple[type[BaseException], ...]:
    from redis.exceptions import RedisError

    return (RedisError, OSError, TimeoutError)

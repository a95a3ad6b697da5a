"""What the gateway says about itself under ``/gateway/*``: health, configuration, metrics, description."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from acgs_load.contract import INSTANCE_VARIABLE
from acgs_load.gateway.answers import Answer, timestamp
from acgs_load.gateway.metrics import Metrics
from acgs_load.gateway.openapi import describe, human_page
from acgs_load.gateway.request import Request
from acgs_load.gateway.signatures import Signer

VERSION = "1.0.0"
SERVICES = ("auth", "constitutional", "tenant", "policy", "governance", "verification", "integrity")


class Page(NamedTuple):
    """Text that is no JSON object of the contract."""

    content_type: str
    text: str


class RateLimit(NamedTuple):
    """What ``/gateway/config`` says about limits; None: there is none."""

    requests_per_minute: int | None = None
    burst_limit: int | None = None


class Pages:
    """Answers that need no token and count in no measure."""

    def __init__(self, signer: Signer, metrics: Metrics, rate_limit: RateLimit) -> None:
        self._signer = signer
        self._metrics = metrics
        self._rate_limit = rate_limit
        self._instance = os.environ.get(INSTANCE_VARIABLE)

    async def health(self, request: Request) -> Answer:
        """Healthy, by whom: the instance token tells a starter that it reached what it started."""
        body = {"status": "healthy", "version": VERSION, "timestamp": timestamp()}
        if self._instance is not None:
            body["instance"] = self._instance
        return Answer(200, body)

    async def config(self, request: Request) -> Answer:
        """Limits, services and the public halves of the signing keys."""
        body = {
            "rate_limiting": self._rate_limit._asdict(),
            "services": list(SERVICES),
            "signing_keys": self._signer.public_keys,
        }
        return Answer(200, body)

    async def metrics(self, request: Request) -> Page:
        """Prometheus text over all gateway processes."""
        return Page("text/plain; version=0.0.4; charset=utf-8", self._metrics.exposition())

    async def openapi(self, request: Request) -> Answer:
        """The OpenAPI description of every operation."""
        description: dict[str, Any] = describe(VERSION)
        return Answer(200, description)

    async def docs(self, request: Request) -> Page:
        """The same for people."""
        return Page("text/html; charset=utf-8", human_page(VERSION))

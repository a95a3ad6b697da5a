"""Who may join: each worker shows its passport before Locust hears a word of it; who is refused is heard no more."""

from __future__ import annotations

import logging
from typing import Any

from acgs_load.traffic.messages import HELLO, PING
from acgs_load.traffic.passport import objection

logger = logging.getLogger(__name__)


class Doorman:
    """Remembers who was let in."""

    def __init__(self) -> None:
        self.plan_sha256: str | None = None
        """Of the plan that is played; None where it is only made when a run begins."""
        self.passports: dict[str, dict[str, Any]] = {}
        """By Locust's id of the worker."""
        self._strangers: set[str] = set()

    def look_at(self, client: str, shown: dict[str, Any]) -> str | None:
        """Let a worker in, or give the reason why not."""
        reason = objection(shown, self.plan_sha256)
        if reason is None:
            self.passports[client] = shown
            return None
        self._strangers.add(client)
        logger.error("%s", reason)
        return reason

    def lets_through(self, client: str, kind: str) -> bool:
        """Whether a message is heard: anybody may ask the time and say hello, the rest is for those who were let in."""
        if kind in (HELLO, PING) or client in self.passports:
            return True
        if client not in self._strangers:
            self._strangers.add(client)
            logger.error("worker %s said nothing of its version; it is left out", client)
        return False

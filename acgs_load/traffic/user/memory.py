"""What one user remembers between requests: the acknowledged objects that later answers are compared with."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from acgs_load.traffic.checks.fields import Json
from acgs_load.traffic.checks.integrity import OwnEvent
from acgs_load.traffic.user.policies import OwnPolicy

EVENTS_MAX = 24
"""Bounds a user's memory in runs of hours; what is replaced is drawn like everything else."""


class SignedEntry(NamedTuple):
    """A user's own acknowledged entry, complete, with its signature."""

    packed: bytes
    """The entry as JSON."""
    signature: str
    key_id: str

    @property
    def entry(self) -> Json:
        """The entry, for whoever changes it too."""
        entry: Json = orjson.loads(self.packed)
        return entry


class Memory:
    """Starts empty; only acknowledged answers go in."""

    __slots__ = (
        "_events",
        "canary",
        "config_version",
        "cursor",
        "own_access_ok",
        "policy",
        "signed",
        "updated",
        "vouched",
    )

    def __init__(self) -> None:
        self.canary: str | None = None
        """The last canary seen on the own data."""
        self.own_access_ok = False
        """Whether the latest access to the own data was ``ok``."""
        self.config_version: int | None = None
        self.policy: OwnPolicy | None = None
        """The policy acknowledged last."""
        self.updated: OwnPolicy | None = None
        """The policy that this user updated last."""
        self.cursor = ""
        """Where the list goes on; empty for the first page."""
        self._events: list[bytes] = []
        """The latest last, each in half the memory of its object: there are thousands of users."""
        self.signed: SignedEntry | None = None
        """The entry that signatures are asked about: the one acknowledged last, unless ``vouched`` keeps it."""
        self.vouched = False
        """``signed`` was asked about as it is, and stays until it was asked about tampered with."""

    def forget_policy(self, lost: OwnPolicy) -> None:
        """A lost policy was reported once; asking for it again would report it for ever."""
        if self.policy is lost:
            self.policy = None
        if self.updated is lost:
            self.updated = None

    def keep_event(self, event: OwnEvent, number: int) -> None:
        """Remember ``event`` as the latest; ``number`` decides which one goes when there are too many."""
        self._events.append(_packed(event))
        if len(self._events) > EVENTS_MAX:
            del self._events[number % (EVENTS_MAX - 1)]

    def event(self, number: int | None = None) -> OwnEvent | None:
        """The latest event, or one that ``number`` decides; None where there is none."""
        if not self._events:
            return None
        packed = self._events[-1 if number is None else number % len(self._events)]
        content_hash, _, event_id = packed.decode().partition("\n")
        return OwnEvent(event_id, content_hash)

    @property
    def events(self) -> int:
        """How many are remembered."""
        return len(self._events)

    def forget_event(self, lost: OwnEvent) -> None:
        """The same for an event."""
        packed = _packed(lost)
        if packed in self._events:
            self._events.remove(packed)


def _packed(event: OwnEvent) -> bytes:
    return f"{event.content_hash}\n{event.event_id}".encode()

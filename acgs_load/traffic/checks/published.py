"""The signing keys that the target publishes, and when to ask for them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Fetch = Callable[[], tuple[Mapping[str, bytes] | None, bool]]
"""Asks the target: its keys, None where it publishes none, and whether it answered the question at all."""

KEYS_AGE_S = 10.0
"""What the target said is believed for so long."""
_FRUITLESS_MAX = 32
"""Unheard-of keys in a row that are looked up at once; a target that invents one per signature is asked less."""


class PublishedKeys:
    """What is known of the target's keys. A key once published stays good: an answer may be slower than a rotation."""

    __slots__ = ("_absent", "_asked_s", "_clock", "_fruitless", "_told", "keys")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.keys: Mapping[str, bytes] | None = None
        """By id; None as long as none were published (signatures are then not measured)."""
        self._clock = clock
        self._asked_s: float | None = None
        self._told = False
        self._absent: dict[str, float] = {}
        self._fruitless = 0

    def learn(self, fetch: Fetch) -> None:
        """Ask until there are keys or the target has said that it has no such page, but not all the time."""
        if not self._told and not self._asked_lately():
            self._ask(fetch)

    def knows_of(self, key_id: str, fetch: Fetch) -> bool:
        """Whether it is known if ``key_id`` is published; asks the target where it may have come up since."""
        if self.keys is None or key_id in self.keys:
            return self.keys is not None
        if self._clock() < self._absent.get(key_id, 0.0):
            return True
        if self._fruitless >= _FRUITLESS_MAX and self._asked_lately():
            return True
        answered = self._ask(fetch)
        if key_id in self.keys:
            self._fruitless = 0
        elif answered:
            self._fruitless += 1
            if len(self._absent) > _FRUITLESS_MAX:
                self._absent.clear()
            self._absent[key_id] = self._clock() + KEYS_AGE_S
        return answered or key_id in self.keys

    def _asked_lately(self) -> bool:
        return self._asked_s is not None and self._clock() < self._asked_s + KEYS_AGE_S

    def _ask(self, fetch: Fetch) -> bool:
        self._asked_s = self._clock()
        keys, answered = fetch()
        if keys:
            self.keys = {**(self.keys or {}), **keys}
        # a page without keys may get some: of a tenant that nobody has logged in to, for instance
        self._told = answered and keys != {}
        return answered

"""Everything that is random about a user, decided by (seed, user number) alone.

Data depend on how many times a user did a thing, never on what came back or when: so two runs with one seed send the
same things.
"""

from __future__ import annotations

from hashlib import sha256
from random import Random


class Draws:
    """One user's counters and random numbers. Kept small: a run holds thousands of users."""

    __slots__ = ("_key", "_turns")

    def __init__(self, seed: int, number: int) -> None:
        self._key = Random(f"{seed}:{number}").getrandbits(64)
        self._turns: dict[str, int] = {}

    def turn(self, name: str) -> int:
        """A counter that rises by one with each call, from an offset that differs between users."""
        turn = self._turns.get(name)
        if turn is None:
            turn = self.number(name, 0) % 60_060  # divisible by any period up to 7, so no phase is favoured
        self._turns[name] = turn + 1
        return turn

    def number(self, name: str, turn: int) -> int:
        """256 random bits for the given turn of ``name``."""
        return int.from_bytes(sha256(b"%d:%d:%b" % (self._key, turn, name.encode())).digest())

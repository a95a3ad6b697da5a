"""Users whose answers are there go on together, after everything that has come with them was read.

What a user does with an answer takes some 50 µs, and a target that wakes from a stall answers hundreds at once. Were
each user switched to as soon as its own answer is whole, the answers behind it would be read, and their time taken,
milliseconds after they came: the generator's work would count as the target's latency.
"""

from __future__ import annotations

from typing import Any


class Inbox:
    """Greenlets whose answer is there; shared by all connections of a process."""

    __slots__ = ("_run_callback", "_users")

    def __init__(self, loop: Any) -> None:
        self._run_callback = loop.run_callback
        self._users: list[Any] = []

    def put(self, user: Any) -> None:
        """Switch to ``user`` once this turn's answers are read."""
        if not self._users:
            self._run_callback(self._empty)
        self._users.append(user)

    def drop(self, user: Any) -> None:
        """``user`` was stopped before it went on, and must not be switched to."""
        if user in self._users:
            self._users[self._users.index(user)] = None

    def _empty(self) -> None:
        users, self._users = self._users, []
        for user in users:
            if user is not None:
                user.switch()

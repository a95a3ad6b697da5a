"""Requests that become ready in one turn of the loop leave together at its end.

Bytes that reach a sleeping target wake it on the sender's time: under load that wake-up is a third of what a request
costs (measured: 22.4 µs of CPU a request when each leaves by itself, 16.0 µs together). When the second request leaves
right behind the first, the target is awake already. What waits, waits for the rest of one turn of the loop; ``sent_s``
is taken when it really leaves.
"""

from __future__ import annotations

from typing import Any, Protocol


class Sender(Protocol):
    """Somebody who has a request to send."""

    def leave(self) -> None:
        """Send it, unless it was given up meanwhile. Called in the loop; raises nothing."""
        ...


class Outbox:
    """Shared by all connections of a process."""

    __slots__ = ("_run_callback", "_senders")

    def __init__(self, loop: Any) -> None:
        self._run_callback = loop.run_callback
        self._senders: list[Sender] = []

    def put(self, sender: Sender) -> None:
        """Let ``sender`` send at the end of this turn."""
        if not self._senders:
            self._run_callback(self._empty)
        self._senders.append(sender)

    def _empty(self) -> None:
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.leave()

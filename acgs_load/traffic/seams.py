"""What a user's client needs from the process around it, so that scenarios run the same in Locust and in a test."""

from __future__ import annotations

from typing import Protocol

from acgs_load.samples import Sample


class Recorder(Protocol):
    """Takes what was measured. Direct calls, because Locust swallows the exceptions of event listeners."""

    def record(self, sample: Sample) -> None:
        """Count one sample."""
        ...

    def skip(self, operation: str, scenario: str) -> None:
        """Count a request that was not sent because its object is missing."""
        ...

    def example(self, kind: str, operation: str, text: str, status: int = 0) -> None:
        """Keep an example of a violation or error outcome; ``text`` is one line, at most 300 characters, no secrets.

        ``status`` is the answer's; 0 where no status line came.
        """
        ...


class Arrivals(Protocol):
    """Decides when a user's next request is due."""

    def next_due_s(self) -> float | None:
        """None in closed load: send now. In open load: wait for an arrival, then its due time (``perf_counter``)."""
        ...

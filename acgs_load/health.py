"""One second in the life of a generator process: whether its figures can be believed."""

from __future__ import annotations

from typing import NamedTuple


class HealthRow(NamedTuple):
    """A row of ``generators.csv``; one a second from each Locust process."""

    second: int
    """Epoch second."""
    process: str
    """``master``, ``local`` or ``worker-<index>``."""
    region: str
    cpu: float
    """Share of one core, 0–1 (above 1 only where native threads help)."""
    memory_bytes: int
    loop_lag_max_ms: float
    """Worst overshoot of a short sleep within the second; what the event loop may have added to a latency."""
    descriptors: int
    users: int
    arrivals_waiting: int
    """Open load: arrivals that are due and have no free user yet."""
    arrivals_unsent: int
    """Open load: arrivals given up within the second."""
    probe: str = ""
    """What the process itself added to latencies in the second: ``Histogram.to_wire()`` of a no-op exchange through its
    event loop, separated by blanks; empty where nobody probed (the master, and runs of before)."""

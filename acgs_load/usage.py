"""One second of the machine that is loaded: how much of its CPU and memory was in use."""

from __future__ import annotations

from typing import NamedTuple


class ResourceRow(NamedTuple):
    """A row of ``resources.csv``: shares (0–1) of the target's machine, None where the source does not tell."""

    second: int
    """Epoch second."""
    source: str
    """``process tree``, ``metrics``, ``node_exporter``, ``prometheus`` or ``docker``."""
    cpu: float | None
    """Share of all cores over the time since the row before."""
    memory: float | None
    memory_bytes: int | None

"""The workers of a run as the master knows them: who they are, what they sent, and who was lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Member:
    """One worker process."""

    client: str
    """Locust's id of it."""
    index: int
    identity: dict[str, Any] = field(default_factory=dict)
    """Region, host, pid and python, once it has said so."""
    complaint: str | None = None
    told: dict[str, Any] = field(default_factory=dict)
    """The totals of its latest report."""
    received: int = 0
    """Samples in the windows that arrived."""
    final: bool = False
    """It said that it had reported everything."""
    gone: bool = False
    """It is not there any more, or left before the end."""
    heard_s: float = 0.0
    """When its latest report came, in seconds since the start."""
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """From when to when of the run nobody played its part, each time it went."""
    slips: list[list[int]] = field(default_factory=list)
    """First and last of each row of numbered slips that arrived."""

    @property
    def lost(self) -> int:
        """Samples it recorded that never arrived, as far as it could tell."""
        return max(0, int(self.told.get("samples", 0)) - self.received)

    def accept(self, first: int, last: int) -> bool:
        """Whether a report with these slips is new; it counts as arrived from now on."""
        if any(begin <= last and first <= end for begin, end in self.slips):
            return False
        if last >= first:
            if self.slips and self.slips[-1][1] == first - 1:
                self.slips[-1][1] = last
            else:
                self.slips.append([first, last])
        return True

    def record(self) -> dict[str, Any]:
        """Its entry in ``run.json``."""
        return {
            "index": self.index,
            "region": self.identity.get("region", ""),
            "host": self.identity.get("host", ""),
            "pid": self.identity.get("pid"),
            "log": self.identity.get("log", ""),
            "cores": self.identity.get("cores"),
            "versions": {name: self.identity.get(name) for name in ("suite", "locust", "python", "gevent")},
            "samples_sent": self.told.get("samples", 0),
            "samples_received": self.received,
            "lost": self.gone,
            "gaps": [list(gap) for gap in self.gaps],
            "spooled": bool(self.identity.get("spooled")),
            "slips": self.slips,
            "arrivals": self.told.get("arrivals"),
            "clock_skew_ms": self.identity.get("corrected_ms"),
            "clock_certain_ms": self.told.get("skew_certain_ms"),
        }


class Crew:
    """All workers that took part, in the order they joined."""

    def __init__(self, send: Callable[[str, dict[str, Any], str], None]) -> None:
        self._send = send
        self._members: dict[str, Member] = {}

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, client: str) -> bool:
        return client in self._members

    def join(self, client: str) -> Member:
        """Take a worker in."""
        member = self._members[client] = Member(client, len(self._members))
        return member

    def get(self, client: str) -> Member | None:
        """The worker with Locust's id ``client``."""
        return self._members.get(client)

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Send a message to everybody who is there."""
        for member in self:
            if not member.gone and not member.final:
                self._send(kind, data, member.client)

    def tell_one(self, member: Member, kind: str, data: dict[str, Any]) -> None:
        """Send a message to one of them."""
        self._send(kind, data, member.client)

    @property
    def ready(self) -> list[Member]:
        """Workers that are there and have the plan."""
        return [member for member in self if member.identity and not member.gone and not member.complaint]

    @property
    def lost(self) -> list[Member]:
        """Workers that died or left before the end."""
        return [member for member in self if member.gone]

    @property
    def awaited(self) -> list[Member]:
        """Workers that are there and have not yet reported everything."""
        return [member for member in self if not member.gone and not member.final]

    def total(self, name: str) -> int:
        """Sum of one of the workers' totals."""
        return sum(int(member.told.get(name) or 0) for member in self)

    def arrivals(self) -> dict[str, float] | None:
        """Arrivals of all workers together; None in closed load."""
        told = [counts for member in self if (counts := member.told.get("arrivals"))]
        if not told:
            return None
        names = ("scheduled", "sent", "unsent", "waited")
        sums: dict[str, float] = {name: sum(int(counts[name]) for counts in told) for name in names}
        sums["late_max_ms"] = max(counts["late_max_ms"] for counts in told)
        return sums

    def skew_ms(self) -> float | None:
        """How far a worker's clock may be from the master's after correction, at the worst of them."""
        return max((skew for member in self for skew in _skews(member.told)), default=None)


def _skews(told: dict[str, Any]) -> Iterator[float]:
    """What was left, and what could not be told."""
    for name in ("skew_ms", "skew_certain_ms"):
        if told.get(name) is not None:
            yield abs(float(told[name]))

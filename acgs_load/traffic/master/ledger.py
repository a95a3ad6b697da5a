"""A run as it goes on, in bounded memory: its last seconds one by one, all of it in stretches that grow with it.

Kept for the whole, for each scenario and for each region, with logging in apart: it counts as errors, not as traffic.
"""

from __future__ import annotations

from acgs_load.contract import AUTH_OPERATIONS, ERROR_OUTCOMES, Outcome
from acgs_load.measures import Slice, measure
from acgs_load.samples import Window, WindowKey
from acgs_load.snapshot import Figures, Series

RECENT_S = 10
STRETCHES_MAX = 240
"""More, and each two neighbours become one."""
TRAFFIC, AUTH = "traffic", "auth_login"
"""Names under which measures tell traffic from logging in."""
ALL = ""
_TOLD = ("throughput_rps", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "error_ratio", "compliance_score")
_OUTCOMES = (*ERROR_OUTCOMES, Outcome.THROTTLED)
Group = dict[str, Window]
"""Traffic and logging in of one group and stretch of time."""


class Ledger:
    """Told every settled window; knows the last ten seconds, the sums and the course of each group."""

    def __init__(self, started_epoch_s: float) -> None:
        self._begin = int(started_epoch_s)
        self._recent: dict[int, dict[str, Group]] = {}
        self._totals: dict[str, Group] = {}
        self._stretches: dict[str, list[Group]] = {}
        self._figures: dict[tuple[str, int], Figures] = {}
        """Of stretches that nothing was added to since; most of them are over."""
        self._users: list[int | None] = []
        self.width_s = 1

    def see(self, key: WindowKey, window: Window) -> None:
        """Count a settled window; it is looked at, not kept."""
        names = (ALL, f"region {key.region}", *([f"scenario {key.scenario}"] if key.scenario else []))
        kind = AUTH if key.operation in AUTH_OPERATIONS else TRAFFIC
        second = self._recent.setdefault(key.second, {})
        for name in names:
            second.setdefault(name, {}).setdefault(kind, Window()).merge(window)
            self._totals.setdefault(name, {}).setdefault(kind, Window()).merge(window)
            if not name.startswith("scenario"):
                group, place = self._stretch(name, key.second)
                group.setdefault(kind, Window()).merge(window)
                self._figures.pop((name, place), None)

    def count_users(self, second: int, users: int) -> None:
        """Note how many users there are in an epoch second."""
        place = max(0, second - self._begin) // self.width_s
        # as many as before, where nobody looked in between
        self._users += self._users[-1:] * (place - len(self._users)) if self._users else [None] * place
        self._users += [None] * (place + 1 - len(self._users))
        self._users[place] = max(self._users[place] or 0, users)
        self._shrink()

    def names(self, kind: str) -> list[str]:
        """The scenarios or regions seen so far, sorted; ``kind`` is ``scenario`` or ``region``."""
        return sorted(name.partition(" ")[2] for name in self._totals if name.partition(" ")[0] == kind)

    def recent(self, name: str, last: int) -> tuple[Figures, float]:
        """The ten seconds before the epoch second ``last``, or as many as there were; and how many."""
        first = max(self._begin, last - RECENT_S)
        merged: Group = {}
        for second in range(first, last):
            _merge(merged, self._recent.get(second, {}).get(name, {}))
        for old in [second for second in self._recent if second < first]:
            del self._recent[old]
        return figures(merged, float(last - first)), float(last - first)

    def total(self, name: str, last: int) -> Figures:
        """Everything before the epoch second ``last``."""
        return figures(self._totals.get(name, {}), float(max(0, last - self._begin)))

    def series(self, name: str, last: int) -> Series:
        """The course of a group up to the epoch second ``last``, leaving out the stretch that is not over."""
        whole = max(0, last - self._begin) // self.width_s
        rows = [self._figures_of(name, place) for place in range(whole)]
        users = ([*self._users, *[None] * whole])[:whole] if name == ALL else [None] * whole
        return Series(
            self.width_s,
            tuple(users),
            tuple(row.rps for row in rows),
            tuple(row.p95_ms for row in rows),
            tuple(row.errors for row in rows),
            tuple(row.violations for row in rows),
            tuple(row.compliance for row in rows),
        )

    def _figures_of(self, name: str, place: int) -> Figures:
        if (name, place) not in self._figures:
            row = self._stretches.get(name, [])
            group = row[place] if place < len(row) else {}
            self._figures[name, place] = figures(group, float(self.width_s))
        return self._figures[name, place]

    def _stretch(self, name: str, second: int) -> tuple[Group, int]:
        row = self._stretches.setdefault(name, [])
        place = max(0, second - self._begin) // self.width_s
        while place >= STRETCHES_MAX:
            self._halve()
            place = max(0, second - self._begin) // self.width_s
        row = self._stretches[name]
        row += [{} for _ in range(place + 1 - len(row))]
        return row[place], place

    def _shrink(self) -> None:
        while len(self._users) > STRETCHES_MAX:
            self._halve()

    def _halve(self) -> None:
        self.width_s *= 2
        self._figures.clear()
        for name, row in self._stretches.items():
            for left, right in zip(row[::2], row[1::2], strict=False):
                _merge(left, right)
            self._stretches[name] = row[::2]
        pairs = zip(self._users[::2], [*self._users[1::2], None], strict=False)
        self._users = [max((one for one in pair if one is not None), default=None) for pair in pairs]


def figures(group: Group, seconds: float) -> Figures:
    """The measures of a group over that many seconds."""
    part = Slice(group, seconds)
    value = {name: measure(name, part).value for name in _TOLD}
    outcomes = {kind: sum(window.outcomes.get(kind, 0) for window in group.values()) for kind in _OUTCOMES}
    return Figures(
        requests=sum(window.samples for window in group.values()),
        rps=value["throughput_rps"],
        p50_ms=value["latency_p50_ms"],
        p95_ms=value["latency_p95_ms"],
        p99_ms=value["latency_p99_ms"],
        errors=sum(outcomes[kind] for kind in ERROR_OUTCOMES),
        error_ratio=value["error_ratio"],
        throttled=outcomes[Outcome.THROTTLED],
        violations=sum(sum(window.violations.values()) for window in group.values()),
        compliance=value["compliance_score"],
    )


def _merge(into: Group, other: Group) -> None:
    for kind, window in other.items():
        into.setdefault(kind, Window()).merge(window)

"""All windows of a run in order of time, and slices of them: what live aborts and the analysis both judge.

Times are seconds since the run's start; a window's second is the whole epoch second its samples were done in.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from acgs_load.contract import AUTH_OPERATIONS
from acgs_load.measures import Slice
from acgs_load.samples import Window, WindowKey

PEAK_WINDOW_S = 10
LABELS = ("operation", "scenario", "region")
Kinds = Literal["outcomes", "violations", "failures"]
Name = Callable[[WindowKey], str | None]
"""What a key belongs to; None: nothing."""
_TOUCH_S = 1e-3


class Phase(NamedTuple):
    """A stretch of the run as it really went, in seconds since the start."""

    name: str
    from_s: float
    to_s: float
    hold: bool


@dataclass(slots=True)
class _Cell:
    """All seconds of one region, scenario, operation and phase, merged once for the many slices that need them."""

    window: Window = field(default_factory=Window)
    answered: dict[int, int] = field(default_factory=dict)
    """Answered requests by epoch second."""
    edges: dict[int, tuple[float, float]] = field(default_factory=dict)
    """First and last answer by epoch second."""

    def merge(self, key: WindowKey, window: Window) -> None:
        self.window.merge(window)
        second = key.second
        self.answered[second] = self.answered.get(second, 0) + window.answered
        if window.last_done_s:
            first_s, last_s = self.edges.get(second, (math.inf, 0.0))
            self.edges[second] = min(first_s, window.first_done_s), max(last_s, window.last_done_s)


class Timeline:
    """Windows by second. Adding is cheap; slices merge what they need, whole-run slices from sums kept beside."""

    def __init__(self, started_epoch_s: float, phases: Iterable[Phase]) -> None:
        self.started_epoch_s = started_epoch_s
        self.phases = tuple(phases)
        self._by_second: dict[int, dict[WindowKey, Window]] = defaultdict(dict)
        self._cells: dict[WindowKey, _Cell] | None = None
        """By key with second 0; None until a slice needs them."""
        self._known: dict[tuple[object, ...], Slice] = {}
        """Slices of the whole run that were asked for before, until a window is added."""

    def add(self, key: WindowKey, window: Window) -> None:
        """Add one window; another of the same key is merged into the first. The window is the timeline's from now."""
        self._known.clear()
        if self._cells is not None:
            self._cells.setdefault(key._replace(second=0), _Cell()).merge(key, window)
        row = self._by_second[key.second]
        if key in row:
            row[key].merge(window)
        else:
            row[key] = window

    def forget_before(self, second: int) -> None:
        """Drop windows older than an epoch second, for bounded memory; slices then speak of what is left."""
        self._cells = None
        self._known.clear()
        for old in [known for known in self._by_second if known < second]:
            del self._by_second[old]

    def items(self) -> Iterator[tuple[WindowKey, Window]]:
        """Every key and its window, in order of time; look, do not change."""
        for second in self.seconds:
            yield from self._by_second[second].items()

    def parts(self) -> list[WindowKey]:
        """The distinct keys, their second 0."""
        return list({key._replace(second=0): None for row in self._by_second.values() for key in row})

    def counted(self, kinds: Kinds) -> dict[tuple[str, str], tuple[int, int]]:
        """By (kind, operation), where counted at all: how often, and the first epoch second."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for key, window in self.items():
            counts: Mapping[str, int] = getattr(window, kinds)
            for kind, count in counts.items():
                if count:
                    before, first = found.get((kind, key.operation), (0, key.second))
                    found[kind, key.operation] = before + count, first
        return found

    def grouped(self, width_s: int, begin: int, name: Name, *, timed: bool = True) -> Iterator[tuple[int, str, Window]]:
        """For each ``width_s`` seconds from the epoch second ``begin`` on: their number from 0, name and window.

        ``name`` groups the keys and leaves out those that it has none for; older than ``begin`` counts as number 0.
        Where not ``timed``, the windows may come without latencies.
        """
        groups = self.grouped_by(width_s, begin, [name], timed=timed)
        return ((place, named, window) for place, _, named, window in groups)

    def grouped_by(
        self, width_s: int, begin: int, names: Sequence[Name], *, timed: bool = True
    ) -> Iterator[tuple[int, int, str, Window]]:
        """As ``grouped`` in several ways at once: number, the place in ``names`` of what named it, name and window."""
        groups: dict[tuple[int, int, str], Window] = {}
        for key, window in self.items():
            for way, name in enumerate(names):
                if (named := name(key._replace(second=0))) is not None:
                    groups.setdefault((max(0, key.second - begin) // width_s, way, named), Window()).merge(window)
        return ((*of, window) for of, window in groups.items())

    def _summed(self) -> dict[WindowKey, _Cell]:
        if self._cells is None:
            self._cells = {}
            for key, window in self.items():
                self._cells.setdefault(key._replace(second=0), _Cell()).merge(key, window)
        return self._cells

    @property
    def seconds(self) -> list[int]:
        """Epoch seconds that hold windows, ascending."""
        return sorted(self._by_second)

    @property
    def hold_names(self) -> frozenset[str]:
        """Names of the phases that hold."""
        return frozenset(phase.name for phase in self.phases if phase.hold)

    def values(self, label: str) -> list[str]:
        """The values that ``operation``, ``scenario``, ``region`` or ``phase`` takes, sorted."""
        return sorted({getattr(key, label) for row in self._by_second.values() for key in row})

    def slice(
        self,
        labels: Mapping[str, str] | None = None,
        phases: frozenset[str] | None = None,
        from_second: int | None = None,
        to_second: int | None = None,
    ) -> Slice:
        """Everything that matches: ``labels`` (operation, scenario, region), phase names, epoch seconds [from, to).

        Its length is that of the phases (by the clock, whether or not anything was answered), or of the seconds given.
        Look at its windows, do not change them: the next who asks may get the same.
        """
        wanted = dict(labels or {})
        if from_second is not None or to_second is not None:
            return self._slice(wanted, phases, from_second, to_second)
        name = (*sorted(wanted.items()), phases)
        if name not in self._known:
            self._known[name] = self._slice(wanted, phases, None, None)
        return self._known[name]

    def _slice(
        self, wanted: Mapping[str, str], phases: frozenset[str] | None, from_second: int | None, to_second: int | None
    ) -> Slice:
        if from_second is None and to_second is None:
            cells = [(key, cell) for key, cell in self._summed().items() if matches(key, wanted, phases)]
        else:
            cells = list(self._between(wanted, phases, from_second, to_second).items())
        totals: dict[str, Window] = {}
        answered: dict[int, int] = {}
        edges: dict[int, tuple[float, float]] = {}
        for key, cell in cells:
            totals.setdefault(key.operation, Window()).merge(cell.window)
            for second, count in cell.answered.items():
                answered[second] = answered.get(second, 0) + (0 if key.operation in AUTH_OPERATIONS else count)
            for second, (first_s, last_s) in cell.edges.items():
                known = edges.get(second, (math.inf, 0.0))
                edges[second] = min(known[0], first_s), max(known[1], last_s)
        seconds = self._length_s(phases, from_second, to_second)
        return Slice(
            totals, seconds, _peak_rps(answered, seconds), self._silence_s(edges, phases, from_second, to_second)
        )

    def _between(
        self, wanted: Mapping[str, str], phases: frozenset[str] | None, from_second: int | None, to_second: int | None
    ) -> dict[WindowKey, _Cell]:
        cells: dict[WindowKey, _Cell] = {}
        for second in self._seconds_between(from_second, to_second):
            for key, window in self._by_second[second].items():
                if matches(key, wanted, phases):
                    cells.setdefault(key._replace(second=0), _Cell()).merge(key, window)
        return cells

    def series(
        self,
        width_s: int,
        labels: Mapping[str, str] | None,
        phases: frozenset[str] | None,
        *,
        apart: bool = True,
        timed: bool = True,
    ) -> list[tuple[int, Slice]]:
        """The slices of ``windows``: (epoch second of the beginning, slice), silent ones included.

        Where not ``apart``, operations but ``auth_*`` may come merged into one; where not ``timed``, without latencies.
        """
        spans = self.windows(width_s, phases)
        return [(begin, self.slice(labels, phases, begin, end)) for begin, end in spans]

    def windows(
        self, width_s: int, phases: frozenset[str] | None, end_second: int | None = None
    ) -> list[tuple[int, int]]:
        """Whole windows of ``width_s``, as epoch seconds [from, to), one after the other from the start of the run.

        With ``phases``, from the second nearest to the start of each stretch of wanted phases, and none that reaches
        half a second beyond: it would be judged on a fraction of itself. ``end_second``: only those that end by then.
        """
        nearest_s = 0.0 if phases is None else 0.5
        result = []
        for begin_s, end_s in self._stretches(phases):
            begin, end = math.floor(begin_s + nearest_s), math.floor(end_s + nearest_s)
            last = end if end_second is None else min(end, end_second)
            result += [(at, at + width_s) for at in range(begin, last - width_s + 1, width_s)]
        return result

    def _stretches(self, phases: frozenset[str] | None) -> list[tuple[float, float]]:
        """Epoch seconds from and to of what is wanted; wanted phases that touch are one stretch."""
        start, known = self.started_epoch_s, self.seconds
        if phases is None:
            # silence at the end is part of the run, and so are answers after its last phase
            end_s = max((phase.to_s for phase in self.phases), default=0.0)
            return [(start, max(start + end_s, known[-1] + 1.0 if known else 0.0))]
        stretches: list[tuple[float, float]] = []
        for phase in sorted(self.phases, key=lambda phase: phase.from_s):
            if phase.name not in phases:
                continue
            begin, end = start + phase.from_s, start + phase.to_s
            if stretches and begin - stretches[-1][1] < _TOUCH_S:
                begin = stretches.pop()[0]
            stretches.append((begin, end))
        return stretches

    def _seconds_between(self, from_second: int | None, to_second: int | None) -> list[int]:
        if from_second is not None and to_second is not None:
            return [second for second in range(from_second, to_second) if second in self._by_second]
        first, end = from_second or 0, math.inf if to_second is None else to_second
        return [second for second in self.seconds if first <= second < end]

    def _length_s(self, phases: frozenset[str] | None, from_second: int | None, to_second: int | None) -> float:
        start = self.started_epoch_s
        lower = -math.inf if from_second is None else from_second - start
        upper = math.inf if to_second is None else to_second - start
        if not self.phases or (phases is None and from_second is not None and to_second is not None):
            return max(0.0, upper - lower) if upper - lower < math.inf else self._span_s(from_second, to_second)
        spans = (p for p in self.phases if phases is None or p.name in phases)
        return sum(max(0.0, min(p.to_s, upper) - max(p.from_s, lower)) for p in spans)

    def _span_s(self, from_second: int | None, to_second: int | None) -> float:
        """From the first to the last second that holds windows, where no phase says how long the run was."""
        known = self._seconds_between(from_second, to_second)
        return float(known[-1] + 1 - known[0]) if known else 0.0

    def _silence_s(
        self,
        edges: Mapping[int, tuple[float, float]],
        phases: frozenset[str] | None,
        from_second: int | None,
        to_second: int | None,
    ) -> float | None:
        """Longest gap between answers; a gap shorter than a second may hide inside one, a longer one cannot.

        The stretches before the first and after the last answer count; a run without any was silent throughout.
        """
        if phases is not None or from_second is not None or to_second is not None or not self._by_second:
            return None
        begin_s, end_s = self._stretches(None)[0]
        ordered = [(begin_s, begin_s), *(edges[second] for second in sorted(edges))]
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(ordered)]
        return max(0.0, end_s - ordered[-1][1] if self.phases or not edges else 0.0, *gaps)


def matches(key: WindowKey, wanted: Mapping[str, str], phases: frozenset[str] | None) -> bool:
    """Whether a key has the wanted labels and one of the phases (None: any)."""
    if phases is not None and key.phase not in phases:
        return False
    return all(getattr(key, label) == value for label, value in wanted.items())


def _peak_rps(answered: Mapping[int, int], seconds: float) -> float | None:
    """Best mean of ``PEAK_WINDOW_S`` seconds in a row; None where the stretch is shorter than that."""
    if not answered or seconds < PEAK_WINDOW_S:
        return None
    best = 0
    for end in answered:
        best = max(best, sum(answered.get(second, 0) for second in range(end - PEAK_WINDOW_S + 1, end + 1)))
    return best / PEAK_WINDOW_S

"""Sees everything of the run that goes on, and tells how it stands: ``progress.json`` once a second, and who asks."""

from __future__ import annotations

import gevent

from acgs_load.measures import EXACT_ONE, JUDGED_OPERATIONS, MEASURES, Slice, measure
from acgs_load.run_folder import write_atomically
from acgs_load.samples import Window, WindowKey
from acgs_load.snapshot import Judged, Part, Process, Snapshot, Standing, Violations
from acgs_load.threshold_judge import Finding
from acgs_load.threshold_standing import Standings
from acgs_load.thresholds import read
from acgs_load.timeline import Phase
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.master.alarms import Alarms
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.ledger import ALL, Ledger
from acgs_load.traffic.master.target_tail import TargetTail
from acgs_load.traffic.phases import AFTER

EVERY_S = 1.0


class Lookout:
    """Follows one course from its first second to its last."""

    def __init__(self, course: Course, shape: PlanShape) -> None:
        self._course = course
        self._shape = shape
        self._ledger = Ledger(course.started_s)
        thresholds = [read(text) for text in course.plan.thresholds]
        self._standings = Standings(thresholds, course.started_s, self._phases)
        self._tail = TargetTail(course.folder.resources, self._held)
        self._alarms = Alarms()
        self._first: dict[tuple[str, str], int] = {}
        """Epoch second of the first violation by kind and operation."""
        course.listeners.append(self._see)
        self.latest = self._snapshot()
        self._greenlet: gevent.Greenlet | None = None

    def watch(self) -> Lookout:
        """Tell how the run stands once a second from now on, in a greenlet of its own."""
        self._greenlet = gevent.spawn(self._tell)
        return self

    def close(self) -> None:
        """The run is over: tell how it stood at its end."""
        if self._greenlet is not None:
            self._greenlet.kill()
        self.publish()

    def _tell(self) -> None:
        while True:
            self.publish()
            gevent.sleep(EVERY_S)

    def publish(self) -> None:
        """Look at everything, and write it down."""
        self._tail.read()
        self.latest = self._snapshot()
        write_atomically(self._course.folder.progress, self.latest.to_json())

    def _see(self, key: WindowKey, window: Window) -> None:
        self._standings.see(key, window)
        self._ledger.see(key, window)
        for kind, count in window.violations.items():
            if count:
                known = self._first.get((kind, key.operation), key.second)
                self._first[kind, key.operation] = min(known, key.second)

    def _phases(self) -> list[Phase]:
        course = self._course
        end_s = course.plan.duration_s if course.ended_s is None else course.ended_s - course.started_s
        return [phase for phase in course.phases.until(end_s) if phase.name != AFTER]

    def _held(self, second: int) -> bool:
        at_s = second - self._course.started_s
        return any(phase.hold and phase.from_s <= at_s < phase.to_s for phase in self._phases())

    @property
    def _settled(self) -> int:
        """Epoch second before which everything is known."""
        course = self._course
        last = course.settled_second
        if course.closed and course.ended_s is not None:
            last = min(last, int(course.ended_s) + 1)
        return max(int(course.started_s), last)

    def _snapshot(self) -> Snapshot:
        course, ledger, settled = self._course, self._ledger, self._settled
        plan, elapsed_s = course.plan, max(0.0, course.elapsed_s)
        ending_s = None if course.ended_s is None else course.ended_s - course.started_s
        ledger.count_users(int(course.clock.now_s()), course.users_now)
        standings = tuple(_standing(one) for one in self._standings.findings(settled, self._tail.measures()))
        violations = self._violations()
        self._alarms.look(course, standings, violations)
        recent, recent_s = ledger.recent(ALL, settled)
        state = "ended" if course.closed else "running" if course.ended_by is None else "ending"
        return Snapshot(
            name=plan.name,
            test_type=plan.test_type,
            target_url=plan.target,
            load=plan.load,
            elapsed_s=round(elapsed_s if ending_s is None else ending_s, 1),
            duration_s=plan.duration_s,
            phase=course.phases.phase_at(elapsed_s),
            state=state,
            users=course.users_now,
            users_wanted=self._users_wanted(elapsed_s),
            users_max=max(plan.users_max, course.users_wanted),
            rate_wanted=self._rate_wanted(elapsed_s),
            recent_s=recent_s,
            recent=recent,
            total=ledger.total(ALL, settled),
            scenarios=self._parts("scenario", settled),
            regions=self._parts("region", settled),
            thresholds=standings,
            violations=violations,
            integrity=self._integrity(),
            isolation=self._isolation(),
            chain=self._chain(),
            processes=self._processes(),
            target=self._tail.target(course.clock.now_s()),
            series=ledger.series(ALL, settled),
            region_series={name: ledger.series(f"region {name}", settled) for name in ledger.names("region")},
            warnings=tuple(self._alarms.said),
        )

    def _users_wanted(self, elapsed_s: float) -> int:
        return self._shape.users_at(elapsed_s) if self._course.under_way else 0

    def _rate_wanted(self, elapsed_s: float) -> float | None:
        course = self._course
        if course.plan.load == "closed":
            return None
        if course.rate_now is not None:
            return course.rate_now
        told = [one["rate"] for one in course.rates_told if one["rate"] is not None]
        return float(told[-1]) if told else course.plan.rate_at(elapsed_s)

    def _parts(self, kind: str, settled: int) -> tuple[Part, ...]:
        ledger = self._ledger
        return tuple(
            Part(name, ledger.recent(f"{kind} {name}", settled)[0], ledger.total(f"{kind} {name}", settled))
            for name in ledger.names(kind)
        )

    def _violations(self) -> tuple[Violations, ...]:
        counts: dict[tuple[str, str], int] = {}
        for key, window in self._standings.sums().items():
            for kind, count in window.violations.items():
                counts[kind, key.operation] = counts.get((kind, key.operation), 0) + count
        started_s = self._course.started_s
        rows = sorted(((count, *names) for names, count in counts.items() if count), reverse=True)
        return tuple(
            Violations(kind, operation, count, max(0.0, round(self._first[kind, operation] - started_s, 1)))
            for count, kind, operation in rows
        )

    def _by_operation(self, region: str | None = None) -> dict[str, Window]:
        merged: dict[str, Window] = {}
        for key, window in self._standings.sums().items():
            if region in (None, key.region):
                merged.setdefault(key.operation, Window()).merge(window)
        return merged

    def _integrity(self) -> tuple[Judged, ...]:
        part = Slice(self._by_operation(), 0.0)
        return tuple(_judged(name, name, part) for name in EXACT_ONE)

    def _isolation(self) -> tuple[Judged, ...]:
        regions = self._ledger.names("region")
        return tuple(_judged(name, "isolation_integrity", Slice(self._by_operation(name), 0.0)) for name in regions)

    def _chain(self) -> tuple[Judged, ...]:
        windows = self._by_operation()
        wanted = sorted(JUDGED_OPERATIONS["chain_integrity"] & set(windows))
        return tuple(_judged(name, "chain_integrity", Slice({name: windows[name]}, 0.0)) for name in wanted)

    def _processes(self) -> tuple[Process, ...]:
        gone = {f"worker-{member.index}" for member in self._course.crew.lost}
        return tuple(
            Process(
                row.process, row.region, row.users, row.cpu, row.loop_lag_max_ms, row.memory_bytes, row.process in gone
            )
            for row in sorted(self._course.health.values(), key=lambda row: (row.region, row.process))
        )


def _judged(name: str, told: str, part: Slice) -> Judged:
    found = measure(told, part)
    wrong = 0 if found.value is None else round((1 - found.value) * found.samples)
    return Judged(name, found.samples, wrong, found.value)


def _standing(finding: Finding) -> Standing:
    threshold = finding.threshold
    return Standing(
        threshold.expression,
        threshold.measure,
        finding.state,
        finding.value,
        finding.limit,
        threshold.op,
        MEASURES[threshold.measure].unit,
        finding.margin,
        threshold.required,
        threshold.breaking,
    )

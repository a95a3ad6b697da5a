"""Which workers are there: who went, who came back, who plays whose part meanwhile, and whether enough are left."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from typing import Protocol

from acgs_load.machine import is_running, machine_id
from acgs_load.traffic.engine.dispatch import ShareDispatcher, worker_shares
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.crew import Member
from acgs_load.traffic.messages import DEAL
from acgs_load.traffic.worker.schedule import Deal, deal

DEAL_AHEAD_S = 0.5
"""Workers are told this long before arrivals are dealt anew, so that all change hands at once."""
RESTART_GRACE_S = 30.0
"""How long too few workers are borne where those that died are being started again."""


class Doorway(Protocol):
    """What is asked of the runner."""

    def clients_here(self) -> list[str]: ...

    def dismiss(self, client: str) -> None:
        """This worker is gone: its users are the others' from now on."""
        ...


class Attendance:
    """Of one run."""

    def __init__(self, doorway: Doorway, course: Course, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._doorway = doorway
        self._course = course
        self._clock_s = clock_s
        self._machine = machine_id()
        self._dealt_to: frozenset[str] = frozenset()
        self._few_since_s: float | None = None
        self.planned = 0
        """Workers that the run began with."""

    def begin(self) -> dict[str, Deal]:
        """Everybody who was there at the start, and which arrivals each of them plays."""
        self.planned = len(self._course.crew)
        self._course.workers_least = self.least
        return self._deal()

    @property
    def least(self) -> int:
        """Workers without whom the run is not the one that was planned."""
        # a share such as 0.9 of 10 must not become 9.000000001
        return ceil(self._course.plan.min_workers * self.planned - 1e-9)

    def look(self) -> None:
        """Take note of who is there; share the parts of who is not; end the run when too few are left."""
        here = set(self._doorway.clients_here())
        for member in self._course.crew:
            if member.final or member.complaint:
                continue
            there = member.client in here and not self._is_dead(member)
            if member.gone and there:
                member.gone = False
            elif not member.gone and not there:
                self._miss(member)
        if self._course.ended_by is None and self._course.under_way:
            self._share_parts()
            self._demand_least()

    def _miss(self, member: Member) -> None:
        member.gone = True
        self._doorway.dismiss(member.client)
        now_s = self._course.elapsed_s
        member.gaps.append((round(min(member.heard_s, now_s), 3), round(now_s, 3)))

    def _is_dead(self, member: Member) -> bool:
        """Of a worker on this machine that is seen at once; of others, their silence tells some seconds later."""
        pid = member.identity.get("pid")
        if not pid or not self._machine or member.identity.get("machine") != self._machine:
            return False
        return not is_running(int(pid))

    def _share_parts(self) -> None:
        """Deal the arrivals of an open load to those who are there now, where these are others than before."""
        if frozenset(member.client for member in self._course.crew.ready) == self._dealt_to:
            return
        from_s = round(self._course.elapsed_s + DEAL_AHEAD_S, 3)
        dealt = self._deal()
        if self._course.plan.load != "closed":
            for member in self._course.crew.ready:
                self._course.crew.tell_one(member, DEAL, {"from_s": from_s, **dealt[member.client]._asdict()})

    def _deal(self) -> dict[str, Deal]:
        """Users and arrivals in the proportions of the nodes, over everybody who is ready."""
        regions = {member.client: str(member.identity.get("region", "")) for member in self._course.crew.ready}
        self._dealt_to = frozenset(regions)
        shares = worker_shares(self._course.plan, regions)
        ShareDispatcher.shares = {**ShareDispatcher.shares, **shares}
        return deal(shares)

    def _demand_least(self) -> None:
        present = len(self._course.crew.ready)
        if present >= self.least:
            self._few_since_s = None
            return
        self._few_since_s = self._few_since_s or self._clock_s()
        grace_s = RESTART_GRACE_S if self._course.plan.restart_workers else 0.0
        if present and self._clock_s() - self._few_since_s >= grace_s:
            self._course.end("quorum")

"""Which worker carries the next user: as many in each region as its nodes' ``max_users`` stand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import ClassVar

from locust.dispatch import UsersDispatcher

from acgs_load.plan import Plan
from acgs_load.traffic.worker.deck import Deck


def worker_shares(plan: Plan, regions: Mapping[str, str]) -> dict[str, float]:
    """Users that each worker should carry, relative to the others, for ``regions`` by worker id.

    A worker of a region that the plan does not name carries what the planned ones carry on average.
    """
    users: dict[str, int] = {}
    workers: dict[str, int] = {}
    for node in plan.nodes:
        users[node.region] = users.get(node.region, 0) + node.max_users
        workers[node.region] = workers.get(node.region, 0) + node.workers
    average = sum(users.values()) / sum(workers.values())
    return {
        worker: users[region] / workers[region] if region in users else average for worker, region in regions.items()
    }


class ShareDispatcher(UsersDispatcher):
    """Locust deals users to its list of workers, round and round; here the list holds each by its share."""

    shares: ClassVar[Mapping[str, float]] = {}
    """By worker id; set before a run. Whoever is not in it (a late worker) carries the average."""

    def _sort_workers(self) -> None:
        known = {node.id: node for node in self._worker_nodes}
        self._worker_nodes = list(known.values())
        super()._sort_workers()  # type: ignore[no-untyped-call]
        average = fmean(self.shares.values()) if self.shares else 1.0
        wanted = {node.id: self.shares.get(node.id, average) for node in self._worker_nodes}
        self._worker_nodes = [known[worker] for worker in Deck(wanted).cards]

"""What a process knows about its own health, once a second: whether its latencies can be believed."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
import psutil

from acgs_load.health import HealthRow
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.worker.probe import LoopProbe

NAP_S = 0.02
"""A nap that takes longer than this shows how long the event loop was held up."""
WHOLE_S = 0.9


class Vitals:
    """Measures this process in a greenlet of its own; rows are taken by whoever reports them."""

    def __init__(
        self,
        process: str,
        region: str,
        clock: Clock,
        load: Callable[[], tuple[int, int, int]],
        probe: LoopProbe | None = None,
    ) -> None:
        self.process = process
        self.region = region
        self._clock = clock
        self._load = load
        """Users, arrivals waiting, arrivals given up since the start."""
        self._probe = probe
        """Of a process whose event loop carries requests."""
        self._rows: list[HealthRow] = []
        self._unsent_before = 0

    def watch(self) -> None:
        """Add a row each second, until ended."""
        if self._probe is None:
            self._watch()
            return
        self._probe.start()
        try:
            self._watch()
        finally:
            self._probe.stop()

    def take(self) -> list[HealthRow]:
        """Remove and return the rows that are new."""
        rows, self._rows = self._rows, []
        return rows

    def _watch(self) -> None:
        system = psutil.Process()
        cpu_s, begin_s = time.process_time(), time.perf_counter()
        while True:
            lag_s = self._naps_until(self._clock.counter_at(int(self._clock.now_s()) + 1.0))
            now_s, now_cpu_s = time.perf_counter(), time.process_time()
            cpu = (now_cpu_s - cpu_s) / (now_s - begin_s)
            if now_s - begin_s > WHOLE_S:  # the first second has only been seen in part
                self._rows.append(self._row(system, cpu, lag_s))
            cpu_s, begin_s = now_cpu_s, now_s

    def _naps_until(self, end_s: float) -> float:
        """Sleep in short naps; gives the worst overshoot of one."""
        worst_s, before_s = 0.0, time.perf_counter()
        while before_s < end_s:
            gevent.sleep(NAP_S)
            after_s = time.perf_counter()
            worst_s = max(worst_s, after_s - before_s - NAP_S)
            before_s = after_s
        return worst_s

    def _row(self, system: psutil.Process, cpu: float, lag_s: float) -> HealthRow:
        users, waiting, unsent = self._load()
        given_up, self._unsent_before = max(0, unsent - self._unsent_before), unsent
        return HealthRow(
            int(self._clock.now_s()) - 1,
            self.process,
            self.region,
            round(cpu, 4),
            system.memory_info().rss,
            round(lag_s * 1e3, 3),
            system.num_fds(),
            users,
            waiting,
            given_up,
            " ".join(map(str, self._probe.take().to_wire())) if self._probe else "",
        )

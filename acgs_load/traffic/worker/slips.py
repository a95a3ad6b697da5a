"""What a worker recorded, cut into numbered slips: each is spooled at once, and sent with the next report.

A report covers whole seconds only, so that the master does not get each window in halves; the spool is cut twice in
each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent

from acgs_load.samples import Window, WindowKey
from acgs_load.spool import EVERY_S, SpoolWriter
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.master.telemetry import to_rows
from acgs_load.traffic.worker.recorder import Batch, WindowRecorder

logger = logging.getLogger(__name__)


class Slips:
    """Cuts slips from one recorder, and gathers what the master was not sent yet."""

    def __init__(
        self, recorder: WindowRecorder, clock: Clock, told: Callable[[], dict[str, Any]], spool: SpoolWriter | None
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._told = told
        """What else is new (health, errors), and the totals so far."""
        self._spool = spool
        recorder.tally = spool.count if spool else None
        self._seq = 0
        self._sent = 0
        self._ready = 0
        """The last slip that may be sent: the end of a whole second."""
        self._windows: dict[WindowKey, Window] = {}
        self._fresh: dict[WindowKey, Window] = {}
        """Of seconds that are not over."""
        self._news: dict[str, list[Any]] = {"examples": [], "health": [], "errors": []}
        self._totals: dict[str, Any] = {}

    def cut_for_ever(self) -> None:
        """A slip at the end of each second, and where there is a spool in the middle of it."""
        every_s = EVERY_S if self._spool else 1.0
        while True:
            at_s = (int(self._clock.now_s() / every_s) + 1) * every_s
            gevent.sleep(max(0.0, at_s - self._clock.now_s()))
            self.cut(everything=at_s != int(at_s))

    def cut(self, everything: bool, last: bool = False) -> None:
        """A slip of the seconds that are over, or of ``everything``; the ``last`` one is whole as it is."""
        self._seq += 1
        batch = self._recorder.take(everything)
        told = {**self._told(), "examples": self._recorder.take_examples()}
        if self._spool is not None:
            self._keep({"seq": self._seq, "until_s": round(self._clock.now_s(), 3), "windows": to_rows(batch), **told})
        for name, news in self._news.items():
            news.extend(told.pop(name))
        self._totals = told
        _merge(self._fresh, batch)
        if last or not everything:
            _merge(self._windows, list(self._fresh.items()))
            self._fresh.clear()
            self._ready = self._seq

    def take(self) -> dict[str, Any]:
        """Remove and return what is ready, as the master is told it."""
        batch, news = list(self._windows.items()), self._news
        self._windows, self._news = {}, {name: [] for name in news}
        first, self._sent = self._sent + 1, self._ready
        return {"windows": to_rows(batch), **news, **self._totals, "slips": [first, self._ready]}

    def close(self) -> None:
        """The run is over."""
        self._recorder.tally = None
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _keep(self, line: dict[str, Any]) -> None:
        assert self._spool is not None, "only where there is one"
        try:
            self._spool.append(line)
        except OSError as error:  # a full disk must not end the run, which is still reported to the master
            logger.error("spool %s: %s; nothing more is spooled", self._spool.path, error.strerror)  # noqa: TRY400
            self._news["errors"].append(f"spool: {error.strerror}; nothing more was spooled")
            self.close()


def _merge(into: dict[WindowKey, Window], batch: Batch) -> None:
    for key, window in batch:
        if key in into:
            into[key].merge(window)
        else:
            into[key] = window

"""Where Prometheus finds the exporter, and how long it stays there: until the end of the run was seen, too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from gevent.pywsgi import WSGIServer

from acgs_load.plan import Plan
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.exporter import Exporter

PATH = "/metrics"
LAST_SCRAPE_MAX_S = 20.0
"""A Prometheus that comes less often than this may miss the end of a run; the report does not."""
SCRAPER = "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS"
"""Sent by what comes again and again (Prometheus, vmagent, Alloy); not by a browser."""
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # nosec B104  # only where the user names the port
_LOOK_EVERY_S = 0.2

logger = logging.getLogger(__name__)


class Scrapers:
    """Remembers when a scraper came, so that the master can wait for it once more."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_s: float | None = None
        self._interval_s: float | None = None

    def came(self) -> None:
        """One was answered now."""
        now_s = self._clock()
        if self._last_s is not None:
            self._interval_s = now_s - self._last_s
        self._last_s = now_s

    def next_within_s(self) -> float:
        """How long from now the next one may take: 0 where none comes, or none comes any more."""
        if self._last_s is None:
            return 0.0
        interval_s = LAST_SCRAPE_MAX_S if self._interval_s is None else min(LAST_SCRAPE_MAX_S, 1.5 * self._interval_s)
        return max(0.0, self._last_s + interval_s - self._clock())

    def since(self, moment_s: float) -> bool:
        """Whether one was answered after ``moment_s``."""
        return self._last_s is not None and self._last_s > moment_s


class ExporterDoor:
    """The exporter behind HTTP: on a port of its own, and for the web UI."""

    def __init__(self, exporter: Exporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._exporter = exporter
        self._clock = clock
        self._scrapers = Scrapers(clock)

    def answer(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        """Content type and body for a request in WSGI's words."""
        content_type, body = self._exporter.exposition(str(environ.get("HTTP_ACCEPT", "")))
        if SCRAPER in environ:
            self._scrapers.came()
        return content_type, body

    def application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application of the port: ``/metrics``, and nothing else."""
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"GET /metrics\n"]
        content_type, body = self.answer(environ)
        start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    def serve(self, plan: Plan, headless: bool) -> None:
        """Listen where ``plan`` says. A port that is taken costs the run its metrics, and nothing else.

        With a web UI, which has a ``/metrics`` too, only on a port that the user named.
        """
        named = not plan.origins.get("EXPORTER_PORT", "default").startswith("default")
        if not plan.exporter_port or not (headless or named):
            return
        address = (EVERYWHERE if named else LOOPBACK, plan.exporter_port)
        try:
            WSGIServer(address, self.application, log=None, error_log=logger).start()
        except OSError as error:
            text = "metrics are not served: port %s: %s; name another with --exporter-port, or 0 for none"
            logger.warning(text, plan.exporter_port, error.strerror)

    def await_last(self, course: Course) -> None:
        """Return once a scraper that has been coming saw the end of the run, or does not come, or nobody may wait."""
        ended_s = self._clock()
        deadline_s = ended_s + self._scrapers.next_within_s()
        while self._clock() < deadline_s and not self._scrapers.since(ended_s) and not course.hurry:
            course.wake.wait(min(_LOOK_EVERY_S, deadline_s - self._clock()))
            course.wake.clear()

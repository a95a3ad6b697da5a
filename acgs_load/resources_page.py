"""CPU and memory from a ``/metrics`` page: of a whole machine (node_exporter), or of one process."""

from __future__ import annotations

import re
from collections.abc import Iterator

import requests

from acgs_load.resources import CpuCounter, Level, SilentSourceError

TIMEOUT_S = 2.0
IDLE_MODES = frozenset({"idle", "iowait"})
"""Modes of ``node_cpu_seconds_total`` in which a CPU could have done more; time stolen by the host is not free."""
_LINE = re.compile(r"^(\w+)(?:\{(.*)\})?[ \t]+([0-9.eE+-]+)(?:[ \t]+-?[0-9]+)?[ \t]*$")


class MetricsPage:
    """Reads a page in Prometheus's text format, of whatever kind it turns out to be."""

    def __init__(
        self, url: str, cores: float | None, memory_total_bytes: float | None, verify: bool | str = True
    ) -> None:
        self._url = url
        self._cores = cores
        """CPUs of the machine that a process runs on, which its own page does not tell; None: nobody knows."""
        self._memory_total_bytes = memory_total_bytes
        self._session = requests.Session()
        self._session.verify = verify
        self._cpu = CpuCounter()
        self.name = "metrics"

    @property
    def place(self) -> str:
        """The page, and what is missing to make shares of what it tells."""
        missing = [name for name, known in self._needed() if self.name == "metrics" and not known]
        hint = f" (a process's page; how much its machine has is told by {' and '.join(missing)})" if missing else ""
        return f"{self._url}{hint}"

    def level(self, at_s: float) -> Level:
        """What the page says now. Raises SilentSourceError."""
        text = self._text()
        if "\nnode_cpu_seconds_total{" in text:
            self.name = "node_exporter"
            return self._machine(text)
        return self._process(text, at_s)

    def _needed(self) -> tuple[tuple[str, float | None], ...]:
        return ("TARGET_CPUS", self._cores), ("TARGET_MEMORY_GIB", self._memory_total_bytes)

    def _text(self) -> str:
        try:
            answer = self._session.get(self._url, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise SilentSourceError(f"{self._url} does not answer ({type(error).__name__})") from None
        if not answer.ok:
            raise SilentSourceError(f"{self._url} answers {answer.status_code}")
        return f"\n{answer.text}"

    def _machine(self, text: str) -> Level:
        busy_s = capacity_s = 0.0
        for labels, value in series(text, "node_cpu_seconds_total"):
            capacity_s += value
            busy_s += 0.0 if _mode(labels) in IDLE_MODES else value
        total, free = (
            next((value for _, value in series(text, f"node_memory_{name}_bytes")), None)
            for name in ("MemTotal", "MemAvailable")
        )
        cpu = self._cpu.share(busy_s, capacity_s)
        if total is None or free is None:
            return Level(cpu, None)
        return Level(cpu, 1 - free / total, int(total - free))

    def _process(self, text: str, at_s: float) -> Level:
        busy = [value for _, value in series(text, "process_cpu_seconds_total")]
        used = [value for _, value in series(text, "process_resident_memory_bytes")]
        if not busy and not used:
            raise SilentSourceError(f"{self._url} has neither node_cpu_seconds_total nor process_cpu_seconds_total")
        cpu = self._cpu.share(sum(busy), at_s * self._cores) if busy and self._cores else None
        if not used:
            return Level(cpu, None)
        share = sum(used) / self._memory_total_bytes if self._memory_total_bytes else None
        return Level(cpu, share, int(sum(used)))


def series(text: str, name: str) -> Iterator[tuple[str, float]]:
    """Labels as written, and value, of every line of metric ``name`` in a page that begins with a line end."""
    at = text.find(f"\n{name}")
    while at >= 0:
        end = text.find("\n", at + 1)
        found = _LINE.match(text[at + 1 : end if end >= 0 else len(text)])
        if found and found.group(1) == name:
            yield found.group(2) or "", float(found.group(3))
        at = text.find(f"\n{name}", at + 1)


def _mode(labels: str) -> str:
    found = re.search(r'mode="([^"]*)"', labels)
    return found.group(1) if found else ""

"""CPU and memory as a Prometheus server knows them, by two queries that give a share each."""

from __future__ import annotations

import math
from typing import Any

import requests

from acgs_load.resources import Level, SilentSourceError

TIMEOUT_S = 3.0
SHARE_MAX = 1.5
"""A share may overshoot 1 where counters were read a little late; above this it is no share but, say, per cent."""


class PrometheusServer:
    """Asks a Prometheus server (or what speaks its HTTP API) once a second."""

    name = "prometheus"

    def __init__(self, base: str, cpu_query: str, memory_query: str, verify: bool | str = True) -> None:
        self._base = base.rstrip("/")
        self._queries = {"TARGET_CPU_QUERY": cpu_query, "TARGET_MEMORY_QUERY": memory_query}
        self._session = requests.Session()
        self._session.verify = verify

    @property
    def place(self) -> str:
        """The server."""
        return f"Prometheus at {self._base}"

    def level(self, at_s: float) -> Level:
        """What both queries give now; None where one gives nothing. Raises SilentSourceError."""
        cpu, memory = (self._share(name, query) for name, query in self._queries.items())
        return Level(cpu, memory)

    def _share(self, name: str, query: str) -> float | None:
        result = self._ask(name, query)
        rows = [result] if result and not isinstance(result[0], dict) else [row["value"] for row in result]
        if not rows:
            return None
        if len(rows) > 1:
            raise SilentSourceError(f"{self.place}: {name} gives {len(rows)} series; make it one with avg() or sum()")
        value = float(rows[0][1])
        if math.isnan(value):
            return None
        if not 0 <= value <= SHARE_MAX:
            raise SilentSourceError(f"{self.place}: {name} gives {value:g}; it must be a share from 0 to 1")
        return value

    def _ask(self, name: str, query: str) -> list[Any]:
        """The data of a vector or scalar. Raises SilentSourceError."""
        try:
            answer = self._session.get(f"{self._base}/api/v1/query", params={"query": query}, timeout=TIMEOUT_S)
            told = answer.json()
        except requests.JSONDecodeError:
            raise SilentSourceError(f"{self._base} is no Prometheus server (status {answer.status_code})") from None
        except requests.RequestException as error:
            raise SilentSourceError(f"{self.place} does not answer ({type(error).__name__})") from None
        if not isinstance(told, dict) or told.get("status") != "success":
            reason = told.get("error", answer.status_code) if isinstance(told, dict) else answer.status_code
            raise SilentSourceError(f"{self.place}: {name}: {reason}")
        if told["data"]["resultType"] not in ("vector", "scalar"):
            raise SilentSourceError(f"{self.place}: {name} gives a {told['data']['resultType']}, not one value")
        return list(told["data"]["result"])

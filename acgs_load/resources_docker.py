"""CPU and memory of docker containers, from the docker engine's own counters."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from acgs_load.resources import CpuCounter, Level, SilentSourceError

ENGINE = "unix:///var/run/docker.sock"
TIMEOUT_S = 3.0


class DockerContainers:
    """Some containers together, as shares of what they are allowed, or of the host where one of them has no limit."""

    name = "docker"

    def __init__(self, containers: Sequence[str], engine: str | None = None) -> None:
        self._containers = tuple(containers)
        self._engine = engine or os.environ.get("DOCKER_HOST") or ENGINE
        self._cpu = CpuCounter()
        self._limits: dict[str, _Limits] = {}

    @property
    def place(self) -> str:
        """The containers by name."""
        return f"docker containers {', '.join(self._containers)}"

    def level(self, at_s: float) -> Level:
        """What the containers use. Raises SilentSourceError."""
        told = [self._stats(name) for name in self._containers]
        limits = [self._limits[name] for name in self._containers]
        cpu = self._cpu.share(
            sum(one["cpu_stats"]["cpu_usage"]["total_usage"] for one in told) / 1e9,
            sum(limit.cpus for limit in limits) * at_s if all(limit.cpus for limit in limits) else _host_cpu_s(told[0]),
        )
        memory_bytes = sum(_memory_bytes(one["memory_stats"]) for one in told)
        # a container without a limit of its own is told the host's memory
        allowed_bytes = [int(one["memory_stats"]["limit"]) for one in told]
        total_bytes = sum(allowed_bytes) if all(limit.memory_bytes for limit in limits) else max(allowed_bytes)
        return Level(cpu, memory_bytes / total_bytes, memory_bytes)

    def _stats(self, name: str) -> dict[str, Any]:
        if name not in self._limits:
            host = self._get(f"/containers/{quote(name)}/json")["HostConfig"]
            self._limits[name] = _Limits(host.get("NanoCpus", 0) / 1e9, host.get("Memory", 0))
        told = self._get(f"/containers/{quote(name)}/stats?stream=false&one-shot=true")
        if not told.get("memory_stats", {}).get("usage"):
            raise SilentSourceError(f"container {name} does not run")
        return told

    def _get(self, path: str) -> dict[str, Any]:
        connection = self._connection()
        try:
            connection.request("GET", path, headers={"Host": "docker"})
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SilentSourceError(f"docker at {self._engine} does not answer ({error})") from None
        finally:
            connection.close()
        if answer.status != 200:
            raise SilentSourceError(f"docker: {told.get('message', answer.status)}")
        return told

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._engine)
        if parts.scheme == "unix":
            return _SocketConnection(parts.path)
        return http.client.HTTPConnection(parts.hostname or "", parts.port or 2375, timeout=TIMEOUT_S)


class _Limits(NamedTuple):
    """What a container may use; 0: all that the host has."""

    cpus: float
    memory_bytes: int


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


def _host_cpu_s(told: dict[str, Any]) -> float:
    """CPU seconds that the host had so far, all CPUs together."""
    return float(told["cpu_stats"]["system_cpu_usage"]) / 1e9


def _memory_bytes(told: dict[str, Any]) -> int:
    """Memory without what the kernel would drop first (file cache), as ``docker stats`` counts it."""
    stats = told.get("stats", {})
    cache = stats.get("inactive_file", stats.get("total_inactive_file", 0))
    return max(0, int(told["usage"]) - int(cache))

"""CPU and memory of containers, as the docker engine tells them."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading

import pytest
from test_resources_servers import MIB

from acgs_load.resources import SilentSourceError
from acgs_load.resources_docker import DockerContainers

pytestmark = pytest.mark.slow

FREE, BOUND = {"NanoCpus": 0, "Memory": 0}, {"NanoCpus": 10**9, "Memory": 1024 * MIB}
"""What containers may use."""


class Engine(socketserver.ThreadingUnixStreamServer):
    """A docker engine that has two containers; answers as the Engine API 1.41 documents it."""

    def __init__(self, path, limits):
        self.busy_ns, self.host_ns, self.running = 10**9, 10**12, True
        self.limits = dict(zip(("web", "db"), limits, strict=True))
        super().__init__(str(path), _EngineAnswer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _EngineAnswer(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "socket"

    def log_message(self, *_):
        pass

    def do_GET(self):
        engine, name = self.server, self.path.split("/")[2]
        if name not in ("web", "db"):
            self._answer(404, {"message": f"No such container: {name}"})
        elif self.path.endswith("/json"):
            self._answer(200, {"HostConfig": engine.limits[name]})
        elif not engine.running:
            self._answer(200, {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}})
        else:
            used = {"usage": 300 * MIB, "limit": engine.limits[name]["Memory"] or 8192 * MIB}
            told = {"cpu_usage": {"total_usage": engine.busy_ns}, "system_cpu_usage": engine.host_ns, "online_cpus": 4}
            self._answer(200, {"cpu_stats": told, "memory_stats": {**used, "stats": {"inactive_file": 44 * MIB}}})

    def _answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("limits", "cpu", "memory"),
    [
        # both use 0.5 s of the 4 s that four CPUs had; 2 × 256 MiB of the host's 8 GiB
        ((FREE, FREE), 0.25, 512 / 8192),
        # of one CPU each in one second; of 1 GiB each
        ((BOUND, BOUND), 0.5, 512 / 2048),
        # together they may use all that the host has
        ((BOUND, FREE), 0.25, 512 / 8192),
    ],
    ids=["free", "bound", "mixed"],
)
def test_containers_count_together(tmp_path, limits, cpu, memory):
    """Shares of what they are allowed, or of the host; without the file cache. Stopped or unknown ones are said."""
    engine = Engine(tmp_path / "docker.sock", limits)
    place = f"unix://{tmp_path}/docker.sock"
    try:
        source = DockerContainers(("web", "db"), place)
        assert source.level(10.0).cpu is None
        engine.busy_ns += 500_000_000
        engine.host_ns += 4 * 10**9
        level = source.level(11.0)
        assert (level.cpu, level.memory, level.memory_bytes) == (
            pytest.approx(cpu),
            pytest.approx(memory),
            512 * MIB,
        )
        with pytest.raises(SilentSourceError, match="No such container: absent"):
            DockerContainers(("absent",), place).level(0.0)
        engine.running = False
        with pytest.raises(SilentSourceError, match="container web does not run"):
            source.level(12.0)
    finally:
        engine.shutdown()
        engine.server_close()
    (tmp_path / "docker.sock").unlink()
    with pytest.raises(SilentSourceError, match="does not answer"):
        source.level(13.0)

"""nginx on one core as the target that never limits: a static answer, and a counter of its own for every request."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from acgs_load.contract import COMPLIANT_HEADER, HASH_HEADER, SCORE_HEADER
from acgs_load.errors import TargetError
from benchmarks.exchange_facts import HASH, answer_body

_CONFIGURATION = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path {folder}/client; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location = /counters {{ stub_status; }}
    location / {{
      default_type application/json;
      add_header {hash_header} {hash};
      add_header {score_header} 0.97;
      add_header {compliant_header} true;
      return 200 '{body}';
    }}
  }}
}}
"""
_START_S = 10.0


class NginxTarget:
    """A running nginx at ``url``. Its counters are the judge between generators: nobody's own bookkeeping is."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._asked = 0

    def counters(self) -> tuple[int, int]:
        """Connections that are open and requests answered so far, without this counter's own."""
        self._connection.request("GET", "/counters")
        text = self._connection.getresponse().read().split()
        self._asked += 1
        # "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \n…"
        return int(text[2]) - 1, int(text[9]) - self._asked


@contextlib.contextmanager
def nginx_target(nginx: str, core: int) -> Iterator[NginxTarget]:
    """nginx pinned to ``core``, until the end of the block. Raises TargetError where it does not start."""
    with tempfile.TemporaryDirectory(prefix="acgs-bench-nginx-") as folder:
        port = _free_port()
        configuration = Path(folder) / "nginx.conf"
        text = _CONFIGURATION.format(
            folder=folder,
            port=port,
            body=answer_body(),
            hash=HASH,
            hash_header=HASH_HEADER,
            score_header=SCORE_HEADER,
            compliant_header=COMPLIANT_HEADER,
        )
        configuration.write_text(text, encoding="utf-8")
        command = ["taskset", "-c", str(core), nginx, "-e", f"{folder}/error.log", "-c", str(configuration)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _await_port(process, port)
            yield NginxTarget(port)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise TargetError(f"nginx did not start: {_last_words(process)}")


def _last_words(process: subprocess.Popen[bytes]) -> str:
    process.terminate()
    _, errors = process.communicate(timeout=10)
    return errors.decode(errors="replace").strip()[-300:] or "no message"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""A real Prometheus on a free port, for tests: what it scraped, and what it makes of queries."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from acgs_load.fleet.ports import free_port

needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus")


class Prometheus:
    """Its API, as far as tests need it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str, **more: Any) -> list[dict[str, Any]]:
        """The vector that an expression gives now."""
        return self._data("query", query=expression, **more)["result"]

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> list[dict[str, Any]]:
        """The series that an expression gives between two moments."""
        return self._data("query_range", query=expression, start=start_s, end=end_s, step=step_s)["result"]

    def value(self, expression: str) -> float:
        """The only value of the vector."""
        found = self.query(expression)
        assert len(found) == 1, (expression, found)
        return float(found[0]["value"][1])

    def by(self, expression: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Values by these labels."""
        rows = self.query(expression)
        return {tuple(row["metric"].get(label, "") for label in labels): float(row["value"][1]) for row in rows}

    def values_of(self, label: str, selector: str) -> list[str]:
        """The values that a label takes among matching series."""
        answer = requests.get(f"{self.url}/api/v1/label/{label}/values", params={"match[]": selector}, timeout=30)
        return list(answer.json()["data"])

    def when(self, expression: str, within_s: float = 60.0) -> list[dict[str, Any]]:
        """The vector, once there is one."""
        deadline_s = time.monotonic() + within_s
        while not (found := self.query(expression)):
            assert time.monotonic() < deadline_s, f"nothing within {within_s} s: {expression}"
            time.sleep(0.3)
        return found

    def _data(self, path: str, **params: Any) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/api/v1/{path}", params=params, timeout=20)
        assert answer.ok, f"{params}: {answer.text}"
        return answer.json()["data"]


@contextmanager
def prometheus(
    folder: Path,
    jobs: Mapping[str, Sequence[str]],
    *,
    paths: Mapping[str, str] | None = None,
    rules: Sequence[Path] = (),
    interval_s: int = 1,
    native: bool = True,
) -> Iterator[Prometheus]:
    """A server that scrapes ``jobs`` (targets by name, on /metrics or their ``paths``), ended with the test."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    scrapes = [
        {
            "job_name": name,
            "metrics_path": (paths or {}).get(name, "/metrics"),
            "static_configs": [{"targets": [f"127.0.0.1:{port}" if name == "prometheus" else at for at in targets]}],
        }
        for name, targets in jobs.items()
    ]
    every = {"scrape_interval": f"{interval_s}s", "evaluation_interval": f"{interval_s}s", "scrape_timeout": "1s"}
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({"global": every, "rule_files": [*map(str, rules)], "scrape_configs": scrapes}))
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", *(["--enable-feature=native-histograms"] if native else [])]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        _await_ready(server, process, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _await_ready(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + 60
    while True:
        try:
            if requests.get(f"{server.url}/-/ready", timeout=30).ok:
                return
        except requests.RequestException:
            pass
        assert process.poll() is None and time.monotonic() < deadline_s, log.read_text()  # noqa: PT018
        time.sleep(0.1)

"""One run, looked at from four sides: terminal, web UI, Prometheus and report tell the same story."""

from __future__ import annotations

import re
import time

import pytest
import requests
from prometheus_server import needs_prometheus, prometheus
from running import finish, gateway, start_run

from acgs_load.fleet.ports import free_port
from acgs_load.traffic.master.exporter_latency import NATIVE_SCHEMA

pytestmark = [needs_prometheus, pytest.mark.matrix]
DURATION_S = 45
TRAFFIC = 'operation!~"auth_.+"'
FIGURES = {
    "throughput_rps": r"throughput_rps >= \S+ +([\d.,]+) RPS",
    "latency_p95_ms": r"latency_p95_ms <= \S+ +([\d.,]+) ms",
    "error_ratio": r"error_ratio <= \S+ +([\d.,]+) %",
    "compliance_score": r"compliance_score >= \S+ +([\d.,]+) %",
}
"""Measures, and where the terminal's verdict has them."""
LINE = re.compile(r"\[ *(\d+)s/\S+ \w+\] (\d+) users · ([\d,]+) RPS · p95 ([\d,]+) ms · errors ([\d.]+) %")


def _follow(process, url):
    """Every snapshot that the web UI showed until the run was over."""
    seen = {}
    while process.poll() is None:
        try:
            snapshot = requests.get(f"{url}/compliance/live.json", timeout=30).json()
        except requests.RequestException:
            snapshot = None
        if snapshot:
            seen[snapshot["elapsed_s"], snapshot["state"]] = snapshot
        time.sleep(0.2)
    return list(seen.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that holds from its first moment, against a gateway that fails now and then; and all that saw it."""
    place, port, web_port = tmp_path_factory.mktemp("same"), free_port(), free_port()
    flags = ["--test-type", "enterprise", "--users", "30", "--spawn-rate", "1000", "--workers", "2"]
    flags += ["--duration", f"{DURATION_S}s", "--web-ui", "--exporter-port", str(port)]
    faults = ("--fault", "errors=0.05", "--fault", "score-low")
    jobs = {"acgs-load": [f"127.0.0.1:{port}"]}
    with gateway(*faults) as url, prometheus(place / "prometheus", jobs) as server:
        process = start_run(place, "--target", url, *flags, environ={"LOCUST_WEB_PORT": str(web_port)})
        snapshots = _follow(process, f"http://127.0.0.1:{web_port}")
        yield finish(process, place), snapshots, server


def _of_terminal(output):
    """The verdict's table; shares as numbers from 0 to 1."""
    found = {name: re.search(pattern, output) for name, pattern in FIGURES.items()}
    assert all(found.values()), output
    values = {name: float(match[1].replace(",", "")) for name, match in found.items() if match}
    return {
        name: value / 100 if name in ("error_ratio", "compliance_score") else value for name, value in values.items()
    }


def _of_prometheus(server):
    """Whole-run figures from the last scrape; the quantile from native histograms, which have no ``last_over_time``."""
    kept = "last_over_time(acgs_load_{}[10m])".format
    answered = kept(f'requests_total{{{TRAFFIC}, outcome=~"ok|failed_check"}}')
    failures, everything = (server.value(f"sum({kept(f'{name}_total')})") for name in ("failures", "requests"))
    score, scored = (server.value(f"sum({kept(f'compliance_score_{end}{{{TRAFFIC}}}')})") for end in ("sum", "count"))
    last_s = server.value("max(max_over_time(timestamp(acgs_load_users)[10m:1s]))")
    quantile = f"histogram_quantile(0.95, sum(acgs_load_latency_native_seconds{{{TRAFFIC}}}))"
    return {
        "throughput_rps": server.value(f"sum({answered})") / server.value(kept("run_elapsed_seconds")),
        "latency_p95_ms": 1e3 * float(server.query(quantile, time=last_s)[0]["value"][1]),
        "error_ratio": failures / everything,
        "compliance_score": score / scored,
    }


def test_all_tell_the_same_at_the_end(run):
    """Within 1 %, latency from Prometheus within one bucket."""
    ended, snapshots, server = run
    report = {name: ended.report["measures"][name]["value"] for name in FIGURES}
    assert report["error_ratio"] > 0.02
    assert report["compliance_score"] < 0.999
    last = next(one for one in snapshots if one["state"] == "ended")
    web = {one["measure"]: one["value"] for one in last["thresholds"] if one["measure"] in FIGURES}
    bucket = 2 ** (1 / 2**NATIVE_SCHEMA) - 1
    for side, told in (
        ("terminal", _of_terminal(ended.output)),
        ("web UI", web),
        ("Prometheus", _of_prometheus(server)),
    ):
        for name, value in told.items():
            within = bucket if (side, name) == ("Prometheus", "latency_p95_ms") else 0.01
            assert value == pytest.approx(report[name], rel=within), (side, name, told, report)
        assert set(told) == set(report), side


def test_terminal_and_web_ui_go_along(run):
    """Each line of the terminal is what the web UI showed at that moment, rounded."""
    ended, snapshots, _ = run
    lines = [[float(part.replace(",", "")) for part in found] for found in LINE.findall(ended.output)]
    assert len(lines) >= 3, ended.output
    shown = [
        [one["elapsed_s"], one["users"], recent["rps"], recent["p95_ms"], 100 * recent["error_ratio"]]
        for one in snapshots
        if (recent := one["recent"])["p95_ms"] is not None
    ]
    rounding = (0.51, 0.51, 0.51, 0.51, 0.051)
    for line in lines:
        assert any(
            all(abs(told - seen) <= most for told, seen, most in zip(line, row, rounding, strict=True)) for row in shown
        ), line

"""Real runs, scraped by a real Prometheus: at the end every counter there is the report's number, exactly."""

from __future__ import annotations

import json
import threading
from wsgiref.simple_server import make_server

import pytest
from course_fixture import window_at
from prometheus_server import needs_prometheus, prometheus
from running import gateway, run
from test_exporter import of_a_run

from acgs_load.contract import ERROR_OUTCOMES
from acgs_load.fleet.ports import free_port
from acgs_load.sample_pages import rows_of
from acgs_load.samples import Window
from acgs_load.traffic.master.exporter_door import ExporterDoor

pytestmark = [needs_prometheus, pytest.mark.slow]


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A small open load against a gateway with defects, over; the Prometheus that watched it is still there."""
    place, port = tmp_path_factory.mktemp("scraped"), free_port()
    faults = ("--fault", "lost-audit", "--fault", "errors=0.1")
    with prometheus(place / "prometheus", {"acgs-load": [f"127.0.0.1:{port}"]}) as server, gateway(*faults) as url:
        flags = ["--test-type", "smoke", "--users", "20", "--duration", "12s", "--rate", "50", "--workers", "2"]
        ended = run(place, *flags, "--target", url, "--exporter-port", str(port))
        assert ended.code in (1, 4), ended.output + ended.errors
        yield ended, server


def _last(server, metric, *labels):
    """The last values of a counter, by operation and ``labels``; zeros left out."""
    found = server.by(f"last_over_time({metric}[10m])", "operation", *labels)
    return {place: value for place, value in found.items() if value}


def test_counts_are_the_report_s(watched):
    """Requests by outcome, failures and violations of every operation."""
    ended, server = watched
    report = ended.report
    outcomes = {(row["operation"], kind): n for row in report["operations"] for kind, n in row["outcomes"].items() if n}
    assert sum(outcomes.values()) > 400
    assert _last(server, "acgs_load_requests_total", "outcome") == outcomes
    failures = {place: count for place, count in outcomes.items() if place[1] in ERROR_OUTCOMES}
    assert failures
    assert _last(server, "acgs_load_failures_total", "kind") == failures
    violations = {(row["operation"], row["violation"]): row["count"] for row in report["violations"]}
    assert violations
    assert _last(server, "acgs_load_violations_total", "kind") == violations


def test_regions_and_scenarios_add_up(watched):
    """The same requests, counted another way."""
    ended, server = watched
    report = ended.report
    for label in ("region", "scenario"):
        told = server.by(f"sum by ({label}) (last_over_time(acgs_load_requests_total[10m]))", label)
        rows = {(row[label],): row["requests"] for row in report[f"{label}s"]}
        assert {place: told[place] for place in rows} == rows


def test_latencies_are_those_of_the_run_folder(watched):
    """Every latency is in the histogram once, and they add up to what was written down; the report leaves ramps out."""
    ended, server = watched
    written: dict[tuple[str, ...], Window] = {}
    for line in ended.folder.joinpath("windows.jsonl").read_text().splitlines():
        for row in rows_of(json.loads(line)):
            written.setdefault((row["operation"],), Window()).merge(Window.from_wire(row))
    sums, counts = (_last(server, f"acgs_load_latency_seconds_{end}") for end in ("sum", "count"))
    assert counts == {place: window.latency.total for place, window in written.items() if window.latency.total}
    assert sums == pytest.approx({place: written[place].latency.sum_us / 1e6 for place in sums}, rel=1e-9)
    assert counts == _last(server, 'acgs_load_latency_seconds_bucket{le="+Inf"}')


def test_measures_and_thresholds_are_the_report_s(watched):
    """What the exporter said last of each measure and threshold is what the report says."""
    ended, server = watched
    report = ended.report
    told = server.by("last_over_time(acgs_load_measure_ratio[10m])", "measure")
    reported = {(name,): one["value"] for name, one in report["measures"].items() if one["value"] is not None}
    assert {place for place in told if place not in reported} == set()
    assert len(told) > 8
    for place, value in told.items():
        assert value == pytest.approx(reported[place], rel=1e-6), place
    states = server.by("last_over_time(acgs_load_threshold_state[10m]) == 1", "threshold", "state")
    assert set(states) == {(row["expression"], row["state"]) for row in report["thresholds"]}


def test_the_last_scrape_saw_the_end(watched):
    """The run was told to be over before the master went."""
    _, server = watched
    assert server.by('last_over_time(acgs_load_phase_info{phase="ended"}[10m])', "phase") == {("ended",): 1.0}


def test_native_histograms_are_understood(tmp_path):
    """Count, sum, quantiles: as Prometheus computes them from what it was sent."""
    exporter, _ = of_a_run(tmp_path, *(window_at(ms, 10, latency_s=(ms + 0.5) / 1e3) for ms in range(20)))
    server = make_server("127.0.0.1", 0, ExporterDoor(exporter).application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    name = "acgs_load_latency_native_seconds"
    with prometheus(tmp_path / "prometheus", {"acgs-load": [f"127.0.0.1:{server.server_port}"]}) as seen:
        seen.when(name)
        assert seen.value(f"histogram_count({name})") == 200
        assert seen.value(f"histogram_sum({name})") == pytest.approx(2.0)
        assert seen.value(f"histogram_quantile(0.95, {name})") == pytest.approx(0.0185, rel=0.025)
        assert seen.value(f"histogram_quantile(0.5, {name})") == pytest.approx(0.0095, rel=0.025)
        assert seen.value('acgs_load_latency_seconds_bucket{le="0.01"}') == 100
    server.shutdown()

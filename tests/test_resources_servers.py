"""CPU and memory of the target from real servers: node_exporter, Prometheus, a process's page."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import contextmanager

import psutil
import pytest
import requests
import running
from locust_processes import Locust, free_port

from acgs_load.resources import SilentSourceError
from acgs_load.resources_page import MetricsPage
from acgs_load.resources_promql import PrometheusServer
from acgs_load.settings_table import CPU_QUERY, MEMORY_QUERY
from acgs_load.snapshot import Snapshot

pytestmark = pytest.mark.slow
NODE_EXPORTER, PROMETHEUS = shutil.which("prometheus-node-exporter"), shutil.which("prometheus")
needs_node_exporter = pytest.mark.skipif(NODE_EXPORTER is None, reason="prometheus-node-exporter is not installed")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed")
MIB = 1 << 20


@contextmanager
def process(*argv, url, within_s=30.0):
    """A server, from when ``url`` answers."""
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(url), within_s)
        yield server
    finally:
        server.kill()
        server.wait()


def answers(url):
    try:
        return requests.get(url, timeout=30).ok
    except requests.RequestException:
        return False


def until(met, within_s=30.0):
    deadline_s = time.monotonic() + within_s
    while not (found := met()):
        assert time.monotonic() < deadline_s, "nothing came of it"
        time.sleep(0.2)
    return found


@contextmanager
def node_exporter():
    """A node_exporter of this machine; gives the URL of its page and the process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    flags = ("--collector.disable-defaults", "--collector.cpu", "--collector.meminfo")
    with process(NODE_EXPORTER, f"--web.listen-address=127.0.0.1:{port}", *flags, url=url) as server:
        yield url, server


@contextmanager
def prometheus(home, page):
    """A Prometheus that scrapes ``page`` once a second; gives its URL."""
    port, place = free_port(), page.removeprefix("http://").removesuffix("/metrics")
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}}
    config["scrape_configs"] = [{"job_name": "node", "static_configs": [{"targets": [place]}]}]
    (home / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    flags = (
        f"--config.file={home}/prometheus.yml",
        f"--storage.tsdb.path={home}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    url = f"http://127.0.0.1:{port}"
    with process(PROMETHEUS, *flags, url=f"{url}/-/ready"):
        yield url


@contextmanager
def one_core_burning():
    burning = subprocess.Popen(["python3", "-c", "while True: pass"])
    try:
        yield
    finally:
        burning.kill()
        burning.wait()


def busy_share(before, after):
    """What psutil says of the same stretch: everything but idle and iowait."""
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields if "guest" not in name}
    return 1 - (spent["idle"] + spent["iowait"]) / sum(spent.values())


@needs_node_exporter
def test_a_node_exporter_tells_the_whole_machine():
    """CPU within five points of what the kernel says over the same seconds, memory within two; then it goes away."""
    with node_exporter() as (url, server):
        source = MetricsPage(url, None, None)
        assert source.level(0.0).cpu is None
        with one_core_burning():
            before = psutil.cpu_times()
            source.level(0.0)
            time.sleep(3)
            after, level = psutil.cpu_times(), source.level(0.0)
        assert source.name == "node_exporter"
        assert level.cpu == pytest.approx(busy_share(before, after), abs=0.05)
        assert level.cpu >= 0.6 / psutil.cpu_count()
        memory = psutil.virtual_memory()
        assert level.memory == pytest.approx(1 - memory.available / memory.total, abs=0.02)
        server.kill()
        server.wait()
        with pytest.raises(SilentSourceError, match="does not answer"):
            source.level(0.0)


@needs_node_exporter
@needs_prometheus
def test_a_prometheus_tells_what_its_node_exporter_told(tmp_path):
    """The default queries give shares; a machine that is scraped no more is a gap; a wrong query is said in words."""
    with node_exporter() as (page, server), prometheus(tmp_path, page) as url:
        source = PrometheusServer(url, CPU_QUERY, MEMORY_QUERY)
        with one_core_burning():
            until(lambda: source.level(0.0).cpu is not None)
            time.sleep(3)
            level = source.level(0.0)
        assert level.cpu >= 0.6 / psutil.cpu_count()
        assert level.cpu <= 1.1
        memory = psutil.virtual_memory()
        assert level.memory == pytest.approx(1 - memory.available / memory.total, abs=0.02)
        for query, said in (
            ("node_cpu_seconds_total", r"gives \d+ series; make it one"),
            ("count(node_cpu_seconds_total)", "must be a share from 0 to 1"),
            ("sum(", "parse error"),
            ("node_cpu_seconds_total[1m]", "gives a matrix"),
        ):
            with pytest.raises(SilentSourceError, match=said):
                PrometheusServer(url, query, MEMORY_QUERY).level(0.0)
        assert PrometheusServer(url, "scalar(vector(0.25))", "vector(0.5)").level(0.0)[:2] == (0.25, 0.5)
        server.kill()
        server.wait()
        until(lambda: source.level(0.0)[:2] == (None, None), 10)
    with pytest.raises(SilentSourceError, match="does not answer"):
        source.level(0.0)


@needs_prometheus
def test_a_page_of_another_process_needs_to_know_its_machine(tmp_path):
    """Prometheus's own page: memory in bytes at once, shares only of a machine that is known."""
    with prometheus(tmp_path, "http://127.0.0.1:1/metrics") as url:
        unknown = MetricsPage(f"{url}/metrics", None, None)
        unknown.level(0.0)
        assert unknown.level(1.0)[:2] == (None, None)
        assert unknown.level(1.0).memory_bytes > MIB
        known = MetricsPage(f"{url}/metrics", 4, 1024 * MIB)
        known.level(0.0)
        level = known.level(1.0)
        assert 0 <= level.cpu < 1
        assert level.memory == pytest.approx(level.memory_bytes / (1024 * MIB))
        with pytest.raises(SilentSourceError, match="answers 404"):
            MetricsPage(f"{url}/nothing/metrics", 4, 1).level(0.0)
        with pytest.raises(SilentSourceError, match="is no Prometheus server"):
            PrometheusServer(f"{url}/metrics", CPU_QUERY, MEMORY_QUERY).level(0.0)


def held_s(output):
    """How long the run has been in a phase that holds, by what the master tells."""
    for told in output.glob("*/*/progress.json"):
        snapshot = Snapshot.from_json(told.read_bytes())
        return snapshot.elapsed_s - 5 if snapshot.phase == "hold" else 0
    return 0


@needs_node_exporter
def test_a_run_is_judged_by_the_machine_that_was_named(tmp_path):
    """A node_exporter that dies in the middle: said once on the terminal, a gap in the report, figures of the rest."""
    with running.gateway() as target, node_exporter() as (page, server):
        run = running.start_run(
            tmp_path,
            *("--target", target, "--users", "10", "--duration", "24s", "--workers", "1", "--test-type", "smoke"),
            *("--target-metrics", page, "--threshold", "throughput_rps >= 1"),
        )
        until(lambda: held_s(tmp_path) >= 5, 60)  # some seconds of the hold are measured, most are not
        server.kill()
        server.wait()
        ended = running.finish(run, tmp_path)
    assert ended.output.count("of the target: not measured while this lasts") == 1, ended.output + ended.errors
    told = ended.report["resources"]["target"]
    assert told["source"] == "node_exporter"
    rows = {row["measure"]: row for row in ended.report["thresholds"]}
    assert 0 < rows["target_cpu"]["value"] <= 1
    assert rows["target_memory"]["state"] in ("pass", "fail")
    assert any("the rest is a gap" in text for text in ended.report["warnings"]), ended.report["warnings"]


def test_nothing_there_is_not_measured(tmp_path):
    """Never 0; and it fails the run only where the user demanded it."""
    page = f"http://127.0.0.1:{free_port()}/metrics"
    with running.gateway() as target:
        flags = ("--target", target, "--users", "5", "--duration", "8s", "--workers", "1", "--test-type", "smoke")
        asked = ("--target-metrics", page, "--threshold", "throughput_rps >= 1")
        ended = running.run(tmp_path, *flags, *asked, "--threshold", "target_cpu <= 0.9")
    rows = {row["measure"]: row for row in ended.report["thresholds"]}
    assert (rows["target_cpu"]["value"], rows["target_cpu"]["state"]) == (None, "not_measured")
    assert (rows["target_memory"]["value"], rows["target_memory"]["state"]) == (None, "not_measured")
    assert ended.code == 1, ended.output
    assert "CPU and memory of the target: not measured" in ended.output


def test_a_run_without_a_runner_is_measured_too(tmp_path):
    """``locust -f locustfile.py`` by itself: the target's page is read beside it, and the reader ends with the run."""
    with running.gateway() as target:
        settings = {
            "ACGS_TARGET_HOST": target,
            "ACGS_TEST_TYPE": "smoke",
            "ACGS_USERS": "5",
            "ACGS_TEST_DURATION": "12s",
        }
        run = Locust(tmp_path, None, **settings).start("--headless")
        try:
            run.when("resources.csv")
            family = psutil.Process(run.main.pid).children(recursive=True)
            assert any("resources_sidecar" in " ".join(one.cmdline()) for one in family)
            run.wait()
        finally:
            run.stop()
    assert not psutil.wait_procs(family, timeout=60)[1]
    (report,) = (json.loads(path.read_text()) for path in tmp_path.rglob("report.json"))
    assert report["resources"]["target"]["source"] == "metrics"
    assert 0 < report["resources"]["target"]["memory"] < 1

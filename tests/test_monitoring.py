"""Prometheus and Grafana ask only for what exists, and every alert fires when it must and not otherwise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from composing import PROJECT, services
from course_fixture import arrival_counts, window_at
from prometheus_client.parser import text_string_to_metric_families
from querying import read_query
from test_exporter import lookout_of, of_a_run

from acgs_load.gateway.metrics import Metrics
from acgs_load.health import HealthRow

MONITORING = PROJECT / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((MONITORING / "rules").glob("*.yml"))
OF_OTHERS = {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate"},
    "node_cpu_seconds_total": {"cpu", "mode"},
    "node_memory_MemAvailable_bytes": set(),
    "node_memory_MemTotal_bytes": set(),
    "node_load1": set(),
    **{f"node_network_{way}_bytes_total": {"device"} for way in ("receive", "transmit")},
    **{f"node_disk_{way}_bytes_total": {"device"} for way in ("read", "written")},
}
"""What Prometheus and node-exporter publish; a real run asks them (test_dashboards)."""
SCRAPED = {"job", "instance", "le"}
"""Labels that a scrape or a histogram adds."""
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool")


def _exported() -> dict[str, set[str]]:
    """Metric → labels, as the load generator and the reference gateway really publish them."""
    with TemporaryDirectory() as folder:
        exporter, course = of_a_run(Path(folder), window_at(1, 3), rate="10")
        course.crew.get("a").told["arrivals"] = arrival_counts()
        lookout = lookout_of(course)
        lookout._see(*window_at(1, 3))
        lookout.latest = lookout._snapshot()
        exporter.heed(lookout)
    course.take_health([HealthRow(1, "worker-0", "eu-west-1", 0.5, 1000, 1.5, 30, 10, 0, 0)])
    gateway = Metrics()
    gateway.observe("policy_get", 200, 1_000_000)
    families = [*exporter.collect(native=True), *text_string_to_metric_families(gateway.exposition())]
    found: dict[str, set[str]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _groups() -> list[dict]:
    return [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]


def _rules() -> list[dict]:
    return [rule for group in _groups() for rule in group["rules"]]


def _known() -> dict[str, set[str]]:
    recorded = {rule["record"]: {"run", "instance"} for rule in _rules() if "record" in rule}
    return {**_exported(), **recorded, **OF_OTHERS}


def _dashboard_queries() -> list[str]:
    found = []
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        found += [entry["expr"] for entry in dashboard["annotations"]["list"] if "expr" in entry]
        found += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return found


def _unknown(expression: str, known: dict[str, set[str]]) -> list[str]:
    """What the query asks for and nobody publishes."""
    query = read_query(expression)
    labels = SCRAPED | {label for metric in query.metrics for label in known.get(metric, set())}
    return [
        *sorted(query.metrics - set(known)),
        *sorted(f"{metric}.{label}" for metric, label in query.matched if label not in known[metric] | SCRAPED),
        *sorted(query.grouped - labels),
    ]


def test_queries_ask_for_what_exists():
    """Each metric and label in dashboards and rules is published by the generators, the gateway or Prometheus."""
    known = _known()
    wanted = [*_dashboard_queries(), *(rule["expr"] for rule in _rules())]
    assert len(wanted) > 40
    assert {query: _unknown(query, known) for query in wanted if _unknown(query, known)} == {}


def test_choices_exist():
    """The dashboards' choices are values of labels that the generators publish."""
    exported = _exported()
    for path in DASHBOARDS:
        choices = json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]
        queries = [choice["query"]["query"] for choice in choices if choice["type"] == "query"]
        assert len(queries) == 3
        for query in queries:
            metric, label = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query).groups()
            assert label in exported[metric]


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ('sum by (outcome) (rate(acgs_load_requests_total{region=~"$region"}[5m])) / 2 > 0.01', []),
        ("acgs_load_user_count", ["acgs_load_user_count"]),
        ('acgs_load_requests_total{status="200"}', ["acgs_load_requests_total.status"]),
        ("sum by (tenant) (acgs_load_requests_total)", ["tenant"]),
        ('up{job="x"} == 0 and max_over_time(up{job="x"}[5m]) == 1', []),
    ],
)
def test_a_planted_query_is_seen_through(expression, unknown):
    """The check itself finds unknown metrics, matched labels and grouping labels."""
    assert _unknown(expression, _known()) == unknown


def test_dashboard_is_provisioned():
    """Grafana's provider looks where compose mounts the dashboards, and every query goes to the provisioned source."""
    provisioning = MONITORING / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((provisioning / "dashboards" / "acgs.yml").read_text())["providers"][0]
    grafana = services()["grafana"]
    path = provider["options"]["path"]
    assert f"./monitoring/grafana/dashboards:{path}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{path}/acgs-load.json"
    assert source["url"] == "http://prometheus:9090"
    for dashboard in DASHBOARDS:
        text = dashboard.read_text(encoding="utf-8")
        assert text.count('"uid": ') == text.count(f'"uid": "{source["uid"]}"') + 1, "and its own"


def test_panels_are_told_apart():
    """Panels have unique ids, do not overlap, and say what they show."""
    for path in DASHBOARDS:
        panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
        places = [
            (x, y)
            for grid in (panel["gridPos"] for panel in panels)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        ]
        assert len(places) == len(set(places))
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert all(panel["title"] for panel in panels)


def test_scraped_places_exist():
    """Prometheus asks the master's exporter on the port that compose gives it, the target's gateway, and itself."""
    jobs = {
        job["job_name"]: job for job in yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    }
    port = services()["locust-master"]["environment"]["ACGS_EXPORTER_PORT"]
    assert jobs["acgs-load"]["static_configs"] == [{"targets": [f"locust-master:{port}"]}]
    assert jobs["acgs-target"]["file_sd_configs"] == [{"files": ["/etc/prometheus/wiring/target.json"]}]
    assert jobs["node"]["static_configs"] == [{"targets": ["node-exporter:9100"]}]
    assert set(jobs) == {"prometheus", "acgs-load", "acgs-target", "node"}


@needs_promtool
def test_promtool_accepts_configuration_and_rules():
    """Prometheus's own checker finds nothing to complain about."""
    for words in (["check", "config", str(MONITORING / "prometheus.yml")], ["check", "rules", *map(str, RULES)]):
        done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_dashboard_queries_are_promql(tmp_path):
    """Each query parses once Grafana's variables are filled in."""
    filled = [query.replace("$__rate_interval", "20s").replace("$__range", "5m") for query in _dashboard_queries()]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(filled)]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Dashboards: what the code makes is what Grafana reads, and every panel is answered while a run goes on."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_server import needs_prometheus, prometheus
from running import PROJECT, finish, gateway, start_run

from acgs_load.fleet.ports import free_port
from monitoring.dashboards.pages import FOLDER, files

NODE_EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
RULES = sorted((PROJECT / "monitoring" / "rules").glob("*.yml"))
VARIABLES = {"$__rate_interval": "10s", "$__range": "10m", "$run": ".*", "$region": ".*", "$operation": ".*"}
PAGES = {name: json.loads(text) for name, text in files().items()}


def _queries(page):
    """Every query of every panel, its variables filled in, by panel."""
    for panel in page["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            assert "$" not in expression
            yield f"{panel['title']} {target['refId']}", expression


def test_files_are_what_the_code_makes():
    """Nobody edits them by hand, and none is left over."""
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert on_disk == files(), "python -m monitoring.dashboards"


@pytest.mark.parametrize("name", PAGES)
def test_grafana_knows_every_word(name):
    """Read into Grafana's own schema and written again, nothing is lost but what its SDK leaves to the data source."""
    page = PAGES[name]
    again = json.loads(json.dumps(Dashboard.from_json(page), default=lambda value: value.to_json()))
    assert [panel["title"] for panel in again["panels"]] == [panel["title"] for panel in page["panels"]]
    assert [panel.get("gridPos") for panel in again["panels"]] == [panel.get("gridPos") for panel in page["panels"]]
    assert set(page) - set(again) == set()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_marks_choices_and_ways_out(name):
    """Phases and breaches over every graph; run, region, operation; the other pages, the web UI, the report."""
    page = PAGES[name]
    assert [mark["name"] for mark in page["annotations"]["list"]] == ["Phases", "Breaches", "Alerts"]
    assert all(mark["titleFormat"] and mark["enable"] for mark in page["annotations"]["list"])
    assert {one["name"] for one in page["templating"]["list"]} >= {"run", "region", "operation"}
    links = {link["title"]: link for link in page["links"]}
    assert links["Dashboards"]["tags"] == page["tags"] == ["acgs"]
    assert links["Dashboards"]["keepTime"]
    assert links["Dashboards"]["includeVars"]
    assert all(panel.get("description") for panel in page["panels"] if panel["type"] != "row")


def test_runs_lead_to_their_reports():
    """From the first page and from the comparison."""
    for name in ("acgs-load.json", "acgs-comparison.json"):
        assert "${web_ui}/report/${__data.fields.run}" in json.dumps(PAGES[name])


@contextmanager
def _node_exporter():
    port = free_port()
    process = subprocess.Popen(
        [str(NODE_EXPORTER), f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


def _unanswered(server, queries, while_it_goes_on):
    """The queries that had no data at any moment of the run."""
    silent = dict(queries)
    while silent and while_it_goes_on():
        silent = {place: query for place, query in silent.items() if not server.query(query)}
    return silent


def _choices(page):
    return [one["query"]["query"] for one in page["templating"]["list"] if one["type"] == "query"]


@pytest.mark.slow
@needs_prometheus
@pytest.mark.skipif(NODE_EXPORTER is None, reason="no node-exporter")
def test_every_panel_is_answered_while_a_run_goes_on(tmp_path):
    """A real Prometheus with the real rules has data for each query of each panel, and for each choice and mark."""
    port, page = free_port(), PAGES["acgs-load.json"]
    flags = ["--test-type", "smoke", "--users", "20", "--duration", "30s", "--rate", "60", "--workers", "2"]
    flags += ["--exporter-port", str(port), "--no-analysis", "--threshold", "latency_p50_ms <= 0.001"]
    asked = {f"{name} {title}": query for name, page in PAGES.items() for title, query in _queries(page)}
    assert len(asked) > 80
    with gateway("--fault", "errors=0.05") as url, _node_exporter() as node:
        jobs = {"acgs-load": [f"127.0.0.1:{port}"], "acgs-target": [url.partition("//")[2]], "node": [node]}
        paths = {"acgs-target": "/gateway/metrics"}
        with prometheus(tmp_path / "prometheus", jobs, paths=paths, rules=RULES) as server:
            process = start_run(tmp_path, "--target", url, *flags)
            server.when("acgs:latency_p95_seconds > 0")
            silent = _unanswered(server, asked, lambda: process.poll() is None)
            for choice in _choices(page):
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", choice.replace("$run", ".*")).groups()
                assert server.values_of(label, selector), choice
            for mark in page["annotations"]["list"][:2]:
                assert server.query(f"last_over_time(({mark['expr'].replace('$run', '.*')})[5m:1s])"), mark["name"]
            done = finish(process, tmp_path)
    assert silent == {}
    assert done.code == 0, done.output + done.errors

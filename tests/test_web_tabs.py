"""Locust's web UI with our tabs, driven in a real browser: start a type of test, see how it stands, download it."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest
import requests
from browser import NEEDS_CHROMIUM
from driven_browser import Browser
from locust_processes import Locust, free_port
from snapshots import BROKEN, snapshot, standing

from acgs_load.snapshot import Judged, Snapshot
from acgs_load.traffic.engine.web_csv import compliance_csv, regions_csv, thresholds_csv

slow = pytest.mark.slow
OURS = ("Constitutional compliance", "Region eu", "Region us")


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_files_hold_what_the_tabs_show():
    """Figures as numbers, what was not measured as nothing, and no text that a spreadsheet would run."""
    snap = snapshot(
        thresholds=(standing(margin=0.5), standing("chain", "not_measured", None)),
        regions=2,
        isolation=(Judged("=cmd()", 4, 1, 0.75),),
        **BROKEN,
    )
    compliance = rows(compliance_csv(snap))
    assert ("violation", "chain_broken", "audit_create", "57", "3.0") in {
        (row["table"], row["name"], row["operation"], row["wrong"], row["first_s"]) for row in compliance
    }
    assert [row["name"] for row in compliance if row["table"] == "isolation by region"] == ["'=cmd()"]
    regions = rows(regions_csv(snap))
    assert [(row["region"], row["requests"], row["workers"], row["users"]) for row in regions] == [
        ("region-1", "1234", "1", "20"),
        ("region-2", "1234", "1", "20"),
    ]
    assert [(row["measure"], row["state"], row["value"]) for row in rows(thresholds_csv(snap))] == [
        ("latency_p95_ms", "pass", "1000.0"),
        ("chain", "not_measured", ""),
    ]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A master whose web UI waits for somebody to press Start, with a worker in each of two regions: (home, URL)."""
    home, port = tmp_path_factory.mktemp("web"), free_port()
    settings = {"ACGS_TARGET_HOST": "http://127.0.0.1:9", "ACGS_ANALYSIS": "false", "ACGS_TARGET_METRICS": "none"}
    run = Locust(home, None, workers=2, ACGS_TEST_TYPE="enterprise", **settings)
    run.start("--web-host", "127.0.0.1", "--web-port", str(port))
    try:
        run.when("Starting web interface")
        for region in ("eu", "us"):
            run.add_worker(region)
        run.when("2 workers connected")
        yield home, f"http://127.0.0.1:{port}"
    finally:
        run.stop()


def press(browser, name, value):
    """Type into a field that React watches."""
    browser.run(
        f"""((field, value) => {{
          Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, value);
          field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', {{bubbles: true}}));
        }})(document.querySelector('[name={name}]'), {json.dumps(value)})"""
    )


@pytest.fixture(scope="module")
def browsed(served):
    """The browser in the middle of a run that was started in the form: a smoke test of 12 users."""
    home, url = served
    with Browser() as browser:
        browser.open(url)
        browser.when("document.querySelector('[name=testType]').value === 'enterprise'")
        assert browser.run("document.querySelector('[name=userCount]').value") == "1000"
        press(browser, "testType", "spike")
        browser.when("document.querySelector('[name=userCount]').value === '2000'")
        press(browser, "testType", "smoke")
        browser.when("document.querySelector('[name=userCount]').value === '20'")
        press(browser, "userCount", "12")
        press(browser, "runTime", "150s")
        browser.click("button", "Start")
        yield home, url, browser


@slow
@NEEDS_CHROMIUM
def test_the_form_makes_the_plan_of_the_type(browsed):
    """Shape, mix and thresholds of the type that was chosen; what else was typed scales it."""
    home, _, browser = browsed
    browser.when(f"{json.dumps(OURS[0])} && document.querySelectorAll('[role=tab]').length > 5")
    deadline_s = time.monotonic() + 30
    while not (found := list(home.rglob("plan.json"))) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    plan = json.loads(found[0].read_text())
    assert (plan["test_type"], plan["users_max"]) == ("smoke", 12)
    assert [stage["name"] for stage in plan["stages"]] == ["ramp", "hold"]
    assert sum(stage["duration_s"] for stage in plan["stages"]) == 150
    assert "throughput_rps >= 12" in [row["expression"] for row in plan["thresholds"]]


@slow
@NEEDS_CHROMIUM
def test_whoever_opens_the_ui_finds_the_tabs(browsed):
    """Beside Locust's own, one for compliance and one for each region; each with its figures, charts and tables."""
    _, _, browser = browsed
    for title in OURS:
        browser.when(f"[...document.querySelectorAll('[role=tab]')].some(t => t.textContent === {json.dumps(title)})")
    browser.click("[role=tab]", OURS[0])
    browser.when("document.querySelector('#acgs-thresholds tbody tr')")
    browser.when("document.querySelectorAll('#acgs svg polyline').length >= 4", 30)
    text = browser.text("#acgs")
    for words in ("compliance score", "hash consistency", "Isolation by region", "Audit chain by operation", "smoke"):
        assert words in text, text
    assert "latency_p95_ms <= 2000" in browser.text("#acgs-thresholds")
    assert browser.run("document.getElementById('acgs').getBoundingClientRect().top") < 200, "right below the tabs"
    browser.click("[role=tab]", OURS[2])
    browser.when("document.querySelector('#acgs-processes')")
    browser.when("document.querySelector('#acgs-regions').innerText.includes('eu')")
    assert "worker-" in browser.text("#acgs-processes")
    browser.click("[role=tab]", "Statistics")
    browser.when("document.getElementById('acgs').hidden")


@slow
@NEEDS_CHROMIUM
def test_the_figures_move(browsed):
    """What the tab shows is what the master says now, and a little later it says more."""
    _, url, browser = browsed
    browser.click("[role=tab]", OURS[0])
    first = browser.when("document.querySelector('#acgs-integrity')?.innerText")
    browser.when(f"document.querySelector('#acgs-integrity').innerText !== {json.dumps(first)}", 20)
    snap = Snapshot.from_json(requests.get(f"{url}/compliance/live.json", timeout=30).content)
    assert (snap.state, snap.users_max, snap.test_type) == ("running", 12, "smoke")
    assert {part.name for part in snap.regions} == {"eu", "us"}
    assert snap.total.requests > 0


@slow
@NEEDS_CHROMIUM
def test_nothing_is_fetched_from_elsewhere_and_nothing_goes_wrong(browsed):
    """No CDN, no errors on the console, and no page wider than a phone."""
    _, url, browser = browsed
    browser.resize(390, 844, phone=True)
    browser.click("[role=tab]", OURS[0])
    browser.when("document.querySelector('#acgs-thresholds')")
    assert browser.run("document.documentElement.scrollWidth") <= 390
    browser.open(f"{url}/compliance?tab=Region%20eu")
    browser.when("document.querySelector('#acgs-processes')")
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert [one.split("?")[0] for one in browser.requested if not one.startswith((url, "data:"))] == []
    assert browser.complaints == []


@slow
@NEEDS_CHROMIUM
def test_downloads(browsed):
    """A link on the tab for each file, and in Locust's own list; what does not exist is 404."""
    _, url, browser = browsed
    for name, column in (("compliance", "integrity"), ("regions", "region"), ("thresholds", "expression")):
        answer = requests.get(f"{url}/compliance/{name}.csv", timeout=30)
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert f"{name}.csv" in answer.headers["Content-Disposition"]
        assert rows(answer.text), column
    for path in ("passwords.csv", "web_tabs.py", "..%2fplug.py"):
        assert requests.get(f"{url}/compliance/{path}", timeout=30).status_code == 404
    browser.resize(1280, 900)
    browser.open(url)
    browser.click("[role=tab]", "Download Data")
    browser.when("document.body.innerText.includes('Download regions CSV')")


@slow
def test_a_form_without_figures_means_those_of_its_type(tmp_path):
    """Posted by a script, as it were: only the type is named, and the run is as large as that type is."""
    port = free_port()
    settings = {"ACGS_TARGET_HOST": "http://127.0.0.1:9", "ACGS_ANALYSIS": "false", "ACGS_TEST_TYPE": "enterprise"}
    run = Locust(tmp_path, None, **settings).start("--web-host", "127.0.0.1", "--web-port", str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        run.when("Starting web interface")
        time.sleep(1)
        assert requests.get(f"{url}/compliance/live.json", timeout=30).json() is None
        assert requests.get(f"{url}/compliance/regions.csv", timeout=30).status_code == 404
        types = requests.get(f"{url}/compliance/types.json", timeout=30).json()
        assert types["spike"]["users"] == 2000
        answer = requests.post(f"{url}/swarm", data={"test_type": "smoke", "run_time": "6s"}, timeout=30)
        assert answer.json()["success"], answer.text
        run.when("run.json")
    finally:
        run.stop()
    plans = [json.loads(path.read_text()) for path in tmp_path.rglob("plan.json")]
    assert [(plan["test_type"], plan["users_max"]) for plan in plans] == [("smoke", 20)]

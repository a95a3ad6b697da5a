"""The HTML report in a real browser: its numbers are report.json's, it needs no network, and it can be heard."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from browser import IN_CHROMIUM, dom_of, tree
from page_run import full
from run_fixture import RunFixture, plan_of

from acgs_load.analysis.judge import analyse
from acgs_load.analysis.wording import at_text, margin_text, value_text
from acgs_load.contract import OPERATIONS, Outcome
from acgs_load.plan import Stage

GROUPS = {"operation": "operations", "scenario": "scenarios", "region": "regions", "phase": "phases"}
LICENCE = "https://github.com/leeoniya/uPlot"
"""In the comment that names the library and its licence; no page is asked for it."""
SVG_NAME = "http://www.w3.org/"

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The page as a browser has it, and the report that machines read."""
    folder = full(tmp_path_factory.mktemp("page") / "run")
    analyse(folder)
    return tree(dom_of(folder.report("html"))), json.loads(folder.report("json").read_text())


def number(element):
    """The exact value that an element carries; None where nothing was measured."""
    text = element.attributes["data-value"]
    return float(text) if text else None


def same(shown, told):
    """Equal to the nine digits that report.json keeps."""
    return shown == told if None in (shown, told) else shown == pytest.approx(told, rel=1e-8, abs=1e-12)


def test_measures_are_the_json_s(seen):
    """Each measure, wherever it stands: exactly, and as people read it."""
    page, told = seen
    shown = page.all(data_measure=None)
    assert {element.attributes["data-measure"] for element in shown} == set(told["measures"])
    for element in shown:
        measure = told["measures"][element.attributes["data-measure"]]
        assert same(number(element), measure["value"])
        assert element.text == value_text(measure["value"], measure["unit"])


def test_thresholds_are_the_json_s(seen):
    """Value, limit, margin, samples and state of every threshold."""
    page, told = seen
    rows = {row.attributes["data-threshold"]: row for row in page.all("tr", data_threshold=None)}
    assert set(rows) == {row["expression"] for row in told["thresholds"]}
    for wanted in told["thresholds"]:
        state, name, value, limit, _, margin, samples, origin = rows[wanted["expression"]].children
        assert wanted["expression"] in name.text
        assert same(number(value), wanted["value"])
        assert value.text == value_text(wanted["value"], wanted["unit"])
        assert limit.text == f"{wanted['comparison']} {value_text(wanted['limit'], wanted['unit'])}"
        assert same(number(margin), wanted["margin"])
        assert margin.text == margin_text(wanted["margin"])
        assert (samples.text, origin.text) == (f"{wanted['samples']:,}", wanted["origin"])
        assert wanted["state"] in state.attributes["class"]


@pytest.mark.parametrize("head", GROUPS)
def test_tables_are_the_json_s(seen, head):
    """Every cell of the tables by operation, scenario, region and phase."""
    page, told = seen
    table = page.one("table", data_table=head)
    columns = [th.text for th in table.one("thead").all("th")]
    rows = {row.attributes["data-row"]: row for row in table.all("tr", data_row=None)}
    assert list(rows) == [row[head] for row in told[GROUPS[head]]]
    for wanted in told[GROUPS[head]]:
        cells = dict(zip(columns, rows[wanted[head]].children, strict=True))
        for name, value in expected(wanted).items():
            if name in cells:
                assert same(number(cells[name]), value), (wanted[head], name)
        assert {"requests", "RPS", "p50", "p95", "p99", "max", "errors", "violations", "compliance"} <= set(cells)
        p95 = wanted["latency_ms"]["p95"]
        assert cells["p95"].text == ("–" if p95 is None else value_text(p95, "ms"))
        assert cells["requests"].text == f"{wanted['requests']:,}"


def expected(row):
    """What the columns hold, from the JSON's row."""
    outcomes, latency = row["outcomes"], row["latency_ms"]
    wrong = ("http_error", "timeout", "connection_error", "bad_response")
    return {
        "requests": row["requests"],
        "planned": row.get("share_planned"),
        "share": row.get("share"),
        "from": row.get("from_s"),
        "to": row.get("to_s"),
        "RPS": row["measures"]["throughput_rps"],
        **{name: latency[name] for name in ("p50", "p95", "p99", "max")},
        "errors": sum(outcomes.get(kind, 0) for kind in wrong),
        "throttled": outcomes.get("throttled", 0),
        "violations": sum(row["violations"].values()),
        "compliance": row["measures"]["compliance_score"],
        "skipped": row["skipped"],
        "sent again": row["resent"],
    }


def test_troubles_are_the_json_s(seen):
    """Each violation and error by operation and status: how often, when first, with its examples."""
    page, told = seen
    rows = {row.attributes["data-trouble"]: row for row in page.all("tr", data_trouble=None)}
    wanted = {}
    for kind, troubles in (("violation", told["violations"]), ("outcome", told["errors"])):
        for of in troubles:
            assert sum(share["count"] for share in of["statuses"]) == of["count"]
            wanted |= {f"{of[kind]} {of['operation']} {share['status']}": share for share in of["statuses"]}
    assert set(rows) == set(wanted)
    assert {"http_error policy_get 503", "http_error policy_get 500", "timeout policy_get 0"} < set(rows)
    for name, share in wanted.items():
        *_, count, first = rows[name].children
        assert (count.text, first.text) == (f"{share['count']:,}", at_text(share["first_s"]))
        assert all(" ".join(text.split()) in rows[name].text for text in share["examples"])
    assert rows["http_error policy_get 503"].children[1].text == "503"
    assert "overloaded" in rows["http_error policy_get 503"].text
    assert "overloaded" not in rows["http_error policy_get 500"].text
    assert rows["timeout policy_get 0"].children[1].text == "none"


def test_promises_are_the_json_s(seen):
    """Value, violations and checks of each promise."""
    page, told = seen
    shown = page.all("article", data_promise=None)
    assert len(shown) == 9
    for article in shown:
        measure = told["measures"][article.attributes["data-promise"]]
        assert int(article.one("b", data_samples=None).attributes["data-samples"]) == measure["samples"]
        assert value_text(measure["value"], "ratio") in article.text
    leaks = sum(row["count"] for row in told["violations"] if row["violation"] == "isolation_breach")
    isolation = page.one("article", data_promise="isolation_integrity")
    assert isolation.one("b", data_violations=None).text == f"{leaks:,}"


def test_charts_are_drawn_from_the_json_s_numbers(seen):
    """The page's own data is report.json's, and every chart came alive on it."""
    page, told = seen
    data = json.loads("".join(page.one("script", id="data").parts))
    series = {chart["name"]: chart for chart in told["series"]}
    assert {panel["name"] for panel in data["panels"]} == set(series)
    for panel in data["panels"]:
        assert {line["name"]: line["values"] for line in panel["lines"]} == series[panel["name"]]["lines"]
        assert panel["breaches"] == series[panel["name"]]["breaches"]
        assert data["times_s"] == series[panel["name"]]["times_s"]
        figure = page.one("figure", id=panel["name"])
        assert "alive" in figure.attributes["class"]
        assert len(figure.all("canvas")) == 1
    assert data["panels"][1]["breaches"], "the latency chart marks where its limit was left"


def test_first_screen_says_why_and_what_next(seen):
    """Verdict, every reason, and what to look at next stand above everything else."""
    page, told = seen
    assert page.one("span", **{"class": "status"}).text == told["verdict"] == "FAIL"
    text = page.one("main").text
    for reason in told["reasons"]:
        assert reason in text
    begin = text.index("Thresholds set by" if "Thresholds set by" in text else "threshold measured")
    for row in told["next"]:
        assert text.index(" ".join(row["text"].split())) < begin
    assert told["next"][0]["title"] == "First breach"


def test_nothing_runs_that_a_target_wrote(seen):
    """Scripts in answers stay text, in the page's data too."""
    page, _ = seen
    assert page.one("head").one("title").text == "FAIL · page"
    run = [script for script in page.all("script") if script.attributes.get("type") != "application/json"]
    assert len(run) == 4
    assert not any("owned" in part for script in run for part in script.parts)
    assert "owned" in page.one("script", id="data").text


def test_nothing_is_fetched(seen):
    """No address outside the page stands anywhere that a browser would follow."""
    page, _ = seen
    for element in page.all():
        for name, value in element.attributes.items():
            words = name.startswith(("aria-", "data-"))  # no browser follows them
            assert words or not re.search(r"(?i)\b(https?:|//[a-z])", value), value
            assert name not in ("src", "srcset", "action", "background", "poster")
        if "href" in element.attributes:
            assert element.attributes["href"].startswith("#")
    code = " ".join("".join(element.parts) for element in page.all() if element.tag in ("script", "style"))
    code = code.replace(LICENCE, "").replace(SVG_NAME, "")
    assert not re.search(
        r"https?://|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|importScripts", without_data(page, code)
    )


def test_the_library_s_licence_stands_in_every_copy(seen):
    """Its makers are named, and its terms are kept with it."""
    (library,) = [text for script in seen[0].all("script") if "var uPlot" in (text := "".join(script.parts))]
    assert "Copyright (c)" in library
    assert "Permission is hereby granted" in library


def without_data(page, code):
    """The page's code, its data left out: a run's name may be anything."""
    return code.replace("".join(page.one("script", id="data").parts), "")


def test_it_can_be_heard_and_walked_through(seen):
    """Pictures, charts, tables and controls have names; headings do not skip; every link has its place, once."""
    page, _ = seen
    names = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(names) == len(set(names))
    for link in page.all("a"):
        assert link.text
        assert link.attributes["href"][1:] in names
    for svg in page.all("svg"):
        assert svg.attributes.get("aria-hidden") == "true" or svg.attributes.get("aria-label")
    for button in page.all("button"):
        assert button.text or button.attributes.get("aria-label")
    for live in page.all("div", **{"class": "live"}):
        assert live.attributes["tabindex"] == "0"
        assert live.attributes["aria-label"]
    labels = {label.attributes["for"] for label in page.all("label")}
    assert {select.attributes["id"] for select in page.all("select")} <= labels
    assert all("scope" in th.attributes for th in page.all("th"))
    levels = [int(element.tag[1]) for element in page.all() if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.one("html").attributes["lang"] == "en"


def test_two_hours_stay_small(tmp_path):
    """Twenty operations, four regions, two hours, an answer every few seconds: at most 1.5 MB."""
    regions = ("ap-southeast-1", "eu-west-1", "us-east-1", "us-west-2")
    stages = (Stage("ramp", 300, 0, 20), Stage("hold", 6900, 20, 20, hold=True))
    fixture = RunFixture(tmp_path / "run", replace(plan_of(), stages=stages, test_type="enterprise"))
    names = [name for name, operation in OPERATIONS.items() if operation.scenario]
    for second in range(0, 7200, 10):
        for place, name in enumerate(names):
            spread = [3.0 * (1 + (second * 7 + place * 13 + turn * 31) % 97) for turn in range(3)]
            outcome = Outcome.TIMEOUT if second % 70 == 0 else Outcome.OK
            fixture.add(second, name, spread, outcome, region=regions[(second // 10 + place) % 4])
    folder = fixture.watched().sampled().write()
    report = analyse(folder)
    size_bytes = folder.report("html").stat().st_size
    assert size_bytes <= 1_500_000
    assert "One point is 30 s" in folder.report("html").read_text()
    assert max(len(panel.times_s) for panel in report.panels) <= 241
    assert len(report.closeups[0].times_s) <= 81

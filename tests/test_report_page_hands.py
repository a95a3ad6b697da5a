"""The HTML report by keyboard, and without scripts."""

import re

from browser import IN_CHROMIUM, dom_of, tree, unguarded
from page_run import full

from acgs_load.analysis.judge import analyse
from acgs_load.analysis.wording import value_text

pytestmark = IN_CHROMIUM


HANDS = """<script>
const press = (key) => document.querySelector("#latency .live").dispatchEvent(new KeyboardEvent("keydown", {key}));
[...Array(10).fill("ArrowRight"), "+"].forEach(press);
[...document.querySelectorAll("[data-table=operation] th button")].find((one) => one.textContent === "p95").click();
location.hash = "closeup-region-eu-west-1";
</script></body>"""


def test_keyboard_sorting_and_close_ups(tmp_path):
    """Arrow keys tell a moment's values, a plus zooms, a heading sorts with what is not measured last."""
    folder = full(tmp_path / "run")
    report = analyse(folder)
    moved = tmp_path / "moved.html"
    moved.write_text(unguarded(folder.report("html").read_text()).replace("</body>", HANDS))
    page = tree(dom_of(moved))
    latency = next(panel for panel in report.panels if panel.name == "latency")
    spoken = page.one("div", id="spoken").text
    for line in latency.lines:
        assert f"{line.name} {value_text(line.values[9], 'ms')}" in spoken
    assert "hidden" not in page.one("button", id="zoom-out").attributes
    table = page.one("table", data_table="operation")
    heading = next(th for th in table.all("th") if th.text == "p95")
    assert heading.attributes["aria-sort"] == "descending"
    measured = {group.name: group.latency.percentiles_ms["p95"] for group in report.operations}
    rows = [measured[row.attributes["data-row"]] for row in table.all("tr", data_row=None)]
    assert rows == sorted(rows, key=lambda value: -1 if value is None else value, reverse=True)
    opened = [one.attributes["id"] for one in page.all("details", **{"class": "closeup"}) if "open" in one.attributes]
    assert opened == ["closeup-region-eu-west-1"]


def test_without_scripts_everything_is_there(tmp_path):
    """The server drew every chart and close-up; scripts only make them move."""
    folder = full(tmp_path / "run")
    report = analyse(folder)
    html = folder.report("html").read_text()
    plain = tree(re.sub(r"(?s)<script.*?</script>", "", html))
    assert "js" not in plain.one("html").attributes.get("class", "")
    for panel in report.panels:
        assert plain.one("figure", id=panel.name).one("svg", role="img").all("path")
    assert len(plain.all("details", **{"class": "closeup"})) == len(report.closeups) == 1 + 19 + 5 + 2
    for closeup in report.closeups:
        pictures = plain.one("details", id=closeup.anchor).all("svg", role="img")
        assert len(pictures) == 3
        assert all(picture.all("path") for picture in pictures)

"""Names and texts that were made to harm are harmless wherever they are shown: terminal, HTML, Markdown, XML, CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from run_fixture import RunFixture, plan_of

from acgs_load import printable
from acgs_load.analysis.door import run_analyzer
from acgs_load.contract import Outcome, Violation
from acgs_load.plan import Node, Stage

WICKED = (
    "=cmd|' /C calc'!A0 \x1b[2J\x1b]0;owned\x07\x9b31m \u202egpj.exe\u2066 <script>alert(1)</script><img src=x> "
    "../../x `x` ``y``  [a](http://evil.example) ![b](http://evil.example)"
    "\r\n::error::owned\n# owned\n| owned |\u2028 & \x00\ufeff"
)
RECORDED = Path(__file__).parent / "recorded"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets take for a formula (OWASP, CSV injection)."""


def wicked_run(path: Path) -> Path:
    """A run folder in which every text that can be another's is wicked."""
    plan = plan_of(
        name=WICKED,
        stages=(Stage("ramp", 2, 0, 20), Stage(WICKED, 4, 20, 20, hold=True)),
        nodes=(Node("local", 1, 100, WICKED),),
        origins={"USERS": f"file {WICKED}", WICKED: WICKED},
        headers={"X-A": WICKED},
    )
    fixture = RunFixture(path, plan).steady(regions=(WICKED,)).sampled(source=WICKED)
    for operation in ("policy_get", "audit_verify"):
        fixture.add(3, operation, [10], Outcome.FAILED_CHECK, violations=(Violation.LOST_WRITE,), region=WICKED)
        fixture.example(Violation.LOST_WRITE, operation, 3, WICKED)
        fixture.add(4, operation, [10], Outcome.HTTP_ERROR, status=503, region=WICKED)
        fixture.example(Outcome.HTTP_ERROR, operation, 4, WICKED)
    fixture.preflight = {"health": {"status": WICKED, "version": WICKED}, "config": None, "warnings": [WICKED]}
    fixture.run |= {
        "ended_by": WICKED,
        "errors": [WICKED],
        "versions": {"suite": WICKED, "locust": WICKED},
        "machine": {"platform": WICKED, "cpus": 2},
        "changes": [{"phase": WICKED, "what": WICKED, "at_s": 3.0, "from": 1, "to": 2}],
    }
    fixture.run["workers"][0] |= {"region": WICKED, "host": WICKED}
    return fixture.write().path


@pytest.mark.parametrize("sign", "=+-@")
def test_no_cell_begins_as_a_formula_does(sign):
    """Numbers stay numbers, a negative one too."""
    assert printable.cell(f"{sign}1+1") == f"'{sign}1+1"
    assert printable.cell(-1) == -1
    assert printable.cell("a=1") == "a=1"


def wicked_csv(place: Path) -> Path:
    """Locust's CSV files with wicked names and errors."""
    place.mkdir()
    for source in RECORDED.glob("full_*.csv"):
        shutil.copy(source, place)
        with (place / source.name).open(newline="") as file:
            rows = list(csv.reader(file))
        for row in rows[1:-1]:
            row[1] = WICKED + row[1] if "history" not in source.name else row[1]
            row[2] = WICKED if "failures" in source.name else row[2]
        with (place / source.name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return place / "full"


@pytest.fixture(scope="module", params=["run", "csv"])
def shown(request, tmp_path_factory):
    """Everything that is written and printed about it: text by name."""
    place = tmp_path_factory.mktemp("wicked")
    source, out = (wicked_run(place / "run"), ["--export", "csv", "--export", "hgrm"]) if request.param == "run" else (
        wicked_csv(place / "csv"), [])  # fmt: skip
    said, err = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(err), pytest.MonkeyPatch.context() as environment:
        environment.setenv("GITHUB_STEP_SUMMARY", str(place / "out" / "summary.md"))
        code = run_analyzer([str(source), "--output", str(place / "out"), "--github", *out])
    assert code in (0, 1, 4), err.getvalue()
    texts = {"terminal": said.getvalue() + err.getvalue()}
    for path in (place / "out").rglob("*"):
        assert path.resolve().is_relative_to(place / "out")
        if path.is_file() and path.suffix != ".png":
            texts[path.name] = path.read_text(encoding="utf-8")
    assert "cmd" in texts["report.md"], "the wicked text is there, so something was tested"
    return texts


def test_no_output_holds_what_a_terminal_obeys(shown):
    """Escapes, bidirectional overrides, other control characters: in no file, for people look at files with cat."""
    for name, text in shown.items():
        odd = {letter for letter in text if not letter.isprintable() and letter not in "\n\r"}
        assert odd == set(), name
        if name not in ("windows.csv",):  # CSV ends its lines so
            assert "\r" not in text, name


def test_markdown_has_no_html_and_no_links_of_strangers(shown):
    """What a reader of Markdown would make of it is text."""
    for name in ("report.md", "summary.md"):
        text = re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", shown[name])  # what stands in fences is shown as it is
        assert "<script" not in text
        assert "<img" not in text
        assert "](http://evil" not in text.replace("\\]", "")
        assert not any(line.startswith(("# owned", "| owned", "::error")) for line in text.splitlines())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.images: list[object] = []
        self.links: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag, attrs):
        self._in_script = tag == "script"
        found = dict(attrs)
        if tag == "img":
            self.images.append(found)
        self.links += [found[name] for name in ("href", "src") if found.get(name)]

    def handle_data(self, data):
        if self._in_script:
            self.scripts.append(data)
            self._in_script = False


def test_html_shows_it_as_text(shown):
    """No element of its making, no address of its making."""
    page = _Tags()
    page.feed(shown["report.html"])
    assert page.images == []
    assert not any(script.lstrip().startswith("alert") for script in page.scripts)
    assert not any("evil" in link for link in page.links)


def test_xml_and_json_can_be_read(shown):
    """By their ordinary readers."""
    ElementTree.fromstring(shown["junit.xml"])
    json.loads(shown["report.json"])


def test_no_cell_of_our_tables_is_a_formula(shown):
    """Spreadsheets show the text, and compute nothing."""
    tables = [text for name, text in shown.items() if name.endswith(".csv")]
    for text in tables:
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 2
        for cell in (cell for row in rows for cell in row):
            assert not cell.startswith(FORMULA) or _is_number(cell), cell


def _is_number(cell: str) -> bool:
    try:
        return float(cell) < 0
    except ValueError:
        return False


def test_annotations_of_a_job_are_ours(shown):
    """One command a line, each with our title; a planted one would begin a line."""
    commands = [line for line in shown["terminal"].splitlines() if line.startswith("::")]
    assert commands
    assert all(line.startswith(("::error title=", "::warning title=")) for line in commands)

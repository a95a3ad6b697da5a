"""The HTML report's content security policy, in a real browser: its own scripts run, nobody else's do."""

from __future__ import annotations

import pytest
from browser import IN_CHROMIUM, dom_of, tree, unguarded
from page_run import full

from acgs_load.analysis.drawing.page_policy import policy_of
from acgs_load.analysis.judge import analyse

PLANTED = "<script>document.title = 'owned'</script>"
ELSEWISE = "<img src=x onerror=\"document.title = 'owned'\"><a id=lure href=\"javascript:document.title='owned'\">x</a>"

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of a run full of texts that try to be scripts, as a file."""
    folder = full(tmp_path_factory.mktemp("policy") / "run")
    analyse(folder)
    return folder.report("html")


def _title(page: str, place) -> str:
    place.write_text(page, encoding="utf-8")
    return str(tree(dom_of(place)).all("title")[0].text)


def test_its_own_scripts_run(written):
    """Charts are drawn, and the page knows that it has scripts."""
    page = tree(dom_of(written))
    assert "js" in page.one("html").attributes["class"]
    assert page.all("canvas")


@pytest.mark.parametrize("planted", [PLANTED, ELSEWISE])
def test_a_script_that_got_past_the_escaping_does_not_run(written, tmp_path, planted):
    """Planted into the finished file; without the policy it would run, so the browser did look."""
    page = written.read_text(encoding="utf-8").replace("<footer>", f"{planted}<footer>", 1)
    assert _title(page, tmp_path / "guarded.html") != "owned"
    assert _title(unguarded(page), tmp_path / "bare.html") == "owned"


def test_data_is_no_script():
    """Only what a browser runs is named, each once."""
    policy = policy_of('<script>a</script>\n<script type="application/json">b</script><script>c\nd</script>')
    assert policy.count("sha256-") == 2
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]

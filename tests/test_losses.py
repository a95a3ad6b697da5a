"""A lost worker that was made good: marked in the charts, said in the headline, and nobody's failure."""

from __future__ import annotations

import pytest
from run_fixture import RunFixture

from acgs_load.analysis.judge import analyse


@pytest.fixture(scope="module", params=[(4.0, 4.2), (4.0, 7.5)], ids=["short", "long"])
def left(request, tmp_path_factory):
    """When a worker was away, the report and its page; its spool brought back all that it had recorded."""
    fixture = RunFixture(tmp_path_factory.mktemp("losses") / "run").steady().sampled()
    fixture.run["workers"][1] |= {"lost": True, "gaps": [list(request.param)], "salvaged": 5}
    fixture.run |= {"workers_lost": 1, "workers_least": 1}
    folder = fixture.write()
    return request.param, analyse(folder), folder.report("html").read_text()


def test_its_gap_is_marked_and_never_narrower_than_a_second(left):
    """No window speaks of less, so less would be drawn as nothing."""
    (from_s, to_s), report, _ = left
    marked = [breach for breach in report.panels[0].breaches if breach.text.endswith("away")]
    assert [(breach.from_s, breach.to_s) for breach in marked] == [(from_s, max(to_s, 5.0))]


def test_the_page_does_not_say_that_nothing_was_wrong(left):
    """The verdict stands; the sentence below it names the loss."""
    _, report, page = left
    assert report.verdict.status == "PASS", report.verdict.reasons
    assert "and what was lost with a worker was made good" in page
    assert "nothing was found wrong with the load generators" not in page
    assert any("others took its users" in text for text in report.warnings)


@pytest.mark.parametrize("spoil", [lambda rows: rows[1:], lambda rows: [*rows, rows[3]]], ids=["gone", "twice"])
def test_windows_that_are_not_those_that_arrived_are_not_believed(tmp_path, spoil):
    """A whole line more or less is no torn file, and yet everything that it held is in every figure, or in none."""
    folder = RunFixture(tmp_path / "run").steady().sampled().write()
    assert analyse(folder).verdict.status == "PASS"
    folder.windows.write_text("".join(spoil(folder.windows.read_text().splitlines(keepends=True))))
    verdict = analyse(folder).verdict
    assert (verdict.status, verdict.exit_code) == ("INVALID", 4)
    assert "windows.jsonl holds" in verdict.reasons[0]
    assert "lines are missing or too many" in verdict.reasons[0]

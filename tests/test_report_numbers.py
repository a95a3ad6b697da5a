"""Every number that a table of the HTML report shows is one of report.json's, as headless Chromium has the page."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import IN_CHROMIUM, dom_of, tree
from model import Target, exponential, searched
from page_run import full
from run_fixture import RunFixture, plan_of, thresholds

from acgs_load.analysis.door import run_analyzer
from acgs_load.plan import Search, Stage
from acgs_load.run_folder import RunFolder

ERRORS = ("http_error", "timeout", "connection_error", "bad_response")

pytestmark = IN_CHROMIUM


def failing(home: Path) -> RunFolder:
    """Errors, violations, two regions, slow stretches."""
    folder = full(home / "run")
    assert run_analyzer([str(folder.path)]) == 1
    return folder


def compared(home: Path) -> RunFolder:
    """A run three times as slow as its baseline."""
    before = RunFixture(home / "before").steady(10).write()
    after = RunFixture(home / "after").steady(30).write()
    assert run_analyzer([str(after.path), "--baseline", str(before.path)]) == 1
    return after


def capacity(home: Path) -> RunFolder:
    """A search against a queue that holds some 200 requests a second."""
    search = Search(rate_from=50, step_s=20.0, settle_s=5.0, growth=1.5, precision=0.05)
    plan = plan_of(
        test_type="capacity",
        load="search",
        search=search,
        stages=(Stage("search", 400, 10, 10, hold=True),),
        thresholds=thresholds("latency_p95_ms <= 200"),
    )
    folder = searched(home / "run", plan, Target(1, exponential(0.005)), 3, 0.2).write()
    assert run_analyzer([str(folder.path)]) in (0, 1, 4)
    return folder


def numbers_in(value: object) -> Iterator[float]:
    """Every number, however deep."""
    if isinstance(value, dict):
        for part in value.values():
            yield from numbers_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def sums_in(told: dict) -> Iterator[float]:
    """What the page adds up for people: errors and violations of each part."""
    for kind in ("operations", "scenarios", "regions", "phases"):
        for part in told[kind]:
            yield float(sum(part["outcomes"].get(name, 0) for name in ERRORS))
            yield float(sum(part["violations"].values()))


def holds(pool: list[float], number: float) -> bool:
    """Whether it is one of them, to the nine digits that report.json keeps."""
    place = bisect_left(pool, number)
    return any(
        math.isclose(number, pool[at], rel_tol=1e-8, abs_tol=1e-9) for at in (place - 1, place) if 0 <= at < len(pool)
    )


@pytest.mark.parametrize("make", [failing, compared, capacity])
def test_every_number_in_a_table_is_the_json_s(make, tmp_path):
    """No numeric cell is without its exact value, and none has a value that machines are not told."""
    folder = make(tmp_path)
    page, told = tree(dom_of(folder.report("html"))), json.loads(folder.report("json").read_text())
    pool = sorted([*numbers_in(told), *sums_in(told)])
    cells = [cell for cell in page.all("td") if "n" in cell.attributes.get("class", "").split()]
    assert len(cells) > 100
    assert [cell.text for cell in cells if "data-value" not in cell.attributes] == []
    strange = [cell.text for cell in cells if (text := cell.attributes["data-value"]) and not holds(pool, float(text))]
    assert strange == []


def test_a_wrong_number_would_be_seen():
    """The search itself can fail."""
    assert holds([1.0, 2.0, 3.0], 2.000000001)
    assert not holds([1.0, 2.0, 3.0], 2.001)
    assert not holds([], 1.0)

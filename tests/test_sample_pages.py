"""What lies in ``windows.jsonl`` is what the workers counted, whichever way it is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_archive import keys, samples, window_of

from acgs_load.analysis.reading.archive import Archive
from acgs_load.analysis.reading.columns import ColumnsBuilder
from acgs_load.analysis.reading.page_columns import add_pages
from acgs_load.sample_pages import pages_of, rows_of
from acgs_load.samples import Window, WindowKey


def told(window):
    """A window's counts; a response that says what service says is none."""
    wire = window.to_wire()
    if wire.get("response") in (wire.get("service"), [0, 0, 0]):
        wire.pop("response", None)
    return wire


@st.composite
def batches(draw):
    """Windows of distinct keys, as the master settles them."""
    due = draw(st.booleans())
    rows = {
        key: window_of(key.second, draw(st.lists(samples, max_size=5)), due)
        for key in draw(st.lists(keys, min_size=1, max_size=12))
    }
    return sorted(rows.items(), key=lambda row: row[0])


@settings(max_examples=60, deadline=None)
@given(batches())
def test_a_page_gives_back_its_windows(batch):
    """One by one, as the live line reads them, and as columns, as the reader does."""
    pages = [json.loads(json.dumps(page)) for page in pages_of(batch)]
    assert len(pages) == len({key.second for key, _ in batch})
    expected = {key: told(window) for key, window in batch}
    rows = [row for page in pages for row in rows_of(page)]
    assert {
        WindowKey(*(row[name] for name in WindowKey._fields)): told(Window.from_wire(row)) for row in rows
    } == expected
    builder = ColumnsBuilder()
    add_pages(builder, pages)
    read = dict(Archive(0.0, (), builder.columns()).items())
    assert {key: told(window) | {"score_sum": 0} for key, window in read.items()} == {
        key: wire | {"score_sum": 0} for key, wire in expected.items()
    }
    assert [window.score_sum for window in read.values()] == pytest.approx([window.score_sum for _, window in batch])


def test_a_second_costs_a_line():
    """Words are spelled once, zeros not at all."""
    window = Window()
    window.samples = 1
    (page,) = pages_of([(WindowKey(5, region, "policy", "policy_get", "hold"), window) for region in ("eu", "us")])
    assert sorted(page["words"]) == ["eu", "hold", "policy", "policy_get", "us"]
    assert "skipped" not in page
    assert page["samples"] == [1, 1]

"""A target that goes away and comes back while the run lasts: what failed is counted, what comes after is measured."""

from __future__ import annotations

import time
from collections import Counter
from urllib.parse import urlsplit

import pytest
import running

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("transport", ["fast", "plain"])
def test_a_target_that_restarts_is_loaded_again(tmp_path, transport):
    """Connection errors while it is away, none before and long after, no violation, and the run goes on to its end."""
    store = str(tmp_path / "store.sqlite")
    options = ("--users", "10", "--spawn-rate", "10", "--rate", "40", "--duration", "18s", "--transport", transport)
    with running.gateway("--store", store) as url:
        process = running.start_run(tmp_path, "--target", url, *options)
        deadline_s = time.monotonic() + 60
        while not list(tmp_path.rglob("windows.jsonl")) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        time.sleep(4)
    time.sleep(2)
    with running.gateway("--store", store, "--port", str(urlsplit(url).port)):
        ended = running.finish(process, tmp_path)
    assert ended.code in (1, 4), ended.output + ended.errors
    report = ended.report
    assert ended.record["ended_by"] == "plan"
    assert report["violations"] == []
    wrong: Counter[str] = Counter()
    for row in report["errors"]:
        wrong[row["outcome"]] += row["count"]
    assert set(wrong) <= {"connection_error", "bad_response", "http_error"}
    assert wrong["connection_error"] > 20
    done = sum(row["outcomes"].get("ok", 0) for row in report["operations"])
    assert done > 0.5 * 40 * 18, "most of the run was measured"

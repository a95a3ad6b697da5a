"""The reader on the self-probe: what the generator added is said exactly, and never taken for the target's."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from run_fixture import STARTED, RunFixture

from acgs_load.analysis.judge import analyse, report_of
from acgs_load.analysis.judging.machines import machine_measures
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.render_html import to_html
from acgs_load.analysis.render_json import to_object
from acgs_load.analysis.terminal import print_report
from acgs_load.errors import UsageError
from acgs_load.histogram import Histogram


@pytest.fixture
def fixture(tmp_path):
    """A good run of 10 ms latencies whose generators nobody probed."""
    return RunFixture(tmp_path / "run").steady().sampled()


def probed(fixture, delays_ms, process="worker-", seconds=None):
    """Give every generating process these no-op exchanges in each second (or in ``seconds``)."""
    wire = Histogram.of(round(delay_ms * 1e3) for delay_ms in delays_ms).to_wire()
    for place, row in enumerate(fixture.health):
        if row.process.startswith(process) and (seconds is None or row.second - STARTED in seconds):
            fixture.health[place] = row._replace(probe=" ".join(map(str, wire)))
    return fixture


def report(fixture):
    """The report of what was planted."""
    return report_of(load_run(fixture.write()))


def told(fixture):
    """All notes in one line."""
    return " | ".join(report(fixture).notes)


def test_added_and_lag_come_from_all_probes(fixture):
    """98 of 100 exchanges take 0.2 ms, two take 8 ms: p50 0.2 ms, p99 8 ms, whatever the seconds' longest stalls."""
    probed(fixture, [0.2] * 98 + [8.0] * 2)
    for place, row in enumerate(fixture.health):
        fixture.health[place] = row._replace(loop_lag_max_ms=49.0)
    found = report(fixture)
    assert found.measures["generator_added_p99_ms"].value == pytest.approx(8.0, rel=0.004)
    assert found.measures["loop_lag_ms"].value == pytest.approx(8.0, rel=0.004)
    assert found.added_p50_ms == pytest.approx(0.2, rel=0.004)
    assert found.measures["loop_lag_ms"].samples >= 200
    assert "no-op exchange" in found.measures["loop_lag_ms"].source
    assert {process.name: process.probes > 0 for process in found.generators} == {
        "master": False,
        "worker-0": True,
        "worker-1": True,
    }


def test_a_run_of_before_is_estimated(fixture):
    """No probes: the lag comes from the seconds' longest stalls, what was added is not measured, nothing is claimed."""
    found = machine_measures(load_run(fixture.write()))
    assert found["generator_added_p99_ms"].value is None
    assert found["loop_lag_ms"].value == pytest.approx(2.0)
    assert "longest stall" in found["loop_lag_ms"].source
    assert "itself added" not in told(fixture)


def test_a_folder_without_the_column_is_read(fixture):
    """generators.csv as it was written before there was a probe."""
    folder = fixture.write()
    lines = [line.rsplit(",", 1)[0] for line in folder.generators.read_text().splitlines()]
    folder.generators.write_text("\n".join(lines) + "\n")
    assert machine_measures(load_run(folder))["loop_lag_ms"].value == pytest.approx(2.0)


def test_only_the_hold_counts_for_what_was_added(fixture):
    """Slow exchanges while users ramp are in the loop lag of the run, not in what the judged latencies contain."""
    ramp = {0, 1}
    assert not any(hold and from_s < 2 for _, from_s, _, hold in _phases(fixture))
    probed(probed(fixture, [0.3] * 20), [40.0] * 20, seconds=ramp)
    measures = report(fixture).measures
    assert measures["generator_added_p99_ms"].value == pytest.approx(0.3, rel=0.004)
    assert measures["loop_lag_ms"].value == pytest.approx(40.0, rel=0.004)


def _phases(fixture):
    return [(one["name"], one["from_s"], one["to_s"], one["hold"]) for one in fixture.run["phases"]]


def test_a_late_loop_is_not_trusted(fixture):
    """1 % of the exchanges beyond 50 ms: INVALID, even where each second's longest stall was not seen to be so."""
    probed(fixture, [1.0] * 97 + [60.0] * 3)
    found = report(fixture)
    assert found.verdict.status == "INVALID"
    assert "adds up to 60 ms" in " ".join(found.verdict.reasons)


@pytest.mark.parametrize(
    ("delays_ms", "unclear"),
    [
        ([0.2] * 98 + [3.2] * 2, []),  # 10 ms are more than three times 3.2 ms
        ([0.2] * 98 + [3.4] * 2, ["p99"]),
        ([0.2] * 90 + [3.4] * 10, ["p95", "p99"]),
        ([5.0] * 100, ["p50", "p95", "p99"]),
    ],
)
def test_what_is_not_clearly_the_targets_is_not_said_to_be(fixture, delays_ms, unclear):
    """Less than three times what the generator added at the same percentile: named, with both figures."""
    text = told(probed(fixture, delays_ms))
    assert "the generator itself added p50" in text
    named = text.partition("not clearly above what the generator added (")[2].partition(")")[0]
    assert [part.split()[0] for part in named.split(", ") if part] == unclear


def _read(folder, kind):
    return (folder.path / f"report.{kind}").read_text()


def test_every_form_of_the_report_says_it(fixture):
    """Terminal, Markdown, HTML, JSON."""
    folder = probed(fixture, [0.25] * 98 + [7.0] * 2).write()
    found = analyse(folder)
    screen = Console(file=io.StringIO(), width=200)
    print_report(found, screen)
    for text in (screen.file.getvalue(), _read(folder, "md"), _read(folder, "html")):
        assert "itself added" in text or "themselves added" in text
        assert "not clearly above" in text
    generator = json.loads(_read(folder, "json"))["resources"]["generator"]
    assert generator["added_p50_ms"] == pytest.approx(0.25, rel=0.004)
    assert generator["added_p99_ms"] == pytest.approx(7.0, rel=0.004)
    assert to_object(found)["measures"]["generator_added_p99_ms"]["value"] == pytest.approx(7.0, rel=0.004)


@pytest.mark.parametrize("probe", ["1 2", "1 1 1 5", "a b c", "1 1 1 -5 2", "1 1 1 5 -2", "1 1 1 99999999 1"])
def test_a_probe_that_is_none_is_named_with_its_line(fixture, probe):
    """Cut short, no numbers, negative, beyond every bucket."""
    fixture.health[0] = fixture.health[0]._replace(probe=probe)
    with pytest.raises(UsageError, match=r"generators\.csv, line 2"):
        load_run(fixture.write())


def test_the_first_screen_does_not_call_the_generators_innocent_of_latencies_that_are_theirs(fixture):
    """It says so, and leads to the note with the figures."""
    clear, unclear = to_html(report(fixture)), to_html(report(probed(fixture, [9.0] * 100)))
    assert "nothing was found wrong with the load generators" in clear
    assert "nothing was found wrong with the load generators" not in unclear
    assert "latency is not clearly above what they add themselves" in unclear

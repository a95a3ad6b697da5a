"""``--plan-capacity``: arithmetic on measured figures, checked by hand."""

import dataclasses
import json

import pytest

from acgs_load import cli
from acgs_load.errors import UsageError
from acgs_load.fleet.sizing import FIGURES, Figures, measured_figures, sizing, sizing_text

ROUND = Figures(
    machine="2 cores",
    worker_cpu_us=100.0,
    worker_memory_bytes=100e6,
    user_memory_bytes=20e3,
    sent_bytes=1_000.0,
    received_bytes=500.0,
    report_bytes=30e3,
    report_interval_s=3.0,
    master_cpu_us=2_000.0,
    master_memory_bytes=50e3,
    workers_tried=1_024,
)


def test_sizes_by_hand():
    """60,000 RPS at 100 µs: 6 cores busy, 10 workers at 60 %; 120,000 users; 480 Mbit/s out."""
    found = sizing(60_000, ROUND)
    assert (found.workers, found.cores, found.users, found.masters) == (10, 6, 120_000, 1)
    assert found.memory_bytes == pytest.approx(10 * 100e6 + 120_000 * 20e3)
    assert (found.sent_bits_per_s, found.received_bits_per_s) == (480e6, 240e6)
    assert found.master_cores == pytest.approx(10 / 3 * 0.002)
    assert found.report_bits_per_s == pytest.approx(10 / 3 * 30e3 * 8)


@pytest.mark.parametrize(
    ("changed", "masters"),
    [({}, 1), ({"workers_tried": 100}, 17), ({"master_cpu_us": 6_000.0}, 6)],
)
def test_masters_are_bounded_by_what_was_tried_and_by_their_cpu(changed, masters):
    """10 million RPS take 1,667 workers: more than were tried, and 556 reports a second."""
    found = sizing(10_000_000, dataclasses.replace(ROUND, **{"workers_tried": 100_000, **changed}))
    assert found.workers == 1_667
    assert found.masters == masters if changed else found.masters == 2


@pytest.mark.parametrize("rps", [0.0, -1.0, float("inf"), float("nan"), 1e9])
def test_no_such_rate(rps):
    """One line that names the flag and what is legal."""
    with pytest.raises(UsageError, match="--plan-capacity"):
        sizing(rps, ROUND)


def test_the_text_says_what_it_is_taken_from():
    """Every figure with its unit."""
    text = sizing_text(sizing(1_000_000, ROUND), ROUND)
    for words in (
        "1,000,000 requests a second",
        "167 processes",
        "2,000,000 (rate",
        "8 Gbit/s out",
        "2.00 ms a report",
    ):
        assert words in text, text


def test_the_measured_figures_are_whole():
    """They were written by the benchmark, are positive, and the flag prints what they come to."""
    figures = measured_figures()
    assert set(json.loads(FIGURES.read_text())) == {field.name for field in dataclasses.fields(Figures)}
    assert all(value > 0 for name, value in dataclasses.asdict(figures).items() if name != "machine")


def test_figures_that_are_missing_or_torn_are_one_line(tmp_path):
    """And say how to make them."""
    for text in (None, "{", '{"machine": "x"}'):
        path = tmp_path / "measured.json"
        if text is not None:
            path.write_text(text)
        with pytest.raises(UsageError, match="--update"):
            measured_figures(path)


def test_the_flag(capsys):
    """Nothing is started; wrong rates are refused in one line."""
    assert cli.run_load_test(["--plan-capacity", "100000"], {}) == 0
    assert "100,000 requests a second" in capsys.readouterr().out
    assert cli.run_load_test(["--plan-capacity", "-5"], {}) == 2
    assert "--plan-capacity -5" in capsys.readouterr().err

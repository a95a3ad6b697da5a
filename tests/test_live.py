"""What a person sees while a run goes on: everything there is room for, what matters first, nothing twice."""

from __future__ import annotations

import dataclasses
import io

import pytest
from course_fixture import plan_of
from rich.console import Console
from snapshots import BROKEN, snapshot, standing

from acgs_load.live import LiveView, is_calm_enough
from acgs_load.live_line import line_of
from acgs_load.live_screen import screen
from acgs_load.live_spark import sparkline
from acgs_load.live_tables import compact, shortest_first
from acgs_load.run_folder import RunFolder
from acgs_load.snapshot import Snapshot


def shown(snap, width, height, compliance=True):
    """The lines of the view on a terminal of that size."""
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(screen(snap, width, height, compliance))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("regions", [1, 4, 16])
@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (80, 50), (100, 30), (160, 24), (160, 45), (60, 20), (250, 70)]
)
def test_the_view_fits_the_terminal(width, height, regions):
    """No line is longer than the terminal, and there are never more of them than fit."""
    lines = shown(snapshot(regions=regions, users=12_345, users_wanted=100_000, users_max=100_000), width, height - 1)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert "demo · smoke" in lines[0]
    assert "14 s of 25 s, 11 s left" in lines[1]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 50), (160, 45)])
def test_the_figures_are_there_at_every_size(width, height):
    """Users now and planned, RPS, percentiles, errors, violations by kind, compliance, target, scenarios."""
    text = "\n".join(shown(snapshot(users=20, users_wanted=20, users_max=80, **BROKEN), width, height - 1))
    for words in (
        "20 of 20, 80 planned",
        "RPS 54.3",
        "p50 1.50 ms",
        "p95 5.20 ms",
        "p99 10.1 ms",
        "errors 1 %",
        "compliance 94.75 %",
        "violations 57",
        "wrong       chain_broken 57",
        "CPU 2.1 %",
        "memory 0.7 %",
        "constitutional",
        "region-1",
        "25%",
        "3.20",
        "▁",
        "19 of 19 hold",
    ):
        assert words in text, words


def test_a_threshold_that_fails_is_shown_where_there_is_little_room():
    """Failed ones first, then those with least room; at 160 columns all of them with their limits."""
    rows = [standing(f"good_{n}_ms", margin=0.9) for n in range(18)]
    rows[7:7] = [standing("close_ms", margin=0.01), standing("broken_ms", "fail", -0.5)]
    small = "\n".join(shown(snapshot(thresholds=tuple(rows)), 80, 20))
    assert "19 of 20 hold, 1 does not" in small
    assert "✗ broken_ms" in small
    assert "-50 %" in small
    assert "✓ close_ms" in small
    large = "\n".join(shown(snapshot(thresholds=tuple(rows)), 160, 44))
    assert all(row.expression in large for row in rows)


def test_the_nearest_to_failing_come_first_and_stay_in_order():
    """Unmeasured ones make room for all others."""
    rows = [standing("a", "not_measured", None), standing("b"), standing("c", "fail", -1.0), standing("d", margin=0.1)]
    assert [row.measure for row in shortest_first(rows, 2)] == ["c", "d"]
    assert [row.measure for row in shortest_first(rows, 3)] == ["b", "c", "d"]
    assert shortest_first(rows, 0) == []


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ((), 5, ""),
        ((0.0, 0.0), 5, "▁▁"),
        ((0.0, 50.0, None, 100.0), 5, "▁▅ █"),
        ((1.0, 8.0, None, None, 2.0, 4.0), 3, "█ ▅"),
    ],
)
def test_a_sparkline_is_drawn_from_zero(values, width, drawn):
    """A blank is what was not measured; the highest of each stretch is seen."""
    assert sparkline(values, width) == drawn


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "0.00"), (0.857, "0.86"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_three_digits_that_matter(value, text):
    """And a dash where there is no value."""
    assert compact(value) == text


def test_the_line_for_logs():
    """One line with what matters; what does not hold is counted only where something does not."""
    plan = plan_of()
    assert line_of(snapshot(), plan) == (
        "[  14s/25s hold] 20 users · 54 RPS · p95 5 ms · errors 0.0 % · compliance 100.0 % · violations 0"
    )
    failing = snapshot(thresholds=(standing(state="fail", margin=-1.0),), **BROKEN)
    assert line_of(failing, plan).endswith("compliance 94.8 % · violations 57 · 1 of 1 thresholds do not hold")
    quiet = dataclasses.replace(plan, compliance_monitoring=False)
    assert "compliance" not in line_of(snapshot(), quiet)


@pytest.mark.parametrize(
    ("live", "terminal", "environ", "wanted"),
    [
        (True, True, {}, True),
        (True, False, {}, False),
        (False, True, {}, False),
        (True, True, {"CI": "true"}, False),
        (True, True, {"NO_COLOR": "1"}, False),
        (True, True, {"NO_COLOR": ""}, True),
    ],
)
def test_who_reads_a_log_gets_lines(live, terminal, environ, wanted):
    """--no-live, no terminal, CI and NO_COLOR."""
    console = Console(force_terminal=terminal, file=io.StringIO(), _environ={"TERM": "xterm"})
    assert is_calm_enough(dataclasses.replace(plan_of(), live=live), console, environ) is wanted


def test_a_dumb_terminal_gets_lines():
    """It cannot move its cursor."""
    console = Console(force_terminal=True, file=io.StringIO(), _environ={"TERM": "dumb"})
    assert is_calm_enough(plan_of(), console, {}) is False


class Follower:
    """A view over a folder whose snapshot a test writes, on a clock that a test sets."""

    def __init__(self, folder, terminal=False):
        self.folder, self.now_s, self.out = RunFolder(folder), 0.0, io.StringIO()
        console = Console(width=100, height=30, file=self.out, force_terminal=terminal, _environ={"TERM": "xterm"})
        self.view = LiveView(plan_of(), self.folder, console, environ={}, clock=lambda: self.now_s)

    def see(self, snap, at_s):
        temporary = self.folder.path / "new"
        temporary.write_text(snap.to_json())
        temporary.replace(self.folder.progress)
        self.now_s = at_s
        self.view.update()

    @property
    def lines(self):
        return self.out.getvalue().splitlines()


def test_without_a_terminal_there_is_a_line_every_ten_seconds(tmp_path):
    """However often the run is looked at."""
    follower = Follower(tmp_path)
    with follower.view:
        follower.view.update()
        for second in range(25):
            follower.see(snapshot(elapsed_s=float(second)), second)
    assert [line[:6] for line in follower.lines] == ["[   0s", "[  10s", "[  20s"]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_warning_is_said_once_in_words(tmp_path, terminal):
    """Above the view or between the lines; what the runner itself has to say, too."""
    follower = Follower(tmp_path, terminal)
    with follower.view:
        for second in range(5):
            follower.see(snapshot(elapsed_s=float(second), **BROKEN), second)
        follower.view.say("ending the run")
    said = follower.out.getvalue()
    assert said.count("warning: at 3 s: chain_broken in audit_create, first at 3 s") == 1
    assert said.count("ending the run") == 1


def test_a_snapshot_survives_its_file():
    """To JSON and back it is equal; one of another version is refused."""
    snap = snapshot(regions=2, **BROKEN)
    assert Snapshot.from_json(snap.to_json()) == snap
    with pytest.raises(ValueError, match="schema 99"):
        Snapshot.from_json(dataclasses.replace(snap, schema=99).to_json())

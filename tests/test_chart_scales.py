"""Axes and gaps of the charts, whatever is drawn on them."""

import pytest

from acgs_load.analysis.drawing.axes import linear, time_axis, values_axis
from acgs_load.analysis.drawing.panels import Line, Panel
from acgs_load.analysis.drawing.run_panels import together
from acgs_load.analysis.drawing.shapes import drawing_of
from acgs_load.health import HealthRow


def _panel(*values, **more):
    return Panel("latency", "Latency", "ms", (0.5, 1.5, 2.5), 1, (Line("p50", values, 0),), (), (), 3.0, **more)


def test_gaps_stay_gaps():
    """Where nothing was measured, the line is broken; a value that stands alone is a short dash."""
    path = drawing_of(_panel(1.0, None, 2.0)).strokes[0].path
    assert path.count("M") == 2
    assert path.count("L") == 2


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)), (0, 104, (0, 50, 100, 150)), (0.9, 1.0, (0.9, 0.92, 0.94, 0.96, 0.98, 1))],
)
def test_ticks_are_round(low, high, ticks):
    """1, 2 or 5 times a power of ten."""
    assert linear(low, high).ticks == pytest.approx(ticks)


def test_a_wide_span_is_logarithmic():
    """Latencies over several powers of ten are all seen."""
    axis = values_axis(_panel(1.0, 10.0, 30_000.0))
    assert axis.log
    assert (axis.low, axis.high) == (1, 100_000)
    assert axis.share(100_000) == 1
    assert not values_axis(_panel(10.0, 20.0, 30.0)).log


def test_time_ticks_fit_any_length():
    """From one second to a week, never more than a handful."""
    for end_s in (1, 25, 90, 1800, 7200, 86_400, 604_800):
        assert 1 <= len(time_axis(end_s).ticks) <= 10


def _row(second, process, users):
    return HealthRow(second, process, "", 0.1, 1, 0.0, 1, users, 0, 0)


def test_a_late_row_is_no_dip():
    """A busy worker that skips a second has its users still; one that is silent for longer has none."""
    rows = [_row(second, "master", 9) for second in range(9)]
    rows += [_row(second, "worker-0", 5) for second in (0, 1, 3, 4)]
    rows += [_row(second, "worker-1", 2) for second in (0, 1, 2, 3, 8)]
    users = together(sorted(rows), lambda row: 0 if row.process == "master" else row.users)
    assert [users[second] for second in range(9)] == [7, 7, 7, 7, 7, 2, 2, 0, 2]

"""Numbers, margins and times as people read them."""

import pytest

from acgs_load.analysis.wording import at_text, margin_text, shortened, value_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "not measured"),
        (0, "ratio", "0 %"),
        (1, "ratio", "100 %"),
        (0.99999, "ratio", "99.999 %"),
        (1 - 1e-9, "ratio", "99.9999999 %"),
        (0.00001, "ratio", "0.001 %"),
        (0.5, "ratio", "50 %"),
        (2049.4, "ms", "2,049 ms"),
        (12.34, "ms", "12.3 ms"),
        (0.1234, "ms", "0.12 ms"),
        (1234.5, "rps", "1,234 RPS"),
        (3, "requests", "3"),
        (0, "bytes", "0 B"),
        (3 << 30, "bytes", "3.0 GiB"),
    ],
)
def test_values_are_said_with_their_unit(value, unit, text):
    """Ratios that fall short of everything or nothing never read as if they did not."""
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("margin", "text"),
    [(None, "–"), (0, "–"), (0.42, "+42 %"), (-0.034, "-3 %"), (-0.0001, "-0.01 %"), (-16.5, "-1,650 %")],
)
def test_margins(margin, text):
    """Signed per cent; a small one is not rounded away."""
    assert margin_text(margin) == text


def test_times_and_cuts():
    """Seconds become clock times, long or hostile text one short line."""
    assert [at_text(second) for second in (None, 12.9, 119, 120, 3725)] == ["–", "12 s", "119 s", "2:00", "1:02:05"]
    assert shortened("a\nb\x1b[0m" + "x" * 50, 10) == "a b [0mxx…"

"""Durations as people write them."""

from __future__ import annotations

import pytest

from acgs_load.units import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("30m", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("90", 90),
        ("1.5h", 5400),
        ("1d", 86400),
        (" 10 s ", 10),
    ],
)
def test_durations_that_people_write(text, seconds):
    """Each unit, their combinations, and a bare number of seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "ten", "10x", "10m junk", "-5s", "5 s!", "1h-30m", "nan", "inf"])
def test_what_is_no_duration(text):
    """Anything else is refused with an example of what is legal."""
    with pytest.raises(ValueError, match="30m"):
        parse_duration(text)


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61, 3600, 5400, 7325, 0.5, 12.25])
def test_format_reads_back(seconds):
    """What is printed can be typed again."""
    assert parse_duration(format_duration(seconds)) == seconds

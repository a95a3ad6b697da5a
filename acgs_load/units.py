"""Durations as people write them. Inside, seconds are floats; everything else carries its unit in its name."""

from __future__ import annotations

import re

_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """Seconds for ``90s``, ``30m``, ``2h``, ``1h30m``, ``250ms`` or a bare number of seconds.

    Raises ValueError on anything else.
    """
    compact = text.strip().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        return float(compact)
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is no duration; write 30s, 30m, 2h or 1h30m")
    return sum(float(number) * _SECONDS_PER_UNIT[unit] for number, unit in parts)


def format_duration(duration_s: float) -> str:
    """The shortest spelling that ``parse_duration`` reads back: ``1h30m``, ``45s``, ``0.5s``."""
    if duration_s != int(duration_s):
        return f"{duration_s:g}s"
    seconds = int(duration_s)
    parts = [
        f"{count}{unit}"
        for count, unit in ((seconds // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s"))
        if count
    ]
    return "".join(parts) or "0s"

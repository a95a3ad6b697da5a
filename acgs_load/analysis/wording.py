"""Numbers and names as people read them; every renderer says them the same way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

NOT_MEASURED = "not measured"


def value_text(value: float | None, unit: str) -> str:
    """``12.3 ms``, ``1,234 RPS``, ``0.42 %``, ``not measured``. Ratios short of 0 % or 100 % never read as such."""
    if value is None:
        return NOT_MEASURED
    if unit == "ratio":
        return f"{_percent(value)} %"
    if unit == "bytes":
        return _bytes(value)
    name = {"rps": "RPS"}.get(unit, unit)
    digits = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    number = f"{value:,.{digits}f}"
    return f"{number} {name}" if unit in ("ms", "s", "rps") else number


def _percent(value: float) -> str:
    percent = 100 * value
    for digits in (2, 3, 4, 5, 6, 7):
        text = f"{percent:.{digits}f}"
        if (float(text) not in (0.0, 100.0)) or percent in (0.0, 100.0):
            return text.rstrip("0").rstrip(".")
    return f"{percent:.3g}" if percent < 1 else "99.9999999"


def share_text(share: float) -> str:
    """``15.8 %``: a part of a whole, to a tenth."""
    return f"{100 * share:.1f} %"


def _bytes(value: float) -> str:
    power = min(4, int(math.log(max(1.0, abs(value)), 1024)))
    return f"{value / 1024**power:,.{0 if power == 0 else 1}f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def margin_text(margin: float | None) -> str:
    """``+42 %`` inside the limit, ``-3 %`` outside; a dash where there is none."""
    if not margin:
        return "–"
    percent = 100 * margin
    if 0 < abs(percent) < 0.95:
        return f"{percent:+.1g} %"
    return f"{percent:+,.0f} %" if abs(percent) < 100_000 else (">" if percent > 0 else "<-") + "100,000 %"


def labels_text(labels: Mapping[str, str]) -> str:
    """``{operation="policy_create"}``, or nothing."""
    inner = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def at_text(second: float | None) -> str:
    """When in the run, or how long: ``12 s``, ``3:05``, ``1:02:05``; a dash where nobody knows."""
    if second is None:
        return "–"
    whole = int(second)
    if whole < 120:
        return f"{whole} s"
    hours, minutes, seconds = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment_text(epoch_s: float | None) -> str:
    """``2026-11-23 13:04 UTC``, or nothing where nobody knows."""
    return "" if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def first_text(second: float | None) -> str:
    """``, first at 12 s``, or nothing where nobody knows."""
    return "" if second is None else f", first at {at_text(second)}"


def shortened(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters; control characters of a target's answer are made visible."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def tick_text(value: float, share: bool) -> str:
    """A number on an axis: ``1,200``, ``0.5``, ``95 %``."""
    return f"{100 * value:g} %" if share else f"{value:,.10g}"


def time_text(second: float) -> str:
    """A time on an axis: ``0:30``, ``12:00``, ``1:30:00``."""
    whole = round(second)
    hours, minutes, seconds = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

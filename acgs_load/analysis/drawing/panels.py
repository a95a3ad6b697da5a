"""What the charts show, as numbers: drawn as SVG, interactively and as PNG files from the same values."""

from __future__ import annotations

from dataclasses import dataclass

from acgs_load.analysis.reading.buckets import POINTS_MAX as POINTS_MAX


@dataclass(frozen=True, slots=True)
class Line:
    """One series; None where nothing was measured."""

    name: str
    values: tuple[float | None, ...]
    colour: int
    """Place in the palette."""
    right: bool = False
    """Drawn against the right axis."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line: what a threshold demands."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Band:
    """A phase behind the lines."""

    name: str
    from_s: float
    to_s: float
    hold: bool


@dataclass(frozen=True, slots=True)
class Breach:
    """A stretch of the run in which a line was outside its limit, bucket by bucket."""

    from_s: float
    to_s: float
    text: str
    """What was outside, in words: ``p95 outside latency_p95_ms <= 500``."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart over the time of the run."""

    name: str
    """File name without suffix, and anchor."""
    title: str
    unit: str
    times_s: tuple[float, ...]
    """Middle of each bucket, seconds since the start."""
    width_s: int
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...]
    bands: tuple[Band, ...]
    end_s: float
    unit_right: str = ""
    """Empty: no right axis."""
    share: bool = False
    """Values are 0–1 and shown in per cent."""
    breaches: tuple[Breach, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value is not None for line in self.lines for value in line.values)

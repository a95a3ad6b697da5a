"""How every benchmark begins and ends: enough cores or one clear line, then its bars and one line of JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from acgs_load.errors import LoadTestError, UsageError
from benchmarks.machine import machine
from benchmarks.table import Bar, bar_rows, print_table

CORES_LEAST = 2


def measured(name: str, measure: Callable[[], None]) -> int:
    """The exit code of benchmark ``name`` once ``measure`` has printed its figures, or why it could not."""
    try:
        if len(os.sched_getaffinity(0)) < CORES_LEAST:
            raise UsageError(f"{CORES_LEAST} cores are needed: one for the generator, one for the target")
        measure()
    except LoadTestError as error:
        print(f"benchmarks.{name}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def conclude(figures: Mapping[str, Any], bars: Sequence[Bar]) -> None:
    """Print the bars, and everything as one line of JSON."""
    print_table("bars", ("what", "figure", "bar", ""), bar_rows(bars))
    print(json.dumps({"machine": machine(), **figures, "bars": [bar.record() for bar in bars]}))

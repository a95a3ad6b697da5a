"""How many cases a fuzzed property gets: few in ``make test``, many in ``make fuzz`` (FUZZ_FACTOR)."""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))


def cases(few: int) -> Callable[..., object]:
    """Settings for a property that ``make test`` tries ``few`` times."""
    # fixtures hold no state of a case; what is slow is the machine's doing, and each case has a time limit of its own
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=few * FACTOR, deadline=None, suppress_health_check=quiet, print_blob=True)

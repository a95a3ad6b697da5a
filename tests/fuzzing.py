"""How many cases a fuzzed property gets: few in ``make test``, many in ``make fuzz``; and how many it had."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))
RAN: Counter[str] = Counter()
"""Cases of each property in this process."""


def cases(few: int) -> Callable[[Any], Any]:
    """For a property (above ``given``) that ``make test`` tries ``few`` times."""
    # fixtures hold no state of a case; what is slow is the machine's doing, and the parser has a limit of its own
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    limits = settings(max_examples=few * FACTOR, deadline=None, suppress_health_check=quiet, print_blob=True)

    def decorate(test: Any) -> Any:
        inner = test.hypothesis.inner_test

        @functools.wraps(inner)
        def counted(*args: Any, **kwargs: Any) -> None:
            RAN[f"{inner.__module__}: {inner.__name__}"] += 1
            inner(*args, **kwargs)

        test.hypothesis.inner_test = counted
        return limits(test)

    return decorate

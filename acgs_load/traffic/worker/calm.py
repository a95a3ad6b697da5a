"""Keeps the garbage collector from holding up the event loop: a full pass over all modules takes some 100 ms.

What lives as long as the run is taken out of its sight, so that a pass only looks at what is new.
"""

from __future__ import annotations

import gc

import gevent

THRESHOLDS = (20_000, 20, 50)
"""Allocations before a pass over the youngest, and passes before the older ones; CPython's are 700, 10, 10."""


def calm() -> None:
    """Collect once, now that nothing is being measured, and leave what is left alone."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def calm_again(after_s: float) -> None:
    """Leave the users alone as well, once all of them are there; without a pass, because it would be felt."""
    gevent.sleep(after_s)
    gc.freeze()

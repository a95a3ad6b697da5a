"""Timestamps as the contract spells them."""

from __future__ import annotations

import time
from functools import lru_cache


def timestamp_text(epoch_s: float) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-01-31T09:05:07.042Z``."""
    milliseconds = int(epoch_s * 1000)
    return f"{_second_text(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


@lru_cache(maxsize=4)
def _second_text(epoch_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch_s))

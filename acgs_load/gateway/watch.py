"""Whether the process that wanted this gateway is still there."""

from __future__ import annotations

import os

import psutil

PARENT_VARIABLE = "ACGS_PARENT_PID"
"""Environment variable with the process id that must stay an ancestor of the gateway; else the gateway ends itself."""
INTERVAL_S = 0.5


def is_ancestor(pid: int) -> bool:
    """Whether ``pid`` is alive and this process descends from it."""
    if os.getppid() == pid:
        return True
    try:
        return any(parent.pid == pid for parent in psutil.Process().parents())
    except psutil.Error:  # an ancestor ended while it was looked at
        return False


def wanted_parent() -> int | None:
    """The process id in the environment, None when there is none or it is no number."""
    text = os.environ.get(PARENT_VARIABLE, "")
    return int(text) if text.isascii() and text.isdigit() else None

"""Each user holds a connection; a process that may not open that many must say so before the run."""

from __future__ import annotations

import resource

SPARE = 128
"""Descriptors for everything but users: libraries, logs, messages, reconnects under way."""


def raise_descriptor_limit() -> int:
    """Lift the soft limit to the hard one; gives what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 30


def descriptor_complaint(users: int, limit: int) -> str | None:
    """Why ``users`` in one process cannot be served, or None."""
    if users + SPARE <= limit:
        return None
    return (
        f"{users} users in one worker need {users + SPARE} file descriptors, {limit} are allowed;"
        " use more workers, fewer users, or raise ulimit -n"
    )

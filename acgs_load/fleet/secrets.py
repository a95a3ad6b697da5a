"""What processes of a run are told in their environment and nowhere else."""

from __future__ import annotations

import os

from acgs_load.secret import SECRET_VARIABLE

_NAMES = ("ACGS_PASSWORD", "ACGS_TOKEN", SECRET_VARIABLE)


def secrets_of_workers() -> dict[str, str]:
    """The secrets that the runner was given and its workers need, by variable."""
    return {name: os.environ[name] for name in _NAMES if os.environ.get(name)}

"""How a run ends that nobody analyses: no threshold is judged, but what the master knows already is not kept back."""

from __future__ import annotations

import json

from acgs_load.errors import ExitCode
from acgs_load.run_folder import RunFolder

_ENDINGS = {
    "abort": (ExitCode.FAILED, "one of its thresholds stopped it"),
    "quorum": (ExitCode.INVALID, "too few of its workers were left"),
    "workers_lost": (ExitCode.INVALID, "its workers were lost"),
    "master_lost": (ExitCode.INTERRUPTED, "its master was lost"),
}


def ending(folder: RunFolder) -> tuple[ExitCode, str]:
    """The exit code, and why it is not 0; that thresholds hold is not said by it."""
    if not folder.run.exists():
        return ExitCode.INVALID, "it was cut short before it could write run.json"
    run = json.loads(folder.run.read_text(encoding="utf-8"))
    if run["interrupted"] and run["ended_by"] not in _ENDINGS:
        return ExitCode.INTERRUPTED, "it was interrupted"
    if not any(worker.get("samples_received") for worker in run["workers"]):
        return ExitCode.NOTHING_MEASURED, "nothing was measured"
    return _ENDINGS.get(run["ended_by"], (ExitCode.PASSED, ""))

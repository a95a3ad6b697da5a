"""Samples the target of a run that has no runner: a process beside a bare Locust, which must not be held up itself.

``python -m acgs_load.resources_sidecar FOLDER`` goes on until the run's record is written, its parent is gone, or
somebody ends it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from acgs_load.plan import Plan
from acgs_load.resources import ResourceSampler
from acgs_load.resources_choice import source_of
from acgs_load.run_folder import RunFolder

LOOK_EVERY_S = 0.5


def main(folder: RunFolder) -> int:
    """Sample what the plan in ``folder`` names; 0 when there is no more to sample, or never was."""
    source = source_of(Plan.from_json(folder.plan.read_bytes()), None)
    if source is None:
        return 0
    ended, parent = threading.Event(), os.getppid()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with ResourceSampler(folder.resources, source, _say):
        while not ended.wait(LOOK_EVERY_S) and not folder.run.exists() and os.getppid() == parent:
            pass
    return 0


def _say(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(RunFolder(Path(sys.argv[1]))))

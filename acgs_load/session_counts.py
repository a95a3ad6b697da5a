"""The target's own request counts after a run, kept to be held against ours; publishing them is the target's choice."""

from __future__ import annotations

from collections.abc import Callable

import requests

from acgs_load.authorities import verification
from acgs_load.contract import METRICS_PATH
from acgs_load.plan import Plan
from acgs_load.printable import printable_lines
from acgs_load.run_folder import RunFolder, write_atomically

PATIENCE_S = 5.0


def keep_target_counts(plan: Plan, folder: RunFolder, warn: Callable[[str], None]) -> None:
    """Write what the target publishes into the folder; where that is nothing, the report says so."""
    try:
        verify = verification(plan.target, plan.tls_verify, plan.ca_file)
        answer = requests.get(plan.target + METRICS_PATH, timeout=PATIENCE_S, verify=verify)
    except requests.RequestException:
        return
    if not (answer.ok and "acgs_requests_total" in answer.text):
        return
    try:
        write_atomically(folder.target_metrics, printable_lines(answer.text))
    except OSError as error:
        warn(f"{folder.target_metrics.name}: not written ({error.strerror})")

"""Which place a plan names."""

from __future__ import annotations

import os

from acgs_load.fleet.compose import ComposePlace
from acgs_load.fleet.here import LocalPlace
from acgs_load.fleet.inside import INSIDE_VARIABLE, InsidePlace
from acgs_load.fleet.place import Place, WholePlace
from acgs_load.fleet.simulated import SimulatedPlace
from acgs_load.fleet.ssh import SshPlace
from acgs_load.plan import Plan


def place_of(plan: Plan) -> Place | WholePlace:
    """The place of the run. Raises UsageError where the plan cannot be played there."""
    if plan.place == "local":
        return SimulatedPlace(plan) if plan.links else LocalPlace(plan)
    if os.environ.get(INSIDE_VARIABLE) == plan.place:
        return InsidePlace(plan)
    if plan.place == "ssh":
        return SshPlace(plan)
    if plan.place == "compose":
        return ComposePlace(plan)
    from acgs_load.fleet.kubernetes import KubernetesPlace  # YAML is slow to load

    return KubernetesPlace(plan)

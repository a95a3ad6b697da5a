"""What a run says of itself before it begins."""

from __future__ import annotations

from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder, shown
from acgs_load.units import format_duration


def announcement(plan: Plan, folder: RunFolder) -> str:
    """A few lines: what is going to happen, to whom, and where it is written down."""
    load = f"open load {plan.rate:g} RPS" if plan.load == "open" and plan.rate else f"{plan.load} load"
    facts = (
        plan.name,
        plan.test_type,
        load,
        f"{plan.users_max:,} users",
        format_duration(plan.duration_s),
        f"{plan.workers} worker{'s' if plan.workers > 1 else ''}",
        f"seed {plan.seed}",
    )
    place = f"{plan.target} (embedded reference gateway)" if plan.embedded else plan.target
    lines = [" · ".join(facts), f"target {place}", f"folder {shown(folder.path)}"]
    if plan.web_ui:
        lines.append(f"web UI http://localhost:{plan.web_port}")
    elif plan.exporter_port:
        lines.append(f"metrics http://localhost:{plan.exporter_port}/metrics")
    return "\n".join(lines)

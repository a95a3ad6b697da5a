"""All dashboards, and the JSON that they become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.dashboards import comparison, compliance, generators, load, target
from monitoring.dashboards.frame import TITLES

FOLDER = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"
PAGES = (load.page, compliance.page, generators.page, target.page, comparison.page)


def files() -> dict[str, str]:
    """Name and text of every file."""
    return {f"{page['uid']}.json": json.dumps(page, indent=2, ensure_ascii=False) + "\n" for page in map(_json, PAGES)}


def _json(make: Any) -> dict[str, Any]:
    """As Grafana reads it, with what the SDK has no words for."""
    built: Dashboard = make()
    page: dict[str, Any] = json.loads(json.dumps(built.build(), cls=JSONEncoder))
    for mark in page["annotations"]["list"]:
        mark.update(TITLES[mark["name"]])
    for number, panel in enumerate(page["panels"], start=1):
        panel["id"] = number
    return page

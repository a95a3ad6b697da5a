"""What Locust's web UI shows beyond its own: a tab for compliance, one for each region, and CSV files of both.

Locust's page is one bundle that renders a table in an extra tab and nothing else. So our tabs are named to it, and what
is in them is drawn by scripts of ours beside it; the same scripts make a page of their own at ``/compliance``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response, jsonify
from locust.web import WebUI

from acgs_load.snapshot import Snapshot
from acgs_load.traffic.engine.web_csv import compliance_csv, regions_csv, thresholds_csv
from acgs_load.traffic.engine.web_pages import add_page
from acgs_load.traffic.master.conductor import Conductor

PAGE = "locust.index"
FILES = Path(__file__).parent / "web"
SCRIPTS = ("charts.js", "tables.js", "page.js", "start.js")
COMPLIANCE, REGION = "Constitutional compliance", "Region "
"""Titles of the tabs; ``page.js`` knows its tabs by them."""
MARK = "</body>"
ADDED = (
    '<link rel="stylesheet" href="compliance/page.css">'
    + "".join(f'<script src="compliance/{name}"></script>' for name in SCRIPTS)
    + '<a class="acgs-link" href="compliance">Constitutional compliance</a>'
)
CSV: dict[str, Callable[[Snapshot], str]] = {
    "compliance": compliance_csv,
    "regions": regions_csv,
    "thresholds": thresholds_csv,
}


def serve_tabs(web_ui: WebUI, conductor: Conductor) -> None:
    """Add tabs to Locust's page, and what they show below ``/compliance``."""
    app: Any = web_ui.app
    page = app.view_functions[PAGE]

    def with_tabs() -> Any:
        web_ui.template_args |= tabs_of(conductor)
        answer = page()
        return answer.replace(MARK, f"{ADDED}{MARK}") if isinstance(answer, str) else answer

    app.view_functions[PAGE] = with_tabs
    routes: dict[str, Callable[..., Any]] = {
        "": lambda: _file("compliance.html"),
        "/live.json": lambda: _live(conductor),
        "/types.json": lambda: jsonify(conductor.type_defaults()),
        "/<name>.csv": lambda name: _csv(conductor, name),
        "/<name>": _file,
    }
    for rule, view in routes.items():
        add_page(web_ui, f"/compliance{rule}", f"acgs_compliance{rule}", view)


def tabs_of(conductor: Conductor) -> dict[str, Any]:
    """What Locust's page is told of our tabs and files."""
    titles = [COMPLIANCE, *(f"{REGION}{name}" for name in conductor.regions())]
    files = [{"href": f"compliance/{name}.csv", "title": f"Download {name} CSV"} for name in CSV]
    return {
        "extended_tabs": [{"title": title, "key": f"acgs-{title}"} for title in titles],
        "extended_csv_files": files,
    }


def _live(conductor: Conductor) -> Response:
    if conductor.lookout is None:
        return Response("null", mimetype="application/json")
    return Response(conductor.lookout.latest.to_json(), mimetype="application/json")


def _csv(conductor: Conductor, name: str) -> Response:
    if name not in CSV or conductor.lookout is None:
        return Response("no run has begun yet\n" if name in CSV else "no such file\n", 404, mimetype="text/plain")
    answer = Response(CSV[name](conductor.lookout.latest), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{conductor.lookout.latest.name}-{name}.csv"'
    return answer


def _file(name: str) -> Response:
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
    known = {path.name: path for path in FILES.iterdir()}
    if name not in known:
        return Response("no such file\n", 404, mimetype="text/plain")
    return Response(known[name].read_bytes(), mimetype=kinds[known[name].suffix])

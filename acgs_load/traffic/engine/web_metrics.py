"""``/metrics`` on Locust's web UI: what the exporter's own port serves without one."""

from __future__ import annotations

from flask import Response, request
from locust.web import WebUI

from acgs_load.traffic.engine.web_pages import add_page
from acgs_load.traffic.master.exporter_door import PATH, ExporterDoor


def serve_metrics(web_ui: WebUI, door: ExporterDoor) -> None:
    """Add the page."""
    add_page(web_ui, PATH, "acgs_metrics", lambda: _page(door))


def _page(door: ExporterDoor) -> Response:
    content_type, body = door.answer(request.environ)
    return Response(body, content_type=content_type)

"""``/metrics`` on Locust's web UI: what the exporter's own port serves without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request
from locust.env import Environment

from acgs_load.traffic.master.exporter_door import PATH, ExporterDoor


def serve_metrics(environment: Environment, door: ExporterDoor) -> None:
    """Add the page, behind the same login as the others; without a web UI, do nothing."""
    web_ui = environment.web_ui
    if web_ui is None:
        return
    base = str(getattr(environment.parsed_options, "web_base_path", "") or "").rstrip("/")
    guarded: Callable[..., Any] = web_ui.auth_required_if_enabled
    app: Any = web_ui.app
    app.add_url_rule(f"{base}{PATH}", "acgs_metrics", guarded(lambda: _page(door)))


def _page(door: ExporterDoor) -> Response:
    content_type, body = door.answer(request.environ)
    return Response(body, content_type=content_type)

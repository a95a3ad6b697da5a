"""Locust's web UI, with what it lacks while a run goes on: its *Edit* is obeyed, and ``/rate`` changes the rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, jsonify, request
from locust.web import WebUI

from acgs_load.errors import UsageError
from acgs_load.traffic.engine.web_pages import add_page, guarded
from acgs_load.traffic.master.conductor import Conductor
from acgs_load.traffic.master.edits import change_rate, change_users

SWARM, PAGE = "locust.swarm", "locust.index"
LINK = b'<a class="acgs-link acgs-second" href="rate">Change the rate</a></body>'
FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Change the rate</title>
<body style="font:16px sans-serif;margin:3em"><h1>Change the rate</h1>
<p role="status">{said}</p>
<form method="post" action="rate"><label>Requests a second <input name="rate" inputmode="decimal" required></label>
<button>Change</button></form><p><a href="./">Back to Locust</a></p></body></html>
"""


def serve_edits(web_ui: WebUI, conductor: Conductor) -> None:
    """Put ours before Locust's start button and its page, and add ``/rate``."""
    app: Any = web_ui.app
    start, page = app.view_functions[SWARM], app.view_functions[PAGE]
    app.view_functions[SWARM] = guarded(web_ui, lambda: _swarm(conductor, web_ui.environment.host, start))
    app.view_functions[PAGE] = lambda: _with_link(page())
    add_page(web_ui, "/rate", "acgs_rate", lambda: _rate(conductor), "GET", "POST")


def _swarm(conductor: Conductor, host: str | None, start: Callable[[], Any]) -> Any:
    """The start button: edits a run that goes on, else starts one, unless its target is a stranger's."""
    if conductor.busy:
        return _edited(conductor, host)
    try:
        conductor.demand_permission(request.form.get("host") or host or "")
        conductor.take_form(request.form)
    except UsageError as error:
        return jsonify({"success": False, "message": str(error)})
    return start()


def _edited(conductor: Conductor, host: str | None) -> Response:
    """The start button while a run goes on: the form changes the users, and nothing else of the run."""
    try:
        if request.form.get("run_time") or request.form.get("host", host) not in ("", host):
            raise UsageError("a run is going on: only its users can be changed; stop it to set host or run time")
        wanted, spawn_rate = _number(request.form, "user_count"), _number(request.form, "spawn_rate")
        if wanted != int(wanted):
            raise UsageError(f"user_count {wanted:g}: users come whole")
        said = conductor.edit(lambda course, shape: change_users(course, shape, int(wanted), spawn_rate))
    except UsageError as error:
        return jsonify({"success": False, "message": str(error)})
    return jsonify({"success": True, "message": said})


def _rate(conductor: Conductor) -> Response:
    """A page to change the rate with; JSON where JSON is asked for."""
    said, status = "", 200
    if request.method == "POST":
        try:
            wanted = _number(request.form, "rate")
            said = conductor.edit(lambda course, shape: change_rate(course, wanted))
        except UsageError as error:
            said, status = str(error), 409
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return Response(jsonify({"success": status == 200, "message": said}).data, status, mimetype="application/json")
    shown = said.replace("&", "&amp;").replace("<", "&lt;")
    return Response(FORM.format(said=shown), status, mimetype="text/html")


def _with_link(answer: Any) -> Any:
    return answer.replace("</body>", LINK.decode()) if isinstance(answer, str) else answer


def _number(form: Mapping[str, str], name: str) -> float:
    text = form.get(name, "").strip()
    try:
        value = float(text)
    except ValueError as error:
        raise UsageError(f"{name} {text[:40]!r}: a number is needed") from error
    if not abs(value) < 1e9:
        raise UsageError(f"{name} {text[:40]!r}: no number that a load has")
    return value

"""``/report/<test>/<stamp>`` on Locust's web UI: a run's report, once it is written. Dashboards lead there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response
from locust.env import Environment

from acgs_load.run_folder import NAME, RunFolder
from acgs_load.traffic.master.conductor import Conductor


def serve_reports(environment: Environment, conductor: Conductor) -> None:
    """Add the page, behind the same login as the others; without a web UI, do nothing."""
    web_ui = environment.web_ui
    if web_ui is None:
        return
    app: Any = web_ui.app
    base = str(getattr(environment.parsed_options, "web_base_path", "") or "").rstrip("/")
    guarded: Callable[..., Any] = web_ui.auth_required_if_enabled
    page = guarded(lambda test, stamp: report_page(conductor.output, test, stamp))
    app.add_url_rule(f"{base}/report/<test>/<stamp>", "acgs_report", page)


def report_page(output: Path, test: str, stamp: str) -> Response:
    """The report of a run below ``output``; 404, with what to do, where there is none."""
    report = RunFolder(output / test / stamp).report("html")
    # names as folders of runs have them: nothing beside or above the output is served
    if not (NAME.fullmatch(test) and NAME.fullmatch(stamp) and report.is_file()):
        said = f"no report of {test}/{stamp} yet; the analyzer writes it when the run is over\n"
        return Response(said, 404, mimetype="text/plain")
    return Response(report.read_bytes(), mimetype="text/html")

"""``/report/<test>/<stamp>`` on Locust's web UI: a run's report, once it is written. Dashboards lead there."""

from __future__ import annotations

from pathlib import Path

from flask import Response
from locust.web import WebUI

from acgs_load.run_folder import NAME, RunFolder
from acgs_load.traffic.engine.web_pages import add_page
from acgs_load.traffic.master.conductor import Conductor


def serve_reports(web_ui: WebUI, conductor: Conductor) -> None:
    """Add the page, for the runs of the conductor's folder."""
    rule = "/report/<test>/<stamp>"
    add_page(web_ui, rule, "acgs_report", lambda test, stamp: report_page(conductor.output, test, stamp))


def report_page(output: Path, test: str, stamp: str) -> Response:
    """The report of a run below ``output``; 404, with what to do, where there is none."""
    report = RunFolder(output / test / stamp).report("html")
    # names as folders of runs have them: nothing beside or above the output is served
    if not (NAME.fullmatch(test) and NAME.fullmatch(stamp) and report.is_file()):
        said = f"no report of {test}/{stamp} yet; the analyzer writes it when the run is over\n"
        return Response(said, 404, mimetype="text/plain")
    return Response(report.read_bytes(), mimetype="text/html")

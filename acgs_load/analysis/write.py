"""Writes every form of a report, each file whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from acgs_load.analysis.beside import beside
from acgs_load.analysis.drawing.panels import Panel
from acgs_load.analysis.render_html import to_html
from acgs_load.analysis.render_json import to_json
from acgs_load.analysis.render_junit import to_junit
from acgs_load.analysis.render_markdown import to_markdown
from acgs_load.analysis.report import Report
from acgs_load.analysis.story import caption_text
from acgs_load.errors import UsageError

JSON_NAME = "report.json"


def write_report(report: Report, folder: Path, *, json_only: bool = False) -> Path:
    """Write the report's files into a folder; report.json last, since its presence means that all is there.

    Returns the file a person opens first. Raises UsageError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not json_only:
            _write_for_people(report, folder)
        _write(folder / JSON_NAME, to_json(report).encode())
    except OSError as error:
        raise UsageError(f"{folder}: the report cannot be written ({error.strerror}); name another --output") from error
    return folder / (JSON_NAME if json_only else "report.html")


def _write_for_people(report: Report, folder: Path) -> None:
    panels = [panel for panel in report.panels if not panel.empty]
    more = len(panels) * 2 // 3  # the other third is drawn while the page is made
    caption = caption_text(report)
    rest = beside(lambda: _drawn(panels[:more], caption))
    _write(folder / "report.html", to_html(report).encode())
    _write(folder / "report.md", to_markdown(report).encode())
    _write(folder / "junit.xml", to_junit(report).encode())
    (folder / "charts").mkdir(exist_ok=True)
    for name, picture in (_drawn(panels[more:], caption) | rest()).items():
        _write(folder / "charts" / f"{name}.png", picture)


def _drawn(panels: Sequence[Panel], caption: str) -> dict[str, bytes]:
    """The pictures by name."""
    from acgs_load.analysis.drawing.png import to_png  # matplotlib takes longer to load than to draw a picture

    return {panel.name: to_png(panel, caption) for panel in panels}


def _write(path: Path, content: bytes) -> None:
    # processes of two containers may share a folder and a pid
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    temporary.write_bytes(content)
    temporary.replace(path)

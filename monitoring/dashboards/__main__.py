"""Writes ``monitoring/grafana/dashboards/*.json`` anew, and removes what is no longer made."""

from __future__ import annotations

from monitoring.dashboards.pages import FOLDER, files

if __name__ == "__main__":
    wanted = files()
    for path in FOLDER.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")

"""Makes the pictures of the README from real runs: ``python tests/pictures.py``. Look at them, then commit them."""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import running  # noqa: E402
from driven_browser import Browser  # noqa: E402
from locust_processes import free_port  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.terminal_theme import DIMMED_MONOKAI  # noqa: E402
from rich.text import Text  # noqa: E402
from terminals import Terminal  # noqa: E402

IMAGES = PROJECT / "docs" / "images"
NODES = [
    {"host": "localhost", "workers": 1, "max_users": 40, "region": region} for region in ("us-east-1", "eu-west-1")
]
SIZES = {"terminal-80": (80, 24), "terminal": (160, 32)}


def frame(told: bytes) -> Text:
    """What stands on a terminal after its last redrawing, colours and all."""
    drawn = re.split(r"\x1b\[1A|\x1b\[2K", told.decode(errors="replace"))[-1]
    return Text.from_ansi(drawn.replace("\r\n", "\n"))


def page_of(text: Text, columns: int) -> str:
    """The same as a page for a browser."""
    console = Console(width=columns, record=True, file=io.StringIO(), force_terminal=True)
    console.print(text, no_wrap=True, crop=True)
    return console.export_html(theme=DIMMED_MONOKAI, inline_styles=True)


def photograph(browser: Browser, home: Path, name: str, shell: Terminal) -> None:
    """A picture of a terminal."""
    columns, view = shell.screen.columns, frame(shell.told)
    path = home / "terminal.html"
    path.write_text(page_of(view, columns), encoding="utf-8")
    browser.resize(columns * 8 + 40, (view.plain.count("\n") + 1) * 15 + 34)
    browser.open(path.as_uri())
    browser.run("document.body.style.margin = '14px'; document.querySelector('pre').style.fontSize = '13px'")
    browser.screenshot(IMAGES / f"{name}.png", whole=False)


def make(home: Path) -> None:
    """Every picture, from a run of 50 seconds against a gateway that loses audit events."""
    port = free_port()
    config = home / "config.json"
    config.write_text(json.dumps({"LOAD_TEST_NODES": NODES, "LOCUST_WEB_PORT": port}))
    flags = ("--config-file", str(config), "--test-type", "smoke", "--users", "40", "--spawn-rate", "10")
    with running.gateway("--fault", "lost-audit=0.05") as url, Browser(1280, 800) as browser:
        for name, (columns, lines) in SIZES.items():
            output = home / name
            options = (*flags, "--output", str(output), "--target", url, "--duration", "50s", "--test-name", "nightly")
            shell = Terminal(columns, lines, *options, "--web-ui")
            try:
                shell.when(lambda text: "of 50 s" in text)
                until_s = time.monotonic() + 33
                while time.monotonic() < until_s:
                    shell.read(0.5)
                photograph(browser, home, name, shell)
                if name == "terminal":
                    browser.resize(1280, 800)
                    browser.open(f"http://127.0.0.1:{port}/")
                    browser.click("[role=tab]", "Constitutional compliance")
                    browser.when("document.querySelector('#acgs-thresholds')")
                    time.sleep(1)
                    browser.screenshot(IMAGES / "web-ui.png", whole=False)
                shell.finish()
            finally:
                shell.close()
        (report,) = output.rglob("report.html")
        browser.resize(1280, 800)
        browser.open(report.as_uri())
        time.sleep(2)
        browser.screenshot(IMAGES / "report.png", whole=False)


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        make(Path(place))
    for picture in sorted(IMAGES.iterdir()):
        print(f"{picture.relative_to(PROJECT)}  {picture.stat().st_size / 1024:.0f} KB")

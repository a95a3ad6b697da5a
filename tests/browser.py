"""A page as headless Chromium makes it: its DOM after scripts have run, read back as rows and numbers."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium (CI does)")
IN_CHROMIUM = [pytest.mark.slow, NEEDS_CHROMIUM]
"""The marks of a module that is about pages in it."""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--proxy-server=127.0.0.1:9",  # nothing may be fetched; what tries is refused at once
    "--virtual-time-budget=5000",
    "--window-size=1280,900",
)
TIMEOUT_S = 120
VOID = frozenset({"meta", "br", "hr", "img", "input", "link", "path", "line", "rect"})


def dom_of(path: Path, *flags: str) -> str:
    """The document as the browser has it when the page is at rest."""
    with tempfile.TemporaryDirectory() as profile:
        command = [str(CHROMIUM), *FLAGS, *flags, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return done.stdout


def unguarded(page: str) -> str:
    """The page without its policy, for tests that put a script of their own into it."""
    bare = re.sub(r"<meta http-equiv=[^>]*>", "", page, count=1)
    assert bare != page
    return bare


class Element:
    """A tag, its attributes, its children and all the text below it."""

    def __init__(self, tag: str, attributes: dict[str, str]):
        self.tag, self.attributes = tag, attributes
        self.children: list[Element] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        """Text below it, white space drawn together."""
        return " ".join(" ".join(self.parts).split())

    def all(self, tag: str = "", **wanted: str | None) -> list[Element]:
        """Everything below with this tag and these attributes (``_`` for ``-``; None: any value), in order."""
        found = []
        for child in self.children:
            same = all(
                name.replace("_", "-") in child.attributes
                and (value is None or child.attributes[name.replace("_", "-")] == value)
                for name, value in wanted.items()
            )
            if same and tag in ("", child.tag):
                found.append(child)
            found += child.all(tag, **wanted)
        return found

    def one(self, tag: str = "", **wanted: str | None) -> Element:
        """The only one of them."""
        found = self.all(tag, **wanted)
        assert len(found) == 1, (tag, wanted, len(found))
        return found[0]


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.path = [Element("", {})]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.path[-1].children.append(element)
        if tag not in VOID:
            self.path.append(element)

    def handle_startendtag(self, tag, attrs):
        self.path[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if tag not in VOID:
            while self.path[-1].tag != tag:
                self.path.pop()
            self.path.pop()

    def handle_data(self, data):
        for element in self.path:
            element.parts.append(data)


def tree(html: str) -> Element:
    """The page as elements."""
    parser = _Tree()
    parser.feed(html)
    return parser.path[0]

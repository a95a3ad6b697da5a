"""A headless Chromium that a test drives: DevTools messages over a pipe, so nothing but the browser is needed.

Protocol: chromedevtools.github.io/devtools-protocol. With ``--remote-debugging-pipe`` messages go in on descriptor 3
and come out on 4, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from browser import CHROMIUM, FLAGS

UNWANTED = ("--proxy-server", "--virtual-time-budget", "--window-size")
"""What the flags for pages at rest say and a page that talks to a server cannot use."""


PLACED = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for place, end in zip((3, 4), ends):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, with the two pipes on the descriptors where it looks for them."""


class Browser:
    """One page. Use as a context manager; the process always ends."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        self._size = width, height
        self._number = 0
        self._session = ""
        self._buffer = b""
        self.requested: list[str] = []
        """Every URL that the page asked for."""
        self.complaints: list[str] = []
        """Uncaught errors and errors on the console."""

    def __enter__(self) -> Browser:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        flags = [flag for flag in FLAGS if not flag.startswith(UNWANTED)]
        command = [
            str(CHROMIUM),
            *flags,
            "--remote-debugging-pipe",
            f"--user-data-dir={self._profile.name}",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLACED, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._attach()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def _attach(self) -> None:
        pages = [one for one in self._ask("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        told = self._ask("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = told["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._ask(f"{domain}.enable")
        self.resize(*self._size)

    def resize(self, width: int, height: int, phone: bool = False) -> None:
        """Make the window this large; ``phone``: as a phone shows it."""
        scale = 2 if phone else 1
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def dark(self, wanted: bool = True) -> None:
        """Prefer dark pages, or light ones."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}]
        self._ask("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        """Go there, and wait until everything is loaded."""
        self._ask("Page.navigate", url=url)
        self.when("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are waited for."""
        told = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def when(self, script: str, within_s: float = 60.0) -> Any:
        """Wait until an expression is true; gives its value."""
        deadline_s = time.monotonic() + within_s
        found = (
            f"(() => {{ try {{ const v = {script}; return v instanceof Node ? true : v }} catch {{ return null }} }})()"
        )
        while not (value := self.run(found)):
            assert time.monotonic() < deadline_s, (script, self.run("document.body.innerText"), self.complaints)
            time.sleep(0.2)
        return value

    def click(self, selector: str, text: str = "") -> None:
        """Click the first element of that selector, with that text in it, once it is there."""
        everyone = f"[...document.querySelectorAll({json.dumps(selector)})]"
        found = f"{everyone}.find(one => one.textContent.includes({json.dumps(text)}))"
        self.when(f"{found} !== undefined")
        self.run(f"{found}.click()")

    def text(self, selector: str = "body") -> str:
        """What stands in the first element of that selector."""
        return str(self.run(f"(document.querySelector({json.dumps(selector)}) || {{}}).innerText || ''"))

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """A picture of the page as PNG; ``whole``: beyond the window's end too."""
        told = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + 60
        while True:
            told = self._next(deadline_s)
            if told.get("id") == self._number:
                assert "error" not in told, (method, told)
                return dict(told["result"])
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        method, parameters = told.get("method"), told.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.complaints.append(json.dumps(parameters["args"])[:500])

    def _next(self, deadline_s: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, "the browser does not answer"
            assert self._process.poll() is None, "the browser ended"
            if select.select([self._in], [], [], left_s)[0]:
                self._buffer += os.read(self._in, 1 << 20)
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

"""The runner's end of an outpost: one ssh connection, its tunnel, and the workers at the other end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from acgs_load.errors import GeneratorError
from acgs_load.fleet.commands import Command
from acgs_load.fleet.ssh_words import outpost_script, ssh_words
from acgs_load.plan import Node

HERE_WITHIN_S = 60.0
CONNECTION_LOST = 255
"""What ssh itself ends with."""
_PORT = re.compile(r"Allocated port (\d+) for remote forward")
_ALLOW = "its sshd must allow the workers' tunnel to the master: AllowTcpForwarding remote"


class RemoteWorker:
    """A worker process at an outpost."""

    def __init__(self, name: str, log: Path, outpost: SshOutpost) -> None:
        self.name = name
        self.log = log
        self._outpost = outpost
        self._status: int | None = None
        self._over = threading.Event()

    def ended(self, status: int, tail: str) -> None:
        """It has ended; called by the thread that listens to the outpost."""
        if self._over.is_set():
            return
        self._status = status
        with self.log.open("a", encoding="utf-8") as log:
            log.write(tail + "\n" if tail else "")
        self._over.set()

    def poll(self) -> int | None:
        """Exit status, or None while it runs."""
        return self._status

    def send(self, signal_number: signal.Signals) -> None:
        """Signal it; nothing happens when it has ended or cannot be reached."""
        if not self._over.is_set():
            self._outpost.order("signal", name=self.name, number=int(signal_number))

    def wait(self, timeout_s: float) -> int | None:
        """Exit status, or None if it still runs after ``timeout_s``."""
        self._over.wait(timeout_s)
        return self._status

    def stop(self, grace_s: float) -> int:
        """Ask it to end, and after ``grace_s`` end it with everything it started; gives its exit status."""
        self.send(signal.SIGTERM)
        if self.wait(grace_s) is None:
            self._outpost.order("kill", name=self.name)
            if self.wait(HERE_WITHIN_S) is None:
                self.ended(CONNECTION_LOST, "the outpost does not answer")
        assert self._status is not None, "it has ended"
        return self._status

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log, for an error message."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.strip().splitlines()[-lines:])


class SshOutpost:
    """An outpost on one node."""

    def __init__(self, node: Node, sha256: str, run: str, logs: Path, master_port: int) -> None:
        self.node = node
        self.run = run
        self._logs = logs
        self._log = logs / f"ssh-{run.rpartition('-')[2]}-{node.host}.out"
        self._workers: dict[str, RemoteWorker] = {}
        self._failure = ""
        with self._log.open("wb") as errors:
            self._popen = subprocess.Popen(
                ssh_words(node, outpost_script(node, sha256), master_port),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._here = threading.Event()
        self.bundle = ""
        """Folder of the bundle there."""
        self.folder = ""
        """Folder of the run there."""
        self.begun = False
        self._ear.start()

    def tunnel_port(self) -> int:
        """The port there that leads to the master; waits until the outpost is there. Raises GeneratorError."""
        deadline_s = time.monotonic() + HERE_WITHIN_S
        while not self._here.wait(0.05):
            if self._popen.poll() is not None or time.monotonic() > deadline_s:
                said = self._last_words()
                advice = _ALLOW if "forwarding failed" in said else f"see {self._log}"
                raise GeneratorError(f"{self.node.host}: no outpost ({said}); {advice}")
        found = _PORT.search(self._log.read_text(encoding="utf-8", errors="replace"))
        if found is None:
            raise GeneratorError(f"{self.node.host}: no tunnel ({self._last_words()}); {_ALLOW}")
        return int(found[1])

    def begin(self, plan: str, environment: Mapping[str, str]) -> None:
        """Tell it of the run. The environment may hold secrets."""
        self.begun = True
        self.order("begin", folder=self.folder, plan=plan, environment=dict(environment))

    def start(self, command: Command) -> RemoteWorker:
        """Start a worker."""
        worker = RemoteWorker(command.name, self._logs / f"{command.name}.ssh.out", self)
        self._workers[command.name] = worker
        self.order("start", name=command.name, argv=list(command.argv), environment=dict(command.environment))
        return worker

    def order(self, kind: str, **details: Any) -> None:
        """Send an order; who cannot hear any more has ended its workers already."""
        assert self._popen.stdin is not None, "its input is a pipe"
        try:
            self._popen.stdin.write(json.dumps({"order": kind, **details}).encode() + b"\n")
            self._popen.stdin.flush()
        except (BrokenPipeError, ValueError):
            return  # ValueError: closed by us

    def dismiss(self, timeout_s: float, *, remove: bool) -> None:
        """End it with everything it started; ``remove``: its folder of the run too."""
        if remove:
            self.order("remove")
        assert self._popen.stdin is not None, "its input is a pipe"
        with suppress(BrokenPipeError):
            self._popen.stdin.close()
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()  # sshd there sees the connection go, and the outpost its input
            self._popen.wait()
        self._ear.join(timeout_s)

    def _listen(self) -> None:
        """The thread that hears what the outpost tells, until it ends."""
        assert self._popen.stdout is not None, "its output is a pipe"
        for line in self._popen.stdout:
            if line.startswith(b'{"news"'):  # what a login there prints is not for us
                self._hear(json.loads(line))
        for worker in list(self._workers.values()):
            worker.ended(CONNECTION_LOST, f"the connection to {self.node.host} ended: {self._last_words()}")

    def _hear(self, news: Mapping[str, Any]) -> None:
        if news["news"] == "here":
            self.bundle = str(news["bundle"])
            self.folder = f"{news['root']}/runs/{self.run}"
            self._here.set()
        elif news["news"] == "ended" and news["name"] in self._workers:
            self._workers[news["name"]].ended(int(news["status"]), str(news["tail"]))
        elif news["news"] == "failed":
            self._failure = str(news["text"])

    def _last_words(self) -> str:
        if self._failure:
            return self._failure
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = [line for line in lines if not _PORT.search(line)]
        return said[-1].strip() if said else "nothing was said"

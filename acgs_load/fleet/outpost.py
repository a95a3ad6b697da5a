"""``python -m acgs_load.fleet.outpost``: the runner's hand on another machine.

It is told by lines of JSON on its input which workers to start and what to do with them, and tells on its output how
they stand. When its input ends, the runner is gone or done: it ends the workers and itself. So nothing outlives the
connection, and secrets arrive on it, in no command line and no file.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from acgs_load.errors import LoadTestError
from acgs_load.fleet.local import LocalProcess, stop_all
from acgs_load.run_folder import RunFolder

LOOK_EVERY_S = 0.2
GRACE_S = 5.0
TAIL_LINES = 5
IDLE_MAX_S = 900.0
"""With no worker left and nothing to hear for so long, the runner's machine has vanished without a goodbye."""


class Outpost:
    """The workers of one node."""

    def __init__(self) -> None:
        self._folder: RunFolder | None = None
        self._workers: dict[str, LocalProcess] = {}
        self._ended: set[str] = set()

    def obey(self, order: dict[str, Any]) -> None:
        """Do what one line asks for."""
        kind = order["order"]
        if kind == "begin":
            self._begin(Path(order["folder"]), order["plan"], order["environment"])
        elif kind == "start":
            self._start(order["name"], order["argv"], order["environment"])
        elif kind == "signal" and order["name"] in self._workers:
            self._workers[order["name"]].send(signal.Signals(order["number"]))
        elif kind == "kill" and order["name"] in self._workers:
            self._workers[order["name"]].stop(0.0)
        elif kind == "remove" and self._folder is not None:
            self.end()
            shutil.rmtree(self._folder.path, ignore_errors=True)

    def report(self) -> None:
        """Tell of every worker that has ended since."""
        for name, worker in self._workers.items():
            status = worker.poll()
            if status is not None and name not in self._ended:
                self._ended.add(name)
                _tell({"news": "ended", "name": name, "status": status, "tail": worker.tail(TAIL_LINES)})

    @property
    def idle(self) -> bool:
        """Whether no worker runs."""
        return all(worker.poll() is not None for worker in self._workers.values())

    def end(self) -> None:
        """End all workers."""
        stop_all(list(self._workers.values()), GRACE_S)

    def _begin(self, folder: Path, plan: str, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._folder = RunFolder(folder)
        for path in (self._folder.logs, self._folder.spools):
            path.mkdir(parents=True, exist_ok=True)
        self._folder.plan.write_text(plan, encoding="utf-8")

    def _start(self, name: str, argv: list[str], environment: dict[str, str]) -> None:
        assert self._folder is not None, "the run begins before its workers"
        if (former := self._workers.get(name)) is not None:
            former.stop(0.0)
            self._ended.discard(name)
        self._workers[name] = LocalProcess(name, argv, environment, self._folder.logs / f"{name}.out")
        _tell({"news": "started", "name": name, "pid": self._workers[name].pid})


def _tell(news: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code: 0 after a goodbye or when the connection ended, 1 for an order that could not be obeyed."""
    os.set_blocking(sys.stdin.fileno(), False)
    outpost, rest, heard_s = Outpost(), b"", time.monotonic()
    bundle = Path.cwd()  # …/acgs-load/bundles/<hash>
    _tell({"news": "here", "bundle": str(bundle), "root": str(bundle.parents[1]), "pid": os.getpid()})
    try:
        while time.monotonic() - heard_s < IDLE_MAX_S or not outpost.idle:
            outpost.report()
            if not select.select([sys.stdin], [], [], LOOK_EVERY_S)[0]:
                continue
            read = os.read(sys.stdin.fileno(), 1 << 20)
            if not read:
                return 0
            *lines, rest = (rest + read).split(b"\n")
            heard_s = time.monotonic()
            for line in lines:
                outpost.obey(json.loads(line))
    except LoadTestError as error:
        _tell({"news": "failed", "text": str(error)})
        return 1
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    finally:
        outpost.end()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(0))
    sys.exit(main())

"""Starts and stops the gateway's processes: one serves by itself, several share a listening socket under a keeper."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from acgs_load.errors import LoadTestError, TargetError, UsageError
from acgs_load.gateway.metrics import Metrics
from acgs_load.gateway.request_log import RequestLog
from acgs_load.gateway.scratch import scratch_folder
from acgs_load.gateway.signatures import new_key
from acgs_load.gateway.store import prepare
from acgs_load.gateway.watch import INTERVAL_S, is_ancestor, wanted_parent
from acgs_load.gateway.worker import Options, Shared, run

STOP_LIMIT_S = 8.0
RESTART_PAUSE_S = 0.5
BACKLOG = 65_535
"""As many as the system lets wait (``net.core.somaxconn``): whoever finds no place tries again after 1, 3, 7 s."""


def serve(options: Options, store: Path | None, log: Path | None = None) -> None:
    """Serves until told to stop; without ``store`` everything is forgotten at the end, without ``log`` none is kept.

    Raises UsageError for a file that cannot be used or a host that is none, TargetError for a port that is taken.
    """
    _allow_all_descriptors()
    request_log = None if log is None else RequestLog(log)
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(options.host, options.port))
        if store is None:
            store = stack.enter_context(scratch_folder()) / "store.db"
        parent = wanted_parent()
        parents = () if parent is None else (parent,)
        options = replace(options, store=store, parents=parents, started_s=time.monotonic())
        prepare(store, options.constitutional_hash, new_key())
        shared = Shared(listener, Metrics(options.workers), request_log)
        if options.workers == 1:
            run(options, shared, lambda: _announce(listener))
        else:
            Keeper(options, shared).keep()


def _allow_all_descriptors() -> None:
    """A connection of every user is a descriptor; many shells allow 1,024 where the system allows far more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Keeper:
    """The parent of several workers: starts them, replaces those that die, ends them all."""

    def __init__(self, options: Options, shared: Shared) -> None:
        self._options = replace(options, parents=(*options.parents, os.getpid()))
        self._parents = options.parents
        self._shared = shared
        self._workers: dict[int, int] = {}
        self._stopping = False

    def keep(self) -> None:
        """Returns when all workers have ended after a signal or the loss of a parent."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        ready, told = os.pipe()
        for worker in range(self._options.workers):
            self._fork(worker, told)
        if self._all_ready(ready):
            _announce(self._shared.listener)
        while not self._stopping and all(is_ancestor(pid) for pid in self._parents):
            self._replace_dead(told)
            time.sleep(INTERVAL_S)
        self._end()

    def _all_ready(self, ready: int) -> bool:
        os.set_blocking(ready, False)
        heard = 0
        while heard < self._options.workers and not self._stopping:
            try:
                heard += len(os.read(ready, 64))
            except BlockingIOError:
                time.sleep(0.02)
                self._check_start()
        return not self._stopping

    def _check_start(self) -> None:
        """Raises TargetError when a worker ended before all were ready; the others are ended, too."""
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in self._workers:
            del self._workers[pid]
            self._end()
            raise TargetError(f"a worker did not start ({_why(status)})")

    def _fork(self, worker: int, told: int) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._be_worker(worker, told)
        self._workers[pid] = worker

    def _be_worker(self, worker: int, told: int) -> NoReturn:
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            self._shared.metrics.take(worker)
            run(self._options, self._shared, lambda: _tell(told))
            code = 0
        except LoadTestError as error:
            print(f"gateway: {error}", file=sys.stderr)
            code = int(error.exit_code)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _replace_dead(self, told: int) -> None:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in self._workers:
            worker = self._workers.pop(pid)
            print(f"gateway: worker {worker} ended ({_why(status)}); it is replaced", file=sys.stderr, flush=True)
            time.sleep(RESTART_PAUSE_S)
            self._fork(worker, told)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT_S
        while self._workers and time.monotonic() < deadline:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            self._workers.pop(pid, None)
            time.sleep(0.02)
        for pid in self._workers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise UsageError(f"--host {host}: {error}; name an address of this machine") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise TargetError(
                f"port {port} on {host} is taken; end what listens there or choose another --port"
            ) from None
        raise TargetError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def _announce(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    print(f"gateway ready http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def _tell(told: int) -> None:
    os.write(told, b".")


def _why(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"

"""Work in a process of its own: on two cores a report is done in little more than half the time.

The process is a copy of this one, so a run need not be sent to it; only the result comes back. On a single core, and
where processes cannot be copied, the same work is done here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from acgs_load.errors import ResourceError

Result = TypeVar("Result")


def beside(work: Callable[[], Result]) -> Callable[[], Result]:
    """Begin ``work``; what comes back waits for its result, or raises what it raised. Ask it once.

    Raises ResourceError, when asked, where the process ended without an answer: nothing of its work is known.
    """
    if not _second_core():
        return work
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(work, receiver, sender), daemon=True)
    try:
        process.start()
    except OSError:  # no room for another process: then it is done here, and only takes longer
        return work
    sender.close()
    return lambda: _heard(process, receiver)


def _second_core() -> bool:
    # where there is no sched_getaffinity, on macOS and Windows, copies of a process are not safe either
    return hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1


def _answer(work: Callable[[], Result], receiver: Connection, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears it, and ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    receiver.close()
    told: tuple[Result | None, Exception | None]
    try:
        told = work(), None
    except Exception as error:  # noqa: BLE001  whatever it is, it is raised where the result is asked for
        told = None, error
    with suppress(BrokenPipeError):  # the first process has given up meanwhile, and said why
        sender.send(told)
    os._exit(0)  # what the first process left open, a progress bar on a thread that is not here, is not ended twice


def _heard(process: Any, receiver: Connection) -> Any:
    try:
        result, error = receiver.recv()
    except EOFError:
        process.join()
        raise ResourceError(
            f"a process of the analysis ended without an answer ({_why(process.exitcode)}); what was measured is kept: "
            "python performance_analyzer.py FOLDER, with more memory if it was killed for want of that"
        ) from None
    finally:
        receiver.close()
    process.join()
    if error is not None:
        raise error
    return result


def _why(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"

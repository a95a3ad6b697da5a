"""The pool of solver processes: one question each at a time, killed and replaced when they overrun or die."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, NamedTuple

from acgs_load.errors import TargetError
from acgs_load.gateway.answers import overloaded
from acgs_load.gateway.metrics import Metrics

GRACE_S = 0.2
"""What a solver gets beyond its own time limit before it is killed; reading and model building need some of it."""
START_LIMIT_S = 30.0
RESTART_PAUSE_S = 1.0
_START_FAILURES = (OSError, ValueError, TimeoutError)
WAITING_MOST = 512
WAIT_MOST_S = 20.0
"""A question that finds no solver for so long is refused as overloaded, before its client gives up."""
ANSWER_LIMIT_BYTES = 8 * 1024 * 1024


class Question(NamedTuple):
    """What a solver is asked: the script, the constants its model must name, and the time it may take."""

    text: str
    constants: dict[str, str]
    timeout_ms: int
    falsify: bool = False


class Verdict(NamedTuple):
    """What came back: ``sat``, ``unsat`` or ``unknown``; or the reason why Z3 cannot read the script."""

    result: str
    model: dict[str, Any] | None = None
    error: str | None = None
    confirmed: bool = False
    """Whether Z3 found every assertion true in its model."""


UNKNOWN = Verdict("unknown")


class Solvers:
    """As many solver processes as asked for. Call ``start`` once, ``close`` at the end."""

    def __init__(self, count: int, metrics: Metrics) -> None:
        self.version = ""
        self._count = count
        self._metrics = metrics
        self._idle: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._processes: set[Process] = set()
        self._replacing: set[asyncio.Task[None]] = set()
        self._waiting = 0

    async def start(self) -> None:
        """Returns once every solver is ready. Raises TargetError when one does not come up."""
        started = await asyncio.gather(*(self._spawn() for _ in range(self._count)), return_exceptions=True)
        for failure in filter(None, started):
            if isinstance(failure, _START_FAILURES):
                raise TargetError(f"the solver did not start ({type(failure).__name__}); is z3-solver installed?")
            raise failure

    async def ask(self, question: Question) -> Verdict:
        """The verdict, within the question's time and a short grace once a solver is free. Raises Refusal (503)."""
        solver = await self._free_solver()
        limit_s = question.timeout_ms / 1000 + GRACE_S
        verdict = None
        try:
            verdict = await asyncio.wait_for(_ask(solver, question), limit_s)
        except TimeoutError:
            verdict = UNKNOWN
            self._replace(solver)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            verdict = UNKNOWN  # the process died of this question
            self._replace(solver)
        else:
            self._idle.put_nowait(solver)
            if verdict.result == "sat" and not question.falsify:
                self._metrics.observe_check("proof_soundness", held=verdict.confirmed)
        finally:
            self._metrics.proof_completed()
            if verdict is None:
                self._replace(solver)
        return verdict

    async def close(self) -> None:
        """Ends every solver process and reaps it."""
        for task in self._replacing:
            task.cancel()
        for process in list(self._processes):
            await self._end(process)

    async def _free_solver(self) -> Process:
        if self._waiting >= WAITING_MOST:
            raise overloaded("too many proofs are waiting for a solver")
        self._queued(1)
        try:
            return (
                await asyncio.wait_for(self._idle.get(), WAIT_MOST_S) if self._idle.empty() else await self._idle.get()
            )
        except TimeoutError:
            raise overloaded("no solver came free in time") from None
        finally:
            self._queued(-1)

    def _queued(self, change: int) -> None:
        self._waiting += change
        self._metrics.proofs_waiting(self._waiting)

    async def _spawn(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "acgs_load.gateway.solver",
            stdin=PIPE,
            stdout=PIPE,
            limit=ANSWER_LIMIT_BYTES,
            env={**os.environ, "PYTHONPATH": _python_path()},
            start_new_session=True,  # a terminal's Ctrl-C is for the server, which ends its solvers itself
        )
        self._processes.add(process)
        self._metrics.solver_pids([each.pid for each in self._processes])
        assert process.stdout is not None
        try:
            hello = await asyncio.wait_for(process.stdout.readline(), START_LIMIT_S)
            self.version = json.loads(hello)["version"]
        except (ValueError, TimeoutError):
            await self._end(process)
            raise
        self._idle.put_nowait(process)

    def _replace(self, solver: Process) -> None:
        task = asyncio.get_running_loop().create_task(self._respawn(solver))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _respawn(self, solver: Process) -> None:
        await self._end(solver)
        while True:
            try:
                return await self._spawn()
            except _START_FAILURES as error:
                print(f"gateway: a solver did not start ({error!a}); it is tried again", file=sys.stderr, flush=True)
                await asyncio.sleep(RESTART_PAUSE_S)

    async def _end(self, process: Process) -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()
        self._processes.discard(process)
        self._metrics.solver_pids([each.pid for each in self._processes])


async def _ask(solver: Process, question: Question) -> Verdict:
    assert solver.stdin is not None
    assert solver.stdout is not None
    if solver.stdin.is_closing():  # uvloop would raise RuntimeError at a write
        raise BrokenPipeError("the solver is gone")
    solver.stdin.write(json.dumps(question._asdict()).encode() + b"\n")
    await solver.stdin.drain()
    answer = json.loads(await solver.stdout.readuntil(b"\n"))
    if answer.get("fatal"):
        raise BrokenPipeError("the solver ran out of memory")
    return Verdict(
        answer.get("result", "unknown"), answer.get("model"), answer.get("error"), answer.get("confirmed", False)
    )


def _python_path() -> str:
    """The path that lets a solver find this package wherever the gateway was started from."""
    root = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))

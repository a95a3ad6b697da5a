"""``--place compose``: a whole test in containers of docker-compose.yml, on this machine's Docker, without a web UI."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from acgs_load.errors import ExitCode, GeneratorError
from acgs_load.fleet import compose_words as words
from acgs_load.fleet.commands import Command
from acgs_load.fleet.compose_plan import Machine, inner_plan, is_ours
from acgs_load.fleet.docker_calls import CalledOffError, DockerCalls
from acgs_load.fleet.place import folder_of
from acgs_load.plan import Plan
from acgs_load.run_folder import write_atomically
from acgs_load.secret import SECRET_VARIABLE, new_secret, secret_from

OF_CONTAINERS = words.User(1000, 1000)
"""docker-compose.yml's default; what root starts does not run as root."""
DOCKER_LIMIT_S, BUILD_LIMIT_S, START_LIMIT_S = 30.0, 1_800.0, 300.0
HARD_SIGNALS = 3
"""Two signals are the runner's own: end in order, end at once. The third ends its container."""
GIB = 1 << 30


class ComposePlace:
    """A project of containers for one run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._project = f"acgs-run-{folder_of(plan).path.name.lower()}-{os.getpid()}"
        self._user = words.User(os.getuid(), os.getgid()) if os.getuid() else OF_CONTAINERS
        self._environment = {**os.environ, SECRET_VARIABLE: secret_from(os.environ) or new_secret()}
        self._calls = DockerCalls(self._environment)
        self._signals = 0

    def steps(self) -> Sequence[Command]:
        """Building, target, workers, runner, its output and exit code, the end of all."""
        plan, project = inner_plan(self._plan), self._project
        steps = [
            ("build", words.build_words(project)),
            *(("target", step) for step in self._target_words()),
            *((f"workers of {node.region}", step) for node, step in zip(plan.nodes, self._worker_words(), strict=True)),
            ("runner", words.runner_words(project, plan, self._user)),
            ("follow", words.follow_words(project)),
            ("exit code", words.wait_words(project)),
            *(("clean up", step) for step in words.down_words(project, self._names())),
        ]
        return [Command(name, "localhost", step) for name, step in steps]

    def carry_out(self, console: Console) -> int:
        """Play the plan in containers; the runner's exit code. Raises GeneratorError where Docker does not serve."""
        self._environment["COLUMNS"] = str(console.width)
        try:
            self._prepare(inner_plan(self._plan, self._machine()))
            with self._reaped(console):
                self._start(console)
                self._calls.must_not_be_called_off()
                return self._follow(console)
        except CalledOffError:
            console.print("interrupted before anything was sent")
            return ExitCode.INTERRUPTED

    def interrupt(self) -> None:
        """The first signal ends the run in order, the second at once, the third kills its container."""
        self._signals += 1
        if self._calls.call_off():
            return
        kind = "TERM" if self._signals < HARD_SIGNALS else "KILL"
        subprocess.Popen(
            words.signal_words(self._project, kind), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )  # not waited for: this is a signal handler

    def _machine(self) -> Machine:
        told = self._calls.result("asking Docker", words.MACHINE_WORDS, DOCKER_LIMIT_S)
        cpus, memory_bytes = told.split()[:2]
        return Machine(float(cpus), int(memory_bytes) / GIB)

    def _prepare(self, plan: Plan) -> None:
        """The folder as the containers need it: with the plan that is played there, and theirs."""
        self._plan = plan
        folder = folder_of(plan)
        folder.spools.mkdir(exist_ok=True)
        write_atomically(folder.plan, plan.to_json())
        if os.getuid() == 0:
            for path in (folder.path, *folder.path.rglob("*")):
                os.chown(path, *self._user)

    def _start(self, console: Console) -> None:
        self._say(console, f"building the image; then a runner and {len(self._plan.nodes)} containers of workers …")
        self._calls.result("building the image", words.build_words(self._project), BUILD_LIMIT_S)
        for step in self._target_words():
            self._calls.result("starting the reference gateway", step, START_LIMIT_S)
        for step in self._worker_words():
            self._calls.result("starting the workers", step, START_LIMIT_S)
        runner = words.runner_words(self._project, self._plan, self._user)
        self._calls.result("starting the runner", runner, START_LIMIT_S)

    def _follow(self, console: Console) -> int:
        """Repeat what the runner says; gives what it ends with."""
        with subprocess.Popen(
            words.follow_words(self._project), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True,
        ) as said:  # fmt: skip
            assert said.stdout is not None, "it is a pipe"
            for line in said.stdout:
                self._say(console, line.rstrip("\n"))
        code = int(self._calls.result("asking how it ended", words.wait_words(self._project), DOCKER_LIMIT_S))
        if self._signals >= HARD_SIGNALS:
            return ExitCode.INTERRUPTED
        if code not in list(ExitCode):
            raise GeneratorError(f"--place compose: the runner's container ended with {code}; see {self._plan.folder}")
        return code

    @contextmanager
    def _reaped(self, console: Console) -> Iterator[None]:
        """Whatever happens meanwhile, even to this process: nothing is left behind."""
        argv = (self._project, str(folder_of(self._plan).logs), str(len(self._plan.nodes)), *self._names())
        with subprocess.Popen(
            (sys.executable, "-m", "acgs_load.fleet.compose_reaper", *argv), cwd=words.PROJECT,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        ) as reaper:  # fmt: skip
            try:
                yield
            finally:
                assert reaper.stdin is not None, "it is a pipe"
                reaper.stdin.close()
                if reaper.wait():
                    down = " ".join(words.down_words(self._project, self._names())[-1])
                    self._say(console, f"warning: containers may be left; remove them: {down}")

    def _target_words(self) -> list[tuple[str, ...]]:
        return words.target_words(self._project) if is_ours(self._plan) else []

    def _worker_words(self) -> list[tuple[str, ...]]:
        folder = folder_of(self._plan)
        return [
            words.worker_words(self._project, number, node, folder, self._user)
            for number, node in enumerate(self._plan.nodes)
        ]

    def _names(self) -> list[str]:
        services = [words.RUNNER, *([words.GATEWAY] if is_ours(self._plan) else [])]
        return [
            *words.worker_names(self._project, self._plan),
            *(words.name_of(self._project, service) for service in services),
        ]

    def _say(self, console: Console, text: str) -> None:
        console.print(Text(text), soft_wrap=True, highlight=False)

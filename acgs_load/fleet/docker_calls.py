"""Commands of Docker, one after the other, which a signal calls off as long as nothing depends on their end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from acgs_load.errors import GeneratorError
from acgs_load.fleet.compose_words import PROJECT
from acgs_load.uninterrupted import uninterrupted


class CalledOffError(Exception):
    """A signal came: what was to be started is not wanted any more."""


class DockerCalls:
    """Calls with the environment of one place."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._can_be_called_off = True
        self._called_off = False
        self._present: subprocess.Popen[str] | None = None

    def must_not_be_called_off(self) -> None:
        """From now on calls are made in any case."""
        self._can_be_called_off = False

    def call_off(self) -> bool:
        """End the present call and make no other; False where that must not be. Callable from signal handlers."""
        if not self._can_be_called_off:
            return False
        self._called_off = True
        if self._present is not None:
            self._present.kill()
        return True

    def result(self, what: str, argv: Sequence[str], limit_s: float) -> str:
        """Its standard output. Raises CalledOffError, and GeneratorError with the last line that it said."""
        self._demand_wanted()
        try:
            with uninterrupted():
                call = self._present = subprocess.Popen(
                    argv, cwd=PROJECT, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise GeneratorError(
                f"--place compose: {argv[0]}: {error.strerror}; install Docker with Compose"
            ) from error
        try:
            output, errors = call.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(call.pid, signal.SIGKILL)
            call.communicate()
            raise GeneratorError(f"--place compose: {what}: no end within {limit_s:.0f} s") from error
        self._demand_wanted()
        if call.returncode:
            last = (errors.strip() or output.strip() or f"status {call.returncode}").splitlines()[-1]
            raise GeneratorError(f"--place compose: {what}: {last}")
        return output

    def _demand_wanted(self) -> None:
        if self._called_off:
            raise CalledOffError

"""The reference gateway as the target of a comparison: its own counters say what every generator really asked for."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

import psutil

from acgs_load.contract import AUTH_OPERATIONS, METRICS_PATH, OPERATIONS
from acgs_load.errors import GeneratorError
from benchmarks.generators import Generator, Load, Told
from benchmarks.process_tree import cost_of
from benchmarks.rounds import GENERATOR_CORE, SPARE_S, Measured

LOGIN_S = 90.0
"""k6 reads script and formulas once for each user before it starts."""
WARM_S = 2.0
"""From the last login to the window."""
_COUNT = re.compile(r'^acgs_requests_total\{operation="(\w+)",status="\d+"\} (\d+)', re.MULTILINE)


class GatewayTarget:
    """A running gateway at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def counts(self) -> Counter[str]:
        """Requests answered so far, by operation. Raises OSError where the gateway does not answer."""
        with urlopen(self.url + METRICS_PATH, timeout=10) as answer:  # nosec B310  # our own gateway
            text = answer.read().decode()
        counts: Counter[str] = Counter()
        for operation, count in _COUNT.findall(text):
            if operation in OPERATIONS:
                counts[operation] += int(count)
        return counts


class Rounds:
    """Measures generators against one gateway and keeps the counts of each by operation."""

    def __init__(self, target: GatewayTarget, load: Load, environment: Mapping[str, str]) -> None:
        self._target = target
        self._load = load
        self._environment = environment
        self.operations: dict[str, Counter[str]] = {}
        """Requests of all windows, by generator and operation."""

    def measure(self, generator: Generator) -> Measured:
        """Requests and CPU of ``generator`` in a window of steady load.

        Raises GeneratorError if it fails, or if its own statistics miss requests or count failures.
        """
        asked = self._load._replace(seconds=self._load.seconds + WARM_S + SPARE_S)
        before = self._target.counts()
        with tempfile.TemporaryDirectory(prefix="acgs-bench-") as name:
            folder = Path(name)
            command = ["taskset", "-c", str(GENERATOR_CORE), *generator.command(asked, folder)]
            environment = {**self._environment, "BENCH_SECONDS": f"{asked.seconds:g}"}
            with (folder / "out").open("w+") as printed, (folder / "err").open("w+") as errors:
                process = subprocess.Popen(command, stdout=printed, stderr=errors, env=environment)
                try:
                    measured = self._window(generator, process, before)
                    process.wait(timeout=LOGIN_S + asked.seconds)
                finally:
                    if process.poll() is None:
                        process.kill()
                        process.wait()
            self._compare(generator, folder, process.returncode, sum((self._target.counts() - before).values()))
        return measured

    def _window(self, generator: Generator, process: subprocess.Popen[bytes], before: Counter[str]) -> Measured:
        self._await_logins(generator, process, before["auth_login"] + self._load.users)
        time.sleep(WARM_S)
        try:
            begin, begin_s, first = cost_of(process.pid), time.perf_counter(), self._target.counts()
            time.sleep(self._load.seconds)
            end, end_s, last = cost_of(process.pid), time.perf_counter(), self._target.counts()
        except psutil.NoSuchProcess as error:
            raise GeneratorError(f"{generator.name} ended within the window") from error
        asked = last - first
        self.operations.setdefault(generator.name, Counter()).update(asked)
        requests, cpu_s = sum(asked.values()), end.cpu_s - begin.cpu_s
        if cpu_s <= 0 or not requests:
            raise GeneratorError(f"{generator.name} did nothing within the window")
        return Measured(requests, cpu_s, end_s - begin_s, end.memory_bytes)

    def _await_logins(self, generator: Generator, process: subprocess.Popen[bytes], logins: int) -> None:
        until_s = time.monotonic() + LOGIN_S
        while self._target.counts()["auth_login"] < logins:
            if process.poll() is not None or time.monotonic() > until_s:
                raise GeneratorError(f"{generator.name} did not log its users in; exit code {process.poll()}")
            time.sleep(0.1)

    def _compare(self, generator: Generator, folder: Path, code: int, counted: int) -> None:
        printed = (folder / "out").read_text(encoding="utf-8")
        try:
            told: Told = generator.told(printed, folder)
        except (ValueError, KeyError, OSError, IndexError) as error:
            last = (folder / "err").read_text(encoding="utf-8", errors="replace").strip()[-300:]
            raise GeneratorError(
                f"{generator.name} gave no statistics ({error!r}): {last or printed[-300:]}"
            ) from error
        if code:
            raise GeneratorError(f"{generator.name} ended with exit code {code}")
        if told.failures:
            raise GeneratorError(f"{generator.name} counted {told.failures} failures of {told.requests} requests")
        if abs(counted - told.requests) > self._load.users:
            raise GeneratorError(f"{generator.name} says {told.requests} requests, the target answered {counted}")


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """The part that each operation has of all requests, logins aside."""
    total = sum(count for name, count in counts.items() if name not in AUTH_OPERATIONS)
    return {name: counts.get(name, 0) / total for name in OPERATIONS if name not in AUTH_OPERATIONS} if total else {}

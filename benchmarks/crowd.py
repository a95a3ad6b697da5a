"""What one more user costs in memory, and how quickly 4,000 of them are there, logged in at the reference gateway."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from acgs_load.errors import GeneratorError, TargetError
from benchmarks.rounds import GENERATOR_CORE, TARGET_CORE
from benchmarks.table import Bar, print_table

USERS = 4_000
USER_KB_MAX = 25.0
SPAWN_MAX_S = 10.0
_LIMIT_S = 120.0


def crowd() -> tuple[dict[str, Any], list[Bar]]:
    """Memory of each user beyond the first hundred, seconds until all are connected and logged in, and the bars."""
    with gateway() as url:
        told = _crowd_at(url)
    per_user_kb, spawned_s = told["bytes_per_user"] / 1024, told["spawned_s"]
    row = (f"{told['users']:,}", f"{per_user_kb:.1f} KB", f"{told['all_bytes'] / 1e6:.0f} MB", f"{spawned_s:.1f} s")
    print_table("A crowd at the gateway", ("users", "memory each", "process", "all logged in after"), [row])
    return told, [
        Bar("memory of a user beyond the first hundred, KB", per_user_kb, USER_KB_MAX, "at most"),
        Bar("4,000 users connected and logged in, s", spawned_s, SPAWN_MAX_S, "at most"),
    ]


@contextlib.contextmanager
def gateway(*flags: str) -> Iterator[str]:
    """The reference gateway on the target's core; gives its URL. Raises TargetError if it does not start."""
    command = ["taskset", "-c", str(TARGET_CORE), sys.executable, "-m", "acgs_load.gateway", "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None, "asked for"
        words = process.stdout.readline().split()
        if words[:2] != ["gateway", "ready"]:
            raise TargetError(f"the gateway did not start; exit code {process.poll()}")
        yield words[2]
    finally:
        process.terminate()
        process.wait(timeout=20)


def _crowd_at(url: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scripts.crowd_process", url, "--users", str(USERS)]
    done = subprocess.run(
        ["taskset", "-c", str(GENERATOR_CORE), *command], capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise GeneratorError(f"the crowd failed: {done.stderr.strip()[-300:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if told["ok"] < told["requests"]:
        print(f"  {told['requests'] - told['ok']} of {told['requests']} requests were not ok", file=sys.stderr)
    return told

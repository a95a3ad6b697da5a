"""The bundled reference gateway as a child process of the run, told apart from any stranger by a token."""

from __future__ import annotations

import secrets
import select
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from acgs_load.contract import INSTANCE_VARIABLE
from acgs_load.errors import TargetError
from acgs_load.fleet.local import LocalProcess, python_path
from acgs_load.fleet.ports import free_port, is_free
from acgs_load.plan import Plan

READY_WITHIN_S = 30.0
_GATEWAY = (sys.executable, "-m", "acgs_load.gateway")


class EmbeddedGateway:
    """A running ``python -m acgs_load.gateway``; ``stop`` ends it."""

    def __init__(self, url: str, instance: str, process: LocalProcess) -> None:
        self.url = url
        self.instance = instance
        """What its health must echo."""
        self.process = process

    def await_ready(self) -> None:
        """Wait for the one line that it prints when it listens. Raises TargetError if it does not come up."""
        process = self.process
        assert process.stdout is not None, "the gateway's output is a pipe"
        deadline_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline_s:
            if select.select([process.stdout], [], [], 0.2)[0]:
                if process.stdout.readline().startswith("gateway ready"):
                    return
                break
        status = process.stop(grace_s=1.0)
        raise TargetError(f"target embedded: the gateway did not come up (status {status}): {process.tail(1)}")

    def ended(self) -> str | None:
        """Why it is gone, or None while it runs."""
        status = self.process.poll()
        return None if status is None else f"the embedded gateway ended (status {status}): {self.process.tail(1)}"

    def stop(self) -> None:
        """End it; everything it acknowledged is stored first."""
        self.process.stop(grace_s=10.0)


def start_embedded(plan: Plan, log: Path) -> EmbeddedGateway:
    """Start the gateway on the plan's port (0: any free one); it listens when it is ready.

    Raises TargetError when the port is taken.
    """
    place = urlsplit(plan.target)
    host = place.hostname or "127.0.0.1"
    port = place.port or free_port(host)
    if not is_free(port, host):
        raise TargetError(
            f"target embedded: port {port} is taken by a stranger; free it, or choose another: --target embedded:0"
        )
    instance = secrets.token_hex(16)
    process = LocalProcess(
        "gateway",
        [*_GATEWAY, "--host", host, "--port", str(port), "--hash", plan.constitutional_hash],
        {INSTANCE_VARIABLE: instance, "PYTHONPATH": python_path()},
        log,
        stdout=subprocess.PIPE,
    )
    return EmbeddedGateway(f"http://{host}:{port}", instance, process)

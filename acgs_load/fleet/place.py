"""The seam between a run and where it happens: how workers are started, watched, collected and cleaned up after."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urlsplit

from acgs_load.errors import UsageError
from acgs_load.fleet.commands import LOCAL_HOSTS, Command
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder

if TYPE_CHECKING:
    from rich.console import Console


class Worker(Protocol):
    """A worker process somewhere."""

    name: str
    log: Path
    """Where its last words are, on this machine."""

    def poll(self) -> int | None:
        """Exit status, or None while it runs."""
        ...

    def send(self, signal_number: signal.Signals) -> None:
        """Signal it; nothing happens when it has ended."""
        ...

    def wait(self, timeout_s: float) -> int | None:
        """Exit status, or None if it still runs after ``timeout_s``."""
        ...

    def stop(self, grace_s: float) -> int:
        """Ask it to end, and after ``grace_s`` end it; gives its exit status."""
        ...

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log, for an error message."""
        ...


@runtime_checkable
class Place(Protocol):
    """Where the workers of a run are. Master, checks of the target and analysis stay with the runner."""

    def steps(self) -> Sequence[Command]:
        """Everything that it would do, in order; ``--dry-run`` prints them, and nothing else happens."""
        ...

    def open(self, say: Callable[[str], None]) -> Plan:
        """Get it ready, telling with ``say`` what is worth knowing; gives the plan with the addresses that hold there.

        Raises LoadTestError; ``close`` is called even then.
        """
        ...

    def start(self, plan: Plan) -> list[Worker]:
        """Start the workers that the runner can start. The master listens already."""
        ...

    def collect(self) -> None:
        """Bring the workers' files (logs, spools) into the run's folder; the workers have ended."""
        ...

    def close(self) -> None:
        """Leave nothing behind. Works after a failed ``open`` and when called again."""
        ...


@runtime_checkable
class WholePlace(Protocol):
    """Where a whole test happens: target's check, master, workers and analysis; the runner here only carries it."""

    def steps(self) -> Sequence[Command]:
        """Everything that it would do, in order; ``--dry-run`` prints them, and nothing else happens."""
        ...

    def carry_out(self, console: Console) -> int:
        """Play the plan there, show what is said there, bring the run's folder here, clean up; gives the exit code.

        Raises LoadTestError where it cannot begin.
        """
        ...

    def interrupt(self) -> None:
        """A signal came: the first ends the run in order, the next at once. Called from a signal handler."""
        ...


def folder_of(plan: Plan) -> RunFolder:
    """The run's folder on this machine."""
    return RunFolder(Path(plan.folder))


def host_and_port(url: str) -> tuple[str, int]:
    """Where to knock for a target."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def demand_common_target(plan: Plan, elsewhere: str = "") -> None:
    """Raises UsageError where the target is this machine's own and the load comes from somewhere else."""
    host = urlsplit(plan.target).hostname or ""
    strange = elsewhere or next((node.host for node in plan.nodes if node.host not in LOCAL_HOSTS), "")
    if strange and (host in LOCAL_HOSTS or host.startswith("127.")):
        raise UsageError(
            f"target {plan.target} is this machine's own; on {strange} that address is another; "
            "name the target as every node reaches it (--target)"
        )

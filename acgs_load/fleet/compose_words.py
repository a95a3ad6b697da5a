"""How ``--place compose`` spells its commands: what is built, started, followed and cleaned up after; without secrets.

Every container is a one-off of a service of docker-compose.yml, in a project of its own: nothing is published, and what
``docker-compose up`` started goes on beside it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from acgs_load.fleet.inside import INSIDE_VARIABLE
from acgs_load.fleet.shift import PROCESSES_VARIABLE
from acgs_load.plan import Node, Plan
from acgs_load.run_folder import RunFolder
from acgs_load.spool import SPOOL_VARIABLE

PROJECT = Path(__file__).resolve().parents[2]
GATEWAY, RUNNER = "acgs-gateway", "runner"
"""Services of docker-compose.yml, and the names under which the containers find each other."""
WORKER_SERVICE = "locust-worker-1"
"""All four are alike but for their region."""
MACHINE_WORDS = ("docker", "info", "--format", "{{.NCPU}} {{.MemTotal}}")
"""Prints CPUs and bytes of memory of what Docker runs on."""
STOP_WITHIN_S = 90
"""A run that is told to end lets users finish what they began."""


class User(NamedTuple):
    """Who the containers' processes are."""

    uid: int
    gid: int


def compose_tool() -> tuple[str, ...]:
    """Docker Compose, whichever generation is there."""
    return ("docker-compose",) if shutil.which("docker-compose") else ("docker", "compose")


def compose(project: str, *words: str) -> tuple[str, ...]:
    """A command of Compose for that project, in this one's folder."""
    return (*compose_tool(), "-f", "docker-compose.yml", "-p", project, *words)


def name_of(project: str, service: str) -> str:
    """The container's name."""
    return f"{project}-{service}"


def worker_names(project: str, plan: Plan) -> list[str]:
    """The containers of the workers, one a node."""
    return [name_of(project, f"worker-{number}") for number in range(len(plan.nodes))]


def build_words(project: str) -> tuple[str, ...]:
    """The image, made anew where a file of it changed."""
    return compose(project, "build", "folders")


def target_words(project: str) -> list[tuple[str, ...]]:
    """The reference gateway, with its sessions in Redis."""
    return [compose(project, "up", "-d", "--no-deps", "redis"), _one_off(project, GATEWAY, GATEWAY, ())]


def worker_words(project: str, number: int, node: Node, folder: RunFolder, user: User) -> tuple[str, ...]:
    """The workers of one node: a container."""
    spools = str(folder.spools)
    told = {
        "ACGS_REGION": node.region,
        PROCESSES_VARIABLE: str(node.workers),
        "LOCUST_MASTER_HOST": RUNNER,
        "LOCUST_MASTER_PORT": "5557",
        SPOOL_VARIABLE: spools,
    }
    flags = [*_as(user), "-v", f"{spools}:{spools}"]
    for name, value in told.items():
        flags += ["-e", f"{name}={value}"]
    return _one_off(project, WORKER_SERVICE, f"worker-{number}", flags)


def runner_words(project: str, plan: Plan, user: User) -> tuple[str, ...]:
    """The runner: target's check, master, analysis. Its folder and what the plan names have the paths of here."""
    folder = RunFolder(Path(plan.folder))
    flags = [*_as(user), "-v", f"{folder.path}:{folder.path}", "-e", f"{INSIDE_VARIABLE}=compose"]
    for place in (plan.baseline, plan.ca_file):
        flags += ["-v", f"{place}:{place}:ro"] if place else []
    door = ("python", "run_load_test.py", "--plan", str(folder.plan))
    return (*_one_off(project, RUNNER, RUNNER, flags), *door)


def follow_words(project: str) -> tuple[str, ...]:
    """Everything that the runner says, until it ends."""
    return ("docker", "logs", "--follow", name_of(project, RUNNER))


def wait_words(project: str) -> tuple[str, ...]:
    """Prints the runner's exit code."""
    return ("docker", "wait", name_of(project, RUNNER))


def signal_words(project: str, signal_name: str) -> tuple[str, ...]:
    """Signals the runner."""
    return ("docker", "kill", "--signal", signal_name, name_of(project, RUNNER))


def stop_words(project: str) -> tuple[str, ...]:
    """Ends a runner that still runs, in order."""
    return ("docker", "stop", "--time", str(STOP_WITHIN_S), name_of(project, RUNNER))


def down_words(project: str, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Leaves no container, network or volume."""
    return [
        ("docker", "rm", "--force", "--volumes", *names),
        compose(project, "down", "--volumes", "--remove-orphans", "--timeout", "5"),
    ]


def _one_off(project: str, service: str, name: str, flags: Sequence[str]) -> tuple[str, ...]:
    words = ("run", "-d", "-T", "--no-deps", "--use-aliases", "--name", name_of(project, name), *flags, service)
    return compose(project, *words)


def _as(user: User) -> tuple[str, ...]:
    return ("-u", f"{user.uid}:{user.gid}")

"""The one place that spells ``locust …``: a local run, ssh, a container and a person start the same command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acgs_load.plan import Node, Plan
from acgs_load.run_folder import RunFolder
from acgs_load.spool import SPOOL_VARIABLE

LOCUSTFILE = Path(__file__).resolve().parents[2] / "locustfile.py"
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Command:
    """One command: where, with what words and what added environment."""

    name: str
    """``master``, ``worker-<index>``, or what it is for."""
    host: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    input: str = ""
    """What it reads, where that is worth reading: a manifest. Never a secret, nor are the words."""

    @property
    def local(self) -> bool:
        """Whether it runs on the machine of the runner."""
        return self.host in LOCAL_HOSTS

    def shell(self) -> str:
        """The command as a person would type it, in the project's folder."""
        words = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        argv = ["python" if word == sys.executable else word for word in self.argv]
        argv = ["locustfile.py" if word == str(LOCUSTFILE) else word for word in argv]
        return " ".join([*words, shlex.join(argv)])


def master_command(plan: Plan, folder: RunFolder) -> Command:
    """The master: coordinates, writes what was measured, serves the web UI where one is wanted."""
    everywhere = "0.0.0.0"  # nosec B104  # only for workers that people start on other machines
    bind_host = plan.master_bind_host or (everywhere if started_by_hand(plan) else "127.0.0.1")
    argv = [
        *_locust(),
        "--master",
        "--expect-workers",
        str(plan.workers),
        "--expect-workers-max-wait",
        f"{plan.workers_wait_s:.0f}",
        *_interface(plan),
        "--only-summary",
        "--stop-timeout",
        f"{plan.stop_timeout_s:g}",
        "--enable-rebalancing",
        "--exit-code-on-error",
        "0",
        "--csv",
        str(folder.stats_prefix),
        "--csv-full-history",
        "--master-bind-host",
        bind_host,
        "--master-bind-port",
        str(plan.master_port),
        "--logfile",
        str(folder.logs / "master.log"),
    ]
    return Command("master", "localhost", tuple(argv), {"ACGS_PLAN": str(folder.plan)})


@dataclass(frozen=True, slots=True)
class Ground:
    """What a worker finds where it runs."""

    master_host: str
    master_port: str
    folder: RunFolder | None
    """Where its plan is and its log and spool belong; None: the master tells it the plan, and it keeps none."""
    python: str = sys.executable
    locustfile: str = str(LOCUSTFILE)


def worker_command(plan: Plan, index: int, node: Node, ground: Ground) -> Command:
    """One worker of ``node`` on that ground."""
    argv = [*joining_worker(ground, plan.stop_timeout_s)]
    environment = {"ACGS_REGION": node.region}
    if ground.folder is not None:
        argv += ["--logfile", str(ground.folder.logs / f"worker-{index}.log")]
        environment |= {"ACGS_PLAN": str(ground.folder.plan), SPOOL_VARIABLE: str(ground.folder.spools)}
    return Command(f"worker-{index}", node.host, tuple(argv), environment)


def joining_worker(ground: Ground, stop_timeout_s: float) -> tuple[str, ...]:
    """The words of a worker that dials a master, whatever the plan."""
    address = ("--master-host", ground.master_host, "--master-port", ground.master_port)
    locust = _locust(ground.python, ground.locustfile)
    return (*locust, "--worker", *address, "--stop-timeout", f"{stop_timeout_s:g}")


def worker_commands(plan: Plan, folder: RunFolder) -> list[Command]:
    """Every worker of a local run, node by node; those of other machines as somebody there would start them."""
    host = plan.master_host if plan.links else "127.0.0.1"
    here = Ground(host, str(plan.master_port), folder)
    elsewhere = Ground(plan.master_host, str(plan.master_port), None)
    return [
        worker_command(plan, index, node, here if node.host in LOCAL_HOSTS else elsewhere)
        for index, node in enumerate(nodes_by_worker(plan))
    ]


def nodes_by_worker(plan: Plan) -> list[Node]:
    """The node of each worker, by the worker's index."""
    return [node for node in plan.nodes for _ in range(node.workers)]


def started_by_hand(plan: Plan) -> bool:
    """Whether the plan has workers on other machines that no place of ours starts."""
    return plan.place == "local" and any(node.host not in LOCAL_HOSTS for node in plan.nodes)


def _locust(python: str = sys.executable, locustfile: str = str(LOCUSTFILE)) -> list[str]:
    return [python, "-m", "locust", "-f", locustfile]


def _interface(plan: Plan) -> list[str]:
    if not plan.web_ui:
        return ["--headless"]
    # the web UI can start load, so it asks for a login where more than this machine can reach it
    login = [] if plan.web_host in LOCAL_HOSTS else ["--web-login"]
    place = ["--web-host", plan.web_host, "--web-port", str(plan.web_port)]
    return ["--autostart", "--autoquit", "3", *place, *login]

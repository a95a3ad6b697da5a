"""Every ``kubectl …`` command line of a run, and how one is run."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

from acgs_load.errors import GeneratorError
from acgs_load.fleet.kubernetes_pods import COMPONENT, INSTANCE
from acgs_load.fleet.manifests import run_name
from acgs_load.plan import Plan

TIMEOUT_S = 120.0
POD_WAIT = "10m"
_KINDS = "jobs,pods,services,configmaps,secrets,networkpolicies"


class Kubectl:
    """``kubectl`` for one cluster and the run's namespace."""

    def __init__(self, plan: Plan, context: str | None = None) -> None:
        self._plan = plan
        chosen = context or plan.kubernetes.context
        self._head = ("kubectl", *(("--context", chosen) if chosen else ()), "--namespace", plan.kubernetes.namespace)

    def words(self, *rest: str) -> tuple[str, ...]:
        """A whole command line."""
        return (*self._head, *rest)

    def apply(self) -> tuple[str, ...]:
        """Applies the manifests of its input."""
        return self.words("apply", "-f", "-")

    def create(self) -> tuple[str, ...]:
        """Creates the manifests of its input, without the copy of them that ``apply`` keeps in the object."""
        return self.words("create", "-f", "-")

    def follow(self) -> tuple[str, ...]:
        """Shows what the master says, from its beginning to its end."""
        return self.words("logs", "--follow", f"--pod-running-timeout={POD_WAIT}", f"job/{run_name(self._plan)}-master")

    def pods(self, component: str) -> tuple[str, ...]:
        """The pods of one kind of the run, as JSON."""
        return self.words("get", "pods", "-l", self._selector(component), "-o", "json")

    def worker_logs(self) -> tuple[str, ...]:
        """What the workers said, a line each with its pod's name."""
        most = "--max-log-requests=1000"
        return self.words("logs", "-l", self._selector("worker"), "--prefix", "--tail=-1", most)

    def await_collector(self) -> tuple[str, ...]:
        """Waits until the collector runs."""
        return self.words("wait", "--for=condition=Ready", f"--timeout={POD_WAIT}", f"pod/{self.collector}")

    def collect(self, folder: str) -> tuple[str, ...]:
        """The one run in ``folder`` as a tar archive on the output."""
        script = f"cd {shlex.quote(folder)}/* && tar -czf - ."
        return self.words("exec", self.collector, "--", "sh", "-c", script)

    def terminate(self) -> tuple[str, ...]:
        """SIGTERM to the run in the master's pod: it ends in order."""
        return self.words("exec", f"job/{run_name(self._plan)}-master", "--", "sh", "-c", "kill -TERM 1")

    def delete(self) -> tuple[str, ...]:
        """Removes everything of the run; the claim with the reports stays."""
        chosen = f"{INSTANCE}={run_name(self._plan)}"
        return self.words("delete", _KINDS, "-l", chosen, "--wait=false", "--ignore-not-found")

    @property
    def collector(self) -> str:
        """Name of the collecting pod."""
        return f"{run_name(self._plan)}-collector"

    def _selector(self, component: str) -> str:
        return f"{INSTANCE}={run_name(self._plan)},{COMPONENT}={component}"


def call(words: tuple[str, ...], given: str = "", timeout_s: float = TIMEOUT_S) -> str:
    """What the command writes. Raises GeneratorError where it fails; the message never repeats what it was given."""
    try:
        done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, timeout=timeout_s)
    except FileNotFoundError as error:
        raise GeneratorError("kubectl: not found; install it, and set up its access to the cluster") from error
    except subprocess.TimeoutExpired as error:
        raise GeneratorError(f"{_named(words)}: no end within {timeout_s:.0f} s") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise GeneratorError(f"{_named(words)}: {said[-1] if said else f'status {done.returncode}'}")
    return done.stdout


def exit_status(pods: str) -> int | None:
    """How the one container of the first pod in ``kubectl get pods -o json`` ended; None while it has not."""
    items: list[dict[str, Any]] = json.loads(pods)["items"]
    for item in items:
        for status in item.get("status", {}).get("containerStatuses", []):
            ended = status.get("state", {}).get("terminated")
            if ended is not None:
                return int(ended["exitCode"])
    return None


def has_begun(pods: str) -> bool:
    """Whether a container of the pods runs or has run."""
    statuses = [
        status for item in json.loads(pods)["items"] for status in item.get("status", {}).get("containerStatuses", [])
    ]
    return any({"running", "terminated"} & set(status.get("state", {})) for status in statuses)


def trouble(pods: str) -> str | None:
    """Why a pod cannot start, in Kubernetes' words; None where nothing says so."""
    for item in json.loads(pods)["items"]:
        for status in item.get("status", {}).get("containerStatuses", []):
            waiting = status.get("state", {}).get("waiting") or {}
            if waiting.get("reason") in {
                "ErrImagePull",
                "ImagePullBackOff",
                "InvalidImageName",
                "CreateContainerError",
            }:
                return f"{item['metadata']['name']}: {waiting['reason']}: {waiting.get('message', '')}".strip(": ")
        for condition in item.get("status", {}).get("conditions", []):
            if condition.get("reason") == "Unschedulable":
                return f"{item['metadata']['name']}: cannot be scheduled: {condition.get('message', '')}"
    return None


def _named(words: tuple[str, ...]) -> str:
    return " ".join(words[:8])

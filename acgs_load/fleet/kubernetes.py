"""``--place kubernetes``: the whole test in a cluster, its workers in as many clusters as the nodes name.

The master's pod plays the plan as ``run_load_test.py`` would anywhere; this side sends it, shows what it says, fetches
its folder from the claim, and removes what it made.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from acgs_load.errors import ExitCode, GeneratorError, UsageError
from acgs_load.fleet import manifests
from acgs_load.fleet.archive import RUN_FILES, unpack
from acgs_load.fleet.commands import LOCAL_HOSTS, Command
from acgs_load.fleet.kubectl import TIMEOUT_S, Kubectl, call, exit_status, has_begun, trouble
from acgs_load.fleet.place import demand_common_target
from acgs_load.fleet.secrets import secrets_of_workers
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder, shown
from acgs_load.secret import SECRET_VARIABLE, new_secret

if TYPE_CHECKING:
    from rich.console import Console

LOOK_EVERY_S = 2.0
BEGIN_WITHIN_S = 900.0
TROUBLE_MAX_S = 120.0
"""An image that cannot be pulled, or no room for a pod, may pass: a cluster that grows needs a minute."""
END_WITHIN_S = 120.0
_SHOWN_SECRET = "<from your environment, or made up for this run>"


class KubernetesPlace:
    """One or more clusters that kubectl reaches."""

    def __init__(self, plan: Plan) -> None:
        """Raises UsageError where the plan cannot be played there."""
        demand_common_target(plan, "a pod")
        if manifests.other_contexts(plan) and plan.master_host in LOCAL_HOSTS:
            raise UsageError(
                "LOCUST_MASTER_HOST: workers of other clusters need an address of the master; name the one that its "
                f"Service of type LoadBalancer gets, or that you lead to it (clusters: {_clusters(plan)})"
            )
        if plan.baseline is not None:
            raise UsageError(
                f"baseline {plan.baseline}: no pod has it; run without, then hold the two against each other: "
                "python performance_analyzer.py compare BASE NEW"
            )
        self._plan = plan
        self._kubectl = Kubectl(plan)
        self._signals = self._passed = 0
        self._playing = False

    def steps(self) -> Sequence[Command]:
        """Every kubectl command, with the manifests that it reads; the secret's values are left out."""
        plan, kubectl = self._plan, self._kubectl
        steps = []
        for cluster, documents in self._by_cluster():
            there = Kubectl(plan, cluster)
            secret = to_yaml([manifests.secret_manifest(plan, {SECRET_VARIABLE: _SHOWN_SECRET})])
            steps.append(_step("secret", there.create(), secret))
            steps.append(_step("apply", there.apply(), to_yaml(documents)))
        steps.append(_step("follow", kubectl.follow()))
        steps.append(_step("collector", kubectl.create(), to_yaml([manifests.collector_manifest(plan)])))
        steps += [_step("collect", words) for words in (kubectl.await_collector(), self._collect_words())]
        steps += [_step("logs", Kubectl(plan, cluster).worker_logs()) for cluster, _ in self._by_cluster()]
        return [*steps, *(_step("delete", Kubectl(plan, cluster).delete()) for cluster, _ in self._by_cluster())]

    def carry_out(self, console: Console) -> int:
        """The exit code of the run in the cluster; its folder is here afterwards."""
        collected = False
        try:
            self._send(console)
            if not self._await_master():
                console.print("interrupted before anything was sent")
                collected = True
                return int(ExitCode.INTERRUPTED)
            status = self._follow(console)
            self._collect()
            collected = True
        finally:
            self._clean(console, collected)
        console.print(f"brought here {shown(self._plan.folder)}", highlight=False, soft_wrap=True)
        return status

    def interrupt(self) -> None:
        """Pass the signal on to the run, which ends in order, and at the second one at once."""
        self._signals += 1
        if self._playing:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._passed < self._signals:
            self._passed += 1
            # not waited for: this may be a signal handler
            subprocess.Popen(self._kubectl.terminate(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _by_cluster(self) -> list[tuple[str | None, list[dict[str, Any]]]]:
        """What each cluster is sent; the master's comes first."""
        plan = self._plan
        here = [*manifests.core_manifests(plan), *manifests.worker_manifests(plan, None)]
        others = manifests.other_contexts(plan)
        return [(None, here), *((context, manifests.worker_manifests(plan, context)) for context in others)]

    def _send(self, console: Console) -> None:
        plan = self._plan
        place = f"namespace {plan.kubernetes.namespace}, image {plan.kubernetes.image}"
        console.print(f"kubernetes: {manifests.run_name(plan)}, {place}", highlight=False, soft_wrap=True)
        secrets = {SECRET_VARIABLE: new_secret(), **secrets_of_workers()}
        for cluster, documents in self._by_cluster():
            there = Kubectl(plan, cluster)
            call(there.create(), to_yaml([manifests.secret_manifest(plan, secrets)]))
            call(there.apply(), to_yaml(documents))

    def _await_master(self) -> bool:
        """Whether the master's pod has begun; False: a signal came before. Raises GeneratorError if it cannot."""
        begin_s = time.monotonic()
        troubled_s = begin_s
        while True:
            told = self._signals
            pods = call(self._kubectl.pods("master"))
            if has_begun(pods):
                self._playing = True
                self._pass_on()  # those that came before anybody was there to hear them
                return True
            if told:
                return False
            now_s = time.monotonic()
            reason = trouble(pods)
            if reason is None:
                troubled_s = now_s
            if now_s - troubled_s > TROUBLE_MAX_S or now_s - begin_s > BEGIN_WITHIN_S:
                raise GeneratorError(f"kubernetes: the master does not start: {reason or 'its pod is not there'}")
            time.sleep(LOOK_EVERY_S)

    def _follow(self, console: Console) -> int:
        """Show what the master says until it ends; its exit code."""
        with subprocess.Popen(self._kubectl.follow(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as logs:
            assert logs.stdout is not None, "its output is a pipe"
            for line in logs.stdout:
                console.print(line.decode(errors="replace").rstrip("\n"), highlight=False, markup=False, soft_wrap=True)
        # the log may end before the pod: a connection through which nothing is said for long is cut by some clusters
        deadline_s = time.monotonic() + self._plan.duration_s + self._plan.stop_timeout_s + END_WITHIN_S
        while (status := exit_status(call(self._kubectl.pods("master")))) is None:
            if time.monotonic() > deadline_s:
                raise GeneratorError("kubernetes: the master does not end; see kubectl logs")
            time.sleep(LOOK_EVERY_S)
        self._playing = False
        return status

    def _collect_words(self) -> tuple[str, ...]:
        return self._kubectl.collect(f"{manifests.output_there(self._plan)}/{self._plan.name}")

    def _collect(self) -> None:
        """Fetch the run's folder. Raises GeneratorError, which says where it is."""
        try:
            call(self._kubectl.create(), to_yaml([manifests.collector_manifest(self._plan)]))
            call(self._kubectl.await_collector(), timeout_s=BEGIN_WITHIN_S)
            with subprocess.Popen(self._collect_words(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as archive:
                assert archive.stdout is not None, "its output is a pipe"
                unpack(archive.stdout, Path(self._plan.folder), RUN_FILES)
            if archive.returncode:
                raise GeneratorError(f"kubectl exec ended with status {archive.returncode}")
        except GeneratorError as error:
            raise GeneratorError(
                f"{error}; the reports are in the claim {manifests.CLAIM}, {manifests.output_there(self._plan)}"
            ) from error

    def _clean(self, console: Console, collected: bool) -> None:
        """Keep the workers' logs and remove everything of the run, unless there is something left to be looked at."""
        logs = RunFolder(Path(self._plan.folder)).logs
        for cluster, _ in self._by_cluster():
            there = Kubectl(self._plan, cluster)
            try:
                if self._signals < 2:
                    said = call(there.worker_logs())
                    (logs / f"workers{'-' + cluster if cluster else ''}.log").write_text(said, encoding="utf-8")
                if collected:
                    call(there.delete(), timeout_s=TIMEOUT_S)
            except GeneratorError as error:
                console.print(f"warning: {error}", style="yellow", soft_wrap=True)
        if not collected:
            name = manifests.run_name(self._plan)
            console.print(f"left in the cluster: {name}; remove it: {' '.join(self._kubectl.delete())}", soft_wrap=True)


def to_yaml(documents: Sequence[dict[str, Any]]) -> str:
    """The manifests as one stream of YAML documents."""
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "explicit_start": True, "width": 200}
    return str(yaml.dump_all(documents, Dumper=_Dumper, **options))


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, so that a person can read the plan in its ConfigMap."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _step(name: str, words: tuple[str, ...], given: str = "") -> Command:
    return Command(name, "localhost", words, input=given)


def _clusters(plan: Plan) -> str:
    return ", ".join(manifests.other_contexts(plan))

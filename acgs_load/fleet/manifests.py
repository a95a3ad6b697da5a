"""The Kubernetes objects of a run: functions of the plan, nothing is sent anywhere.

A master Job with a Service, an Indexed Job of workers for each node of the plan, a NetworkPolicy between them, the plan
in a ConfigMap, and a claim that keeps the reports when all the rest is gone. The run's secret is only referred to.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acgs_load.fleet.commands import Ground, worker_command
from acgs_load.fleet.inside import INSIDE_VARIABLE
from acgs_load.fleet.kubernetes_pods import (
    APP,
    COMPONENT,
    INSTANCE,
    REGION_LABEL,
    REPORTS,
    claim_volume,
    container,
    pod,
    secret_environment,
    temporary_volume,
)
from acgs_load.plan import Node, Plan

Manifest = dict[str, Any]
WORKERS_WAIT_S = 600.0
"""Nodes may have to be added and images pulled before the workers are there."""
KEPT_S = 24 * 3600
"""How long finished Jobs and their logs stay if nobody collects them."""
GRACE_SPARE_S = 90
"""Beyond the stop time-out, for a run that is ended in order to be analysed."""
WORKER_RETRIES = 3
CLAIM = "acgs-load-reports"


def run_name(plan: Plan) -> str:
    """What the objects of the run are named after: legal in DNS, and another for each run."""
    folder = Path(plan.folder)
    slug = re.sub(r"[^a-z0-9]+", "-", folder.parent.name.lower()).strip("-")[:24].strip("-") or "run"
    return f"acgs-{slug}-{re.sub('[^a-z0-9]+', '-', folder.name.lower())}"


def output_there(plan: Plan) -> str:
    """Where the master's pod makes the run's folder, in the claim."""
    return f"{REPORTS}/{run_name(plan)}"


def service_host(plan: Plan) -> str:
    """The master's Service, where workers of its cluster find it."""
    return f"{run_name(plan)}-master"


def plan_there(plan: Plan) -> Plan:
    """The plan as the master's pod plays it: its workers come by themselves."""
    nodes = tuple(dataclasses.replace(node, host="kubernetes") for node in plan.nodes)
    return dataclasses.replace(
        plan,
        nodes=nodes,
        workers_wait_s=WORKERS_WAIT_S,
        folder=f"{output_there(plan)}/{plan.name}/run",
        master_bind_host="0.0.0.0",  # nosec B104  # inside its pod
    )


def core_manifests(plan: Plan) -> list[Manifest]:
    """Everything that stands in the master's cluster beside the workers."""
    return [_claim(plan), _plan_map(plan), _service(plan), _master_policy(plan), _master_job(plan)]


def worker_manifests(plan: Plan, context: str | None) -> list[Manifest]:
    """The workers' Jobs of one cluster (None: the master's), each worker with its index in the run."""
    result, before = [_policy(plan, "worker", [])], 0  # nobody talks to workers
    for number, node in enumerate(plan.nodes):
        if context_of(node) == context:
            result.append(_worker_job(plan, node, number, before))
        before += node.workers
    return result


def context_of(node: Node) -> str | None:
    """The cluster of a node: the kubectl context that its host names; None: the current one."""
    return None if node.host in {"localhost", "kubernetes"} else node.host


def other_contexts(plan: Plan) -> list[str]:
    """The clusters beside the master's."""
    return list(dict.fromkeys(context for node in plan.nodes if (context := context_of(node)) is not None))


def secret_manifest(plan: Plan, secrets: Mapping[str, str]) -> Manifest:
    """What the pods are told in their environment; it is created from standard input, and printed nowhere."""
    return _object("v1", "Secret", _secret(plan), plan, "secret") | {"type": "Opaque", "stringData": dict(secrets)}


def _secret(plan: Plan) -> str:
    return f"{run_name(plan)}-secret"


def collector_manifest(plan: Plan) -> Manifest:
    """A pod that holds the claim while the reports are fetched, for ten minutes at most."""
    spec = pod(plan, [claim_volume(CLAIM), temporary_volume()])
    spec["containers"] = [container(plan, "collector", ["sleep", "600"], cpu="50m", memory="64Mi", writes=REPORTS)]
    return _object("v1", "Pod", f"{run_name(plan)}-collector", plan, "collector") | {"spec": spec}


def _object(version: str, kind: str, name: str, plan: Plan, component: str) -> Manifest:
    metadata = {"name": name, "namespace": plan.kubernetes.namespace, "labels": _labels(plan, component)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _labels(plan: Plan, component: str) -> dict[str, str]:
    return {APP: "acgs-load", INSTANCE: run_name(plan), COMPONENT: component}


def _claim(plan: Plan) -> Manifest:
    storage: dict[str, Any] = {"resources": {"requests": {"storage": plan.kubernetes.storage}}}
    if plan.kubernetes.storage_class is not None:
        storage["storageClassName"] = plan.kubernetes.storage_class
    claim = _object("v1", "PersistentVolumeClaim", CLAIM, plan, "reports")
    claim["metadata"]["labels"] = {APP: "acgs-load"}  # it is no run's own
    return claim | {"spec": {"accessModes": ["ReadWriteOnce"], **storage}}


def _plan_map(plan: Plan) -> Manifest:
    data = {"plan.json": plan_there(plan).to_json()}
    return _object("v1", "ConfigMap", f"{run_name(plan)}-plan", plan, "plan") | {"data": data}


def _service(plan: Plan) -> Manifest:
    beyond = bool(other_contexts(plan))
    spec = {
        "type": "LoadBalancer" if beyond else "ClusterIP",
        "selector": _labels(plan, "master"),
        "ports": [{"name": "workers", "port": plan.master_port, "targetPort": plan.master_port, "protocol": "TCP"}],
    }
    return _object("v1", "Service", service_host(plan), plan, "master") | {"spec": spec}


def _master_policy(plan: Plan) -> Manifest:
    """The workers of the run, and nobody else in the cluster, talk to the master."""
    sources: list[Manifest] = [{"podSelector": {"matchLabels": _labels(plan, "worker")}}]
    if other_contexts(plan):
        sources.append({"ipBlock": {"cidr": "0.0.0.0/0"}})  # who comes from there, the run's secret decides
    ingress = {"from": sources, "ports": [{"port": plan.master_port, "protocol": "TCP"}]}
    return _policy(plan, "master", [ingress])


def _policy(plan: Plan, component: str, ingress: list[Manifest]) -> Manifest:
    chosen = {"podSelector": {"matchLabels": _labels(plan, component)}, "policyTypes": ["Ingress"], "ingress": ingress}
    name = f"{run_name(plan)}-{component}"
    return _object("networking.k8s.io/v1", "NetworkPolicy", name, plan, component) | {"spec": chosen}


def _master_job(plan: Plan) -> Manifest:
    grace_s = round(plan.stop_timeout_s) + GRACE_SPARE_S
    spec = pod(plan, [claim_volume(CLAIM), temporary_volume(), _plan_volume(plan)], grace_s)
    words = ["python", "run_load_test.py", "--plan", "/etc/acgs-load/plan.json", "--output", output_there(plan)]
    master = container(plan, "master", words, writes=REPORTS)
    master["volumeMounts"].append({"name": "plan", "mountPath": "/etc/acgs-load", "readOnly": True})
    master["env"].append({"name": INSIDE_VARIABLE, "value": plan.place})  # its workers come by themselves
    master["envFrom"] = secret_environment(_secret(plan))
    master["ports"] = [{"name": "workers", "containerPort": plan.master_port}]
    spec["containers"] = [master]
    # a run that is begun again is another run: it is never retried
    return _job(plan, f"{run_name(plan)}-master", "master", spec, {"backoffLimit": 0})


def _plan_volume(plan: Plan) -> Manifest:
    return {"name": "plan", "configMap": {"name": f"{run_name(plan)}-plan"}}


def _worker_job(plan: Plan, node: Node, number: int, before: int) -> Manifest:
    """The workers of a node; a worker is pod ``before + completion index`` of the run."""
    host = service_host(plan) if context_of(node) is None else plan.master_host
    ground = Ground(host, str(plan.master_port), None, "python", "locustfile.py")
    command = worker_command(plan, before, node, ground)
    spec = pod(plan, [temporary_volume()])
    worker = container(plan, "worker", list(command.argv))
    worker["envFrom"] = secret_environment(_secret(plan))
    worker["env"] = [
        *worker["env"],
        {"name": "ACGS_REGION", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{REGION_LABEL}']"}}},
    ]
    spec["containers"] = [worker]
    if plan.kubernetes.region_label:
        spec["nodeSelector"] = {plan.kubernetes.region_label: node.region}
    spec["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": _labels(plan, "worker")},
        }
    ]
    count = {"completionMode": "Indexed", "completions": node.workers, "parallelism": node.workers}
    job = _job(plan, f"{run_name(plan)}-w{number}", "worker", spec, {**count, "backoffLimit": WORKER_RETRIES})
    job["spec"]["template"]["metadata"]["labels"][REGION_LABEL] = node.region
    return job


def _job(plan: Plan, name: str, component: str, spec: Manifest, more: Manifest) -> Manifest:
    deadline_s = round(plan.duration_s + WORKERS_WAIT_S + 2 * plan.stop_timeout_s) + 3600
    template = {"metadata": {"labels": _labels(plan, component)}, "spec": spec}
    limits = {"ttlSecondsAfterFinished": KEPT_S, "activeDeadlineSeconds": deadline_s}
    return _object("batch/v1", "Job", name, plan, component) | {"spec": {**more, **limits, "template": template}}

"""What every pod of a run has in common: who it runs as, what it may write, what it asks of a node."""

from __future__ import annotations

from typing import Any

from acgs_load.plan import Plan

APP, INSTANCE, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"
"""The labels that Kubernetes recommends."""
REGION_LABEL = "acgs-load/region"
REPORTS = "/app/reports"
USER_ID = 1000
"""The user that Dockerfile.loadtest makes."""
GRACE_S = 30


def pod(plan: Plan, volumes: list[dict[str, Any]], grace_s: int = GRACE_S) -> dict[str, Any]:
    """A pod that is no root, knows nothing of the cluster's API, and is not begun again."""
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_s,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": volumes,
    }
    if plan.kubernetes.pull_secret is not None:
        spec["imagePullSecrets"] = [{"name": plan.kubernetes.pull_secret}]
    return spec


def container(
    plan: Plan, name: str, words: list[str], *, cpu: str = "", memory: str = "", writes: str = ""
) -> dict[str, Any]:
    """A container of the suite's image. Memory is limited, CPU is asked for and not limited: a generator that the
    kernel pauses would report the pauses as the target's latency.
    """
    memory = memory or plan.kubernetes.memory
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]  # nosec B108  # the pod's own, in memory
    if writes:
        mounts.append({"name": "reports", "mountPath": writes})
    return {
        "name": name,
        "image": plan.kubernetes.image,
        "imagePullPolicy": "IfNotPresent",
        "command": words,
        "env": [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
        "resources": {"requests": {"cpu": cpu or plan.kubernetes.cpu, "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def secret_environment(name: str) -> list[dict[str, Any]]:
    """All of a Secret's keys as environment variables."""
    return [{"secretRef": {"name": name}}]


def claim_volume(claim: str) -> dict[str, Any]:
    """Where the reports stay."""
    return {"name": "reports", "persistentVolumeClaim": {"claimName": claim}}


def temporary_volume() -> dict[str, Any]:
    """What the pod may write besides."""
    return {"name": "tmp", "emptyDir": {}}

"""The manifests are what Kubernetes takes; its own schemas stand for its API server here."""

from __future__ import annotations

import copy
import json

import kubernetes_validate
import pytest
import yaml
from test_plan import plan

import distributed_config
from acgs_load.errors import UsageError
from acgs_load.fleet.kubectl import exit_status, has_begun, trouble
from acgs_load.fleet.kubernetes import KubernetesPlace
from acgs_load.fleet.manifests import collector_manifest, core_manifests, run_name, secret_manifest, worker_manifests
from acgs_load.plan import Kubernetes, Node, Plan
from acgs_load.settings import resolve

SECRET = "correct-horse-battery-staple"
NODES = (Node("localhost", 3, 500, "us-east-1"), Node("localhost", 2, 500, "eu-west-1"))
VERSIONS = ("1.30", "1.33", "1.37")


def cluster_plan(**changes):
    folder = "/somewhere/reports/Big_Test.1/20261123T160000Z"
    return plan(**{"place": "kubernetes", "nodes": NODES, "target": "http://acgs.prod:80", "folder": folder, **changes})


def everything(decided):
    documents = [*core_manifests(decided), *worker_manifests(decided, None), collector_manifest(decided)]
    return [*documents, secret_manifest(decided, {"A": "b"})]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "kubernetes",
    [Kubernetes(), Kubernetes("r.example.com/a:1", "load", None, "2", "2Gi", "9Gi", "fast", "", "pull")],
    ids=["default", "all"],
)
def test_kubernetes_takes_every_manifest(version, kubernetes):
    """Validated against the published schemas, unknown fields refused; a planted mistake is found."""
    documents = everything(cluster_plan(kubernetes=kubernetes))
    kinds = [document["kind"] for document in documents]
    assert kinds == [
        "PersistentVolumeClaim", "ConfigMap", "Service", "NetworkPolicy", "Job", "NetworkPolicy", "Job", "Job", "Pod",
        "Secret",
    ]  # fmt: skip
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
        assert len(document["metadata"]["name"]) <= 63
        broken = copy.deepcopy(document)
        broken["spec" if "spec" in broken else "data" if "data" in broken else "stringData"] = 7
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, version, strict=True)


def test_workers_are_an_indexed_job_a_node():
    """As many as the node says, in its region, which the pod learns from its own label."""
    jobs = [document for document in worker_manifests(cluster_plan(), None) if document["kind"] == "Job"]
    assert [(job["spec"]["completionMode"], job["spec"]["completions"]) for job in jobs] == [
        ("Indexed", 3),
        ("Indexed", 2),
    ]
    template = jobs[1]["spec"]["template"]
    assert template["spec"]["nodeSelector"] == {"topology.kubernetes.io/region": "eu-west-1"}
    assert template["metadata"]["labels"]["acgs-load/region"] == "eu-west-1"
    container = template["spec"]["containers"][0]
    fields = [row["valueFrom"]["fieldRef"]["fieldPath"] for row in container["env"] if "valueFrom" in row]
    assert fields == ["metadata.labels['acgs-load/region']"]
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert "cpu" not in container["resources"]["limits"]
    assert container["command"][:5] == ["python", "-m", "locust", "-f", "locustfile.py"]
    anywhere = worker_manifests(cluster_plan(kubernetes=Kubernetes(region_label="")), None)[1]
    assert "nodeSelector" not in anywhere["spec"]["template"]["spec"]


def test_pods_have_no_rights_and_results_stay():
    """No root, nothing writable but what is named, no access to the API; finished Jobs stay at least an hour."""
    for document in everything(cluster_plan()):
        if document["kind"] not in ("Job", "Pod"):
            continue
        spec = document["spec"]["template"]["spec"] if document["kind"] == "Job" else document["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        if document["kind"] == "Job":
            assert document["spec"]["ttlSecondsAfterFinished"] >= 3600


def test_only_workers_talk_to_the_master_and_nobody_to_workers():
    """Two policies for the run's pods; the master's Service is not reachable from outside of the cluster."""
    documents = everything(cluster_plan())
    policies = {d["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: d["spec"]["ingress"]
                for d in documents if d["kind"] == "NetworkPolicy"}  # fmt: skip
    assert policies["worker"] == []
    (rule,) = policies["master"]
    assert [list(source) for source in rule["from"]] == [["podSelector"]]
    assert rule["ports"] == [{"port": 5557, "protocol": "TCP"}]
    assert next(d for d in documents if d["kind"] == "Service")["spec"]["type"] == "ClusterIP"


def test_nodes_of_other_clusters():
    """A host that is no localhost is a context of kubectl; its workers dial the address that was named."""
    nodes = (*NODES[:1], Node("prod-eu", 2, 500, "eu-west-1"))
    with pytest.raises(UsageError, match="LOCUST_MASTER_HOST"):
        KubernetesPlace(cluster_plan(nodes=nodes))
    decided = cluster_plan(nodes=nodes, master_host="load.example.com")
    assert [d["metadata"]["name"] for d in worker_manifests(decided, None) if d["kind"] == "Job"] == [
        f"{run_name(decided)}-w0"
    ]
    (_, there) = worker_manifests(decided, "prod-eu")
    command = there["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[command.index("--master-host") + 1] == "load.example.com"
    assert core_manifests(decided)[2]["spec"]["type"] == "LoadBalancer"
    shells = [step.shell() for step in KubernetesPlace(decided).steps()]
    assert sum("--context prod-eu" in shell for shell in shells) == 4, "secret, apply, logs, delete"


def test_the_plan_in_the_pod_awaits_its_workers():
    """It is the same plan; only who starts the workers, and where its folder is, differs."""
    decided = cluster_plan()
    inner = Plan.from_json(core_manifests(decided)[1]["data"]["plan.json"])
    assert (inner.place, inner.master_bind_host) == ("kubernetes", "0.0.0.0")
    assert (inner.stages, inner.workers, inner.thresholds) == (decided.stages, decided.workers, decided.thresholds)
    assert inner.workers_wait_s >= 600


def test_what_would_be_done_holds_no_secret(monkeypatch, capsys, tmp_path):
    """--dry-run prints commands and manifests; --manifests the manifests alone, ready for kubectl."""
    monkeypatch.setenv("ACGS_PASSWORD", SECRET)
    flags = [
        "--place",
        "kubernetes",
        "--test-type",
        "distributed",
        "--target",
        "http://acgs.prod",
        "--output",
        str(tmp_path),
    ]
    assert distributed_config.main(flags, {}) == 0
    shown = capsys.readouterr().out
    assert "kubectl --namespace default apply -f - <<'EOF'" in shown
    assert SECRET not in shown
    assert distributed_config.main([*flags, "--manifests"], {}) == 0
    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    assert "Secret" not in [document["kind"] for document in documents]
    assert sum(document["spec"]["completions"] for document in documents if document["kind"] == "Job"
               and "completions" in document["spec"]) == 16  # fmt: skip
    assert distributed_config.main(["--manifests"], {}) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "target", [{"target": "http://localhost:8080"}, {"target": "http://127.0.0.1:0", "embedded": True}]
)
def test_a_target_of_this_machine_is_refused(target):
    """A pod's localhost is the pod."""
    with pytest.raises(UsageError, match="on a pod that address is another"):
        KubernetesPlace(cluster_plan(**target))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"imge": "x"}, "imge is no field; did you mean image?"),
        ({"cpu": 2}, 'cpu 2: must be a quantity such as 1 or 500m'),
        ({"namespace": "Load"}, 'namespace "Load": must be a namespace'),
        ([], "must be an object of image, namespace"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(tmp_path, given, complaint):
    """One line, with the field and what is legal."""
    path = tmp_path / "k.json"
    path.write_text(json.dumps({"KUBERNETES": given}))
    with pytest.raises(UsageError) as refused:
        resolve({"config_file": str(path)}, {})
    assert complaint in str(refused.value)


def test_what_kubectl_says_of_pods():
    """Running, ended with a status, or stuck, with Kubernetes' own reason."""

    def pods(state, **more):
        return json.dumps(
            {"items": [{"metadata": {"name": "p"}, "status": {"containerStatuses": [{"state": state}], **more}}]}
        )

    assert not has_begun(json.dumps({"items": []}))
    assert has_begun(pods({"running": {}}))
    assert exit_status(pods({"running": {}})) is None
    assert exit_status(pods({"terminated": {"exitCode": 1}})) == 1
    assert trouble(pods({"waiting": {"reason": "ContainerCreating"}})) is None
    stuck = trouble(pods({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}))
    assert stuck == "p: ImagePullBackOff: no such image"
    unschedulable = {"conditions": [{"reason": "Unschedulable", "message": "0/3 nodes"}]}
    assert trouble(pods({}, **unschedulable)) == "p: cannot be scheduled: 0/3 nodes"

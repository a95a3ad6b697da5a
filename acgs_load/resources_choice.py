"""Which source tells the CPU and memory of the target of a plan."""

from __future__ import annotations

import psutil

from acgs_load.authorities import verification
from acgs_load.contract import METRICS_PATH
from acgs_load.permission import host_of, is_loopback
from acgs_load.plan import Plan
from acgs_load.resources import ResourceSource
from acgs_load.resources_docker import DockerContainers
from acgs_load.resources_page import MetricsPage
from acgs_load.resources_process import ProcessTree, local_cores
from acgs_load.resources_promql import PrometheusServer

GIB = 1 << 30


def source_of(plan: Plan, started_pid: int | None) -> ResourceSource | None:
    """The source that the plan names; None where nobody can know. ``started_pid``: the target, if it was started here.

    Without a name: the processes of a target that was started here, or what a target on this machine publishes.
    """
    wanted = plan.target_metrics
    kind, _, rest = wanted.source.partition(":")
    if kind == "none":
        return None
    if kind == "auto":
        return _own(plan, started_pid)
    if kind == "pid":
        return ProcessTree(int(rest))
    if kind == "docker":
        return DockerContainers(rest.split(","))
    if kind.startswith("prometheus+"):
        base = wanted.source.partition("+")[2]
        verify = verification(base, True, plan.ca_file)  # --insecure speaks of the target alone
        return PrometheusServer(base, wanted.cpu_query, wanted.memory_query, verify)
    return _page(plan, wanted.source)


def _own(plan: Plan, started_pid: int | None) -> ResourceSource | None:
    if started_pid is not None:
        return ProcessTree(started_pid)
    return _page(plan, plan.target + METRICS_PATH) if _is_here(plan, plan.target) else None


def _page(plan: Plan, url: str) -> MetricsPage:
    known, here = plan.target_metrics, _is_here(plan, url)
    cores = known.cpus or (local_cores() if here else None)
    memory_bytes = known.memory_gib * GIB if known.memory_gib else psutil.virtual_memory().total if here else None
    return MetricsPage(url, cores, memory_bytes, verification(url, plan.tls_verify, plan.ca_file))


def _is_here(plan: Plan, url: str) -> bool:
    """Whether a URL is of this machine, which simulated regions know under another address."""
    return is_loopback(host_of(url)) or host_of(url) == plan.master_bind_host

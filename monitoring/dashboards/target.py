"""Target resources: what the machine and the gateway under load make of it, beside the latency they cause."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.dashboards.frame import frame
from monitoring.dashboards.load import quantile
from monitoring.dashboards.panels import BYTES, COUNT, RATE, RED, SECONDS, SHARE, Asked, graph, tile


def page() -> Dashboard:
    """The machine by node-exporter, the gateway by what it publishes itself."""
    about = "The machine is that of node-exporter; the gateway is the target, where it publishes metrics."
    made = frame("acgs-target", "ACGS · Target resources", about)
    for panel in (*_tiles(), *_machine(), *_gateway()):
        made = made.with_panel(panel)
    return made


def _tiles() -> list[Any]:
    gateway = 'sum(rate(process_cpu_seconds_total{job="acgs-target"}[$__rate_interval]))'
    return [
        tile("CPU", "Of the machine; at most 80 %.", SHARE, Asked("max(acgs:target_cpu_ratio)"), {0.8: RED}),
        tile("Memory", "Of the machine; at most 85 %.", SHARE, Asked("max(acgs:target_memory_ratio)"), {0.85: RED}),
        tile("Gateway CPU", "Cores in use.", COUNT, Asked(gateway)),
        tile(
            "Gateway memory",
            "Resident.",
            BYTES,
            Asked('sum(process_resident_memory_bytes{job="acgs-target"})'),
        ),
    ]


def _machine() -> list[Any]:
    busy = 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[$__rate_interval]))'
    cpu = f'{busy} / scalar(count(node_cpu_seconds_total{{mode="idle"}}))'
    network = 'sum by (device) (rate(node_network_{}_bytes_total{{device!="lo"}}[$__rate_interval]))'
    return [
        graph("CPU of the machine", "By what it is spent on.", SHARE, Asked(cpu, "{{mode}}"), stacked=True),
        graph(
            "Memory of the machine",
            "In use, and there.",
            BYTES,
            Asked("node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes", "in use {{instance}}"),
            Asked("node_memory_MemTotal_bytes", "there {{instance}}"),
        ),
        graph(
            "Load",
            "Processes that want to run, of the last minute; above the number of CPUs they wait.",
            COUNT,
            Asked("node_load1", "load {{instance}}"),
            Asked('count by (instance) (node_cpu_seconds_total{mode="idle"})', "CPUs {{instance}}"),
        ),
        graph(
            "Network and disks",
            "Bytes a second.",
            "Bps",
            Asked(network.format("receive"), "in {{device}}"),
            Asked(network.format("transmit"), "out {{device}}"),
            Asked("sum(rate(node_disk_read_bytes_total[$__rate_interval]))", "read"),
            Asked("sum(rate(node_disk_written_bytes_total[$__rate_interval]))", "written"),
        ),
    ]


def _gateway() -> list[Any]:
    took = "rate(acgs_request_duration_seconds_bucket[$__rate_interval])"
    return [
        graph(
            "CPU of the gateway",
            "Cores in use, solvers included.",
            COUNT,
            Asked('rate(process_cpu_seconds_total{job="acgs-target"}[$__rate_interval])', "{{instance}}"),
        ),
        graph(
            "Latency",
            "As users have it, and as the gateway itself measures it: the difference is network and queues.",
            SECONDS,
            Asked(quantile(0.95), "p95 of users"),
            Asked(f"histogram_quantile(0.95, sum by (le) ({took}))", "p95 within the gateway"),
        ),
        graph(
            "Requests of the gateway",
            "By status, as it counts them itself.",
            RATE,
            Asked("sum by (status) (rate(acgs_requests_total[$__rate_interval]))", "{{status}}"),
        ),
        graph(
            "Memory of the gateway",
            "Resident.",
            BYTES,
            Asked('process_resident_memory_bytes{job="acgs-target"}', "{{instance}}"),
        ),
    ]

"""Regions and workers: where the load comes from, and whether its generators can be believed."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.dashboards.frame import frame
from monitoring.dashboards.load import CHOSEN, TRAFFIC, quantile
from monitoring.dashboards.panels import BYTES, COUNT, RATE, RED, SECONDS, SHARE, Asked, graph, rows, tile

PROCESS = 'run=~"$run", region=~"$region|"'
"""The master has no region."""


def page() -> Dashboard:
    """By region first, then by process."""
    about = (
        "A generator that is busy or late adds to every latency: then the verdict is INVALID, whatever the target did."
    )
    made = frame("acgs-generators", "ACGS · Regions and workers", about)
    for panel in (*_tiles(), *_regions(), *_processes()):
        made = made.with_panel(panel)
    return made


def _tiles() -> list[Any]:
    run = '{run=~"$run"}'
    lag = f'max(acgs_load_generator_loop_lag_seconds{{{PROCESS}, process!="master"}})'
    return [
        tile("Workers", "Taking part now.", COUNT, Asked(f"sum(acgs_load_workers{run})")),
        tile("Workers lost", "One is enough for INVALID.", COUNT, Asked(f"sum(acgs_load_workers_lost{run})"), {1: RED}),
        tile(
            "Busiest process",
            "CPU of one core; above 90 % for 3 s is INVALID.",
            SHARE,
            Asked(f"max(acgs_load_generator_cpu_ratio{{{PROCESS}}})"),
            {0.9: RED},
        ),
        tile("Longest lag", "Of a worker's event loop.", SECONDS, Asked(lag), {0.05: RED}),
        tile("Samples on the way", "Recorded, and not arrived.", COUNT, Asked(f"sum(acgs_load_samples_lost{run})")),
        tile("Clock skew", "After correction.", SECONDS, Asked(f"max(acgs_load_clock_skew_seconds{run})"), {0.05: RED}),
        tile(
            "Arrivals unsent", "Open load only.", COUNT, Asked(f"sum(acgs_load_arrivals_unsent_total{run})"), {1: RED}
        ),
        tile("Without token", "Users.", COUNT, Asked(f"sum(acgs_load_users{run} - acgs_load_users_logged_in{run})")),
    ]


def _regions() -> list[Any]:
    requests = f"rate(acgs_load_requests_total{{{TRAFFIC}}}[$__rate_interval])"
    failures = f"rate(acgs_load_failures_total{{{CHOSEN}}}[$__rate_interval])"
    everything = f"rate(acgs_load_requests_total{{{CHOSEN}}}[$__rate_interval])"
    users = f'sum by (region) (acgs_load_generator_users{{{PROCESS}, process!="master"}})'
    share = f"sum by (region) ({failures}) / sum by (region) ({everything})"
    return [
        graph("Throughput by region", "Requests a second.", RATE, Asked(f"sum by (region) ({requests})", "{{region}}")),
        graph("p95 by region", "Of the last seconds.", SECONDS, Asked(quantile(0.95, "region"), "{{region}}")),
        graph("Errors by region", "Share of its requests.", SHARE, Asked(share, "{{region}}")),
        graph("Users by region", "Running now.", COUNT, Asked(users, "{{region}}")),
    ]


def _processes() -> list[Any]:
    def by_process(metric: str) -> Asked:
        return Asked(f"{metric}{{{PROCESS}}}", "{{process}} {{region}}")

    row = "max by (run, process, region) ({}{{" + PROCESS + "}})"
    return [
        graph("CPU", "Share of one core.", SHARE, by_process("acgs_load_generator_cpu_ratio")),
        graph(
            "Event loop lag",
            "Longest hold-up within a second; what a worker's loop lags is added to latencies.",
            SECONDS,
            by_process("acgs_load_generator_loop_lag_seconds"),
        ),
        graph("Memory", "Resident.", BYTES, by_process("acgs_load_generator_memory_bytes")),
        graph("Arrivals waiting", "Due, without a free user.", COUNT, by_process("acgs_load_arrivals_waiting")),
        rows(
            "Processes",
            "Their latest second.",
            {
                "users": Asked(row.format("acgs_load_generator_users")),
                "CPU": Asked(row.format("acgs_load_generator_cpu_ratio")),
                "lag": Asked(row.format("acgs_load_generator_loop_lag_seconds")),
                "memory": Asked(row.format("acgs_load_generator_memory_bytes")),
                "descriptors": Asked(row.format("acgs_load_generator_descriptors")),
            },
            {"CPU": SHARE, "lag": SECONDS, "memory": BYTES},
        ),
    ]

"""Load and latency: the first page to look at while a run goes on."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.dashboards.frame import frame
from monitoring.dashboards.panels import (
    BYTES,
    COUNT,
    GREEN,
    RATE,
    RED,
    SECONDS,
    SHARE,
    YELLOW,
    Asked,
    bars,
    graph,
    heat,
    rows,
    states,
    tile,
)

CHOSEN = 'run=~"$run", region=~"$region", operation=~"$operation"'
TRAFFIC = f'{CHOSEN}, operation!~"auth_.+"'
LATENCY = f"rate(acgs_load_latency_seconds_bucket{{{TRAFFIC}}}[$__rate_interval])"
NATIVE = f"rate(acgs_load_latency_native_seconds{{{TRAFFIC}}}[$__rate_interval])"
STATE = (
    'max by (threshold) (2 * acgs_load_threshold_state{run=~"$run", state="fail"})'
    ' + max by (threshold) (acgs_load_threshold_state{run=~"$run", state="not_measured"})'
)


def quantile(share: float, *by: str) -> str:
    """From native histograms (within 1.5 %) where Prometheus takes them in, else from the classic buckets."""
    grouped, classic = (" by (" + ", ".join(labels) + ")" if labels else "" for labels in (by, (*by, "le")))
    return (
        f"histogram_quantile({share:g}, sum{grouped} ({NATIVE}))"
        f" or histogram_quantile({share:g}, sum{classic} ({LATENCY}))"
    )


def page() -> Dashboard:
    """How much, how fast, how often wrong, and which thresholds hold."""
    about = "A running load test. Figures are of the last seconds; the verdict is the report's."
    made = frame("acgs-load", "ACGS · Load and latency", about)
    for part in (_tiles(), _traffic(), _thresholds(), _details()):
        for panel in part:
            made = made.with_row(panel) if isinstance(panel, Row) else made.with_panel(panel)
    return made


def _tiles() -> list[Any]:
    run = '{run=~"$run"}'
    failing = 'sum(acgs_load_threshold_state{run=~"$run", state="fail"})'
    return [
        tile("Users", "Running now.", COUNT, Asked(f"sum(acgs_load_users{run})")),
        tile(
            "Throughput", "Answered requests a second, of the last 30 s.", RATE, Asked(f"sum(acgs:throughput_rps{run})")
        ),
        tile("p95", "Of the last 30 s.", SECONDS, Asked(f"max(acgs:latency_p95_seconds{run})"), {2.0: RED}),
        tile("p99", "Of the last 30 s.", SECONDS, Asked(f"max(acgs:latency_p99_seconds{run})"), {5.0: RED}),
        tile("Errors", "Share of the last 30 s.", SHARE, Asked(f"max(acgs:error_ratio{run})"), {0.01: RED}),
        tile("Throttled", "Share of the last 30 s.", SHARE, Asked(f"max(acgs:throttled_ratio{run})"), {0.01: RED}),
        tile(
            "Violations",
            "In the whole run.",
            COUNT,
            Asked('sum(acgs_load_violations_total{run=~"$run"})'),
            {1: RED},
        ),
        tile("Thresholds that fail", "As they stand.", COUNT, Asked(failing), {1: RED}),
    ]


def _traffic() -> list[Any]:
    requests = f"acgs_load_requests_total{{{TRAFFIC}}}"
    return [
        graph(
            "Throughput",
            "Requests a second by operation.",
            RATE,
            Asked(f"sum by (operation) (rate({requests}[$__rate_interval]))", "{{operation}}"),
            stacked=True,
        ),
        graph(
            "Latency",
            "From when a request was due (open load) or sent (closed load) to the last byte of its answer.",
            SECONDS,
            *(Asked(quantile(share), name) for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))),
        ),
        graph(
            "Users and rate",
            "What the plan wants, and what there is.",
            COUNT,
            Asked('acgs_load_users{run=~"$run"}', "users {{run}}"),
            Asked('acgs_load_users_planned{run=~"$run"}', "users planned {{run}}"),
            Asked('acgs_load_planned_requests_per_second{run=~"$run"}', "requests a second asked for {{run}}"),
            Asked('acgs_load_demanded_requests_per_second{run=~"$run"}', "throughput demanded {{run}}"),
        ),
        graph(
            "Failures",
            "Requests a second that failed, by kind; throttled ones count apart.",
            RATE,
            Asked(f"sum by (kind) (rate(acgs_load_failures_total{{{CHOSEN}}}[$__rate_interval]))", "{{kind}}"),
            Asked(
                f'sum(rate(acgs_load_requests_total{{{CHOSEN}, outcome="throttled"}}[$__rate_interval]))', "throttled"
            ),
        ),
    ]


def _thresholds() -> list[Any]:
    words = {0: ("holds", GREEN), 1: ("not measured", "gray"), 2: ("fails", RED), 3: ("fails", RED)}
    margin = 'min by (threshold) (acgs_load_threshold_margin_ratio{run=~"$run"})'
    return [
        Row("Thresholds"),
        states("How they stand", "Each threshold over the time shown.", Asked(STATE, "{{threshold}}"), words),
        bars(
            "Room to the limit",
            "As a share of the limit; negative: beyond.",
            SHARE,
            Asked(f"sort({margin})", "{{threshold}}"),
            {-1e9: RED, 0.0: YELLOW, 0.1: GREEN},
        ),
    ]


def _details() -> list[Any]:
    run = 'run=~"$run"'
    mean = "sum by (operation) (rate(acgs_load_latency_seconds_{}{{" + TRAFFIC + "}}[$__rate_interval]))"
    return [
        Row("Details"),
        heat(
            "Latency by bucket",
            "How many answers took how long.",
            SECONDS,
            Asked(f"sum by (le) (increase(acgs_load_latency_seconds_bucket{{{TRAFFIC}}}[$__rate_interval]))", "{{le}}"),
        ),
        graph("p95 by operation", "Which one is slow.", SECONDS, Asked(quantile(0.95, "operation"), "{{operation}}")),
        graph(
            "Mean latency by operation",
            "Exact, where quantiles are read off buckets.",
            SECONDS,
            Asked(f"{mean.format('sum')} / {mean.format('count')}", "{{operation}}"),
        ),
        graph(
            "Bytes a second",
            "Sent and received.",
            "Bps",
            Asked(f"sum(rate(acgs_load_sent_bytes_total{{{CHOSEN}}}[$__rate_interval]))", "sent"),
            Asked(f"sum(rate(acgs_load_received_bytes_total{{{CHOSEN}}}[$__rate_interval]))", "received"),
        ),
        rows(
            "Runs",
            "A click on the run opens its report, once the analyzer has written it.",
            {
                "of": Asked(f"max by (run, test, type, load, target) (acgs_load_run_info{{{run}}})"),
                "phase": Asked(f"max by (run, phase) (acgs_load_phase_info{{{run}}})"),
                "elapsed": Asked(f"max by (run) (acgs_load_run_elapsed_seconds{{{run}}})"),
                "requests": Asked(f"sum by (run) (acgs_load_requests_total{{{run}}})"),
                "received": Asked(f"sum by (run) (acgs_load_received_bytes_total{{{run}}})"),
            },
            {"elapsed": SECONDS, "received": BYTES},
        ),
    ]

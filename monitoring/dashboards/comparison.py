"""Runs beside each other, by run id. Significance is ``performance_analyzer.py compare``'s; this is for the eye."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.dashboards.frame import frame
from monitoring.dashboards.load import TRAFFIC
from monitoring.dashboards.panels import COUNT, RATE, SECONDS, SHARE, Asked, columns, graph, rows

ANSWERED = f'{TRAFFIC}, outcome=~"ok|failed_check"'


def _last(metric: str, labels: str = 'run=~"$run"') -> str:
    """The last value of each series within the time shown: a run that is over is not there any more."""
    return f"last_over_time({metric}{{{labels}}}[$__range])"


def _quantile(share: float) -> str:
    return f"histogram_quantile({share:g}, sum by (run, le) ({_last('acgs_load_latency_seconds_bucket', TRAFFIC)}))"


def _throughput() -> str:
    answered = f"sum by (run) ({_last('acgs_load_requests_total', ANSWERED)})"
    return f"{answered} / max by (run) ({_last('acgs_load_run_elapsed_seconds')})"


def _measure(name: str) -> str:
    labels = f'run=~"$run", measure="{name}"'
    return f"max by (run) ({_last('acgs_load_measure_ratio', labels)})"


def page() -> Dashboard:
    """Whole runs in a table and as bars, and their course."""
    about = "Choose runs at the top, and a time that holds all of them. Figures are of whole runs, ramps included."
    made = frame("acgs-comparison", "ACGS · Runs compared", about).time("now-24h", "now")
    for panel in (_table(), *_bars(), *_course()):
        made = made.with_panel(panel)
    return made


def _table() -> Any:
    count, total = (f"sum by (run) ({_last(f'acgs_load_latency_seconds_{end}', TRAFFIC)})" for end in ("count", "sum"))
    return rows(
        "Runs",
        "A click on the run opens its report.",
        {
            "of": Asked(f"max by (run, test, type, load, target) ({_last('acgs_load_run_info')})"),
            "requests": Asked(f"sum by (run) ({_last('acgs_load_requests_total')})"),
            "throughput": Asked(_throughput()),
            "mean": Asked(f"{total} / {count}"),
            "p95": Asked(_quantile(0.95)),
            "p99": Asked(_quantile(0.99)),
            "errors": Asked(_measure("error_ratio")),
            "compliance": Asked(_measure("compliance_score")),
            "violations": Asked(f"sum by (run) ({_last('acgs_load_violations_total')})"),
        },
        {"throughput": RATE, "mean": SECONDS, "p95": SECONDS, "p99": SECONDS, "errors": SHARE, "compliance": SHARE},
    )


def _bars() -> list[Any]:
    return [
        columns("Throughput", "Answered requests a second.", RATE, Asked(_throughput())),
        columns("p95", "Read off the classic buckets: a guess within a bucket.", SECONDS, Asked(_quantile(0.95))),
        columns("Errors", "Share of all requests.", SHARE, Asked(_measure("error_ratio"))),
        columns("Compliance", "Mean score.", SHARE, Asked(_measure("compliance_score"))),
    ]


def _course() -> list[Any]:
    run = '{run=~"$run"}'
    return [
        graph("Throughput over time", "Of 30 s.", RATE, Asked(f"acgs:throughput_rps{run}", "{{run}}")),
        graph("p95 over time", "Of 30 s.", SECONDS, Asked(f"acgs:latency_p95_seconds{run}", "{{run}}")),
        graph("Errors over time", "Of 30 s.", SHARE, Asked(f"acgs:error_ratio{run}", "{{run}}")),
        graph("Users over time", "Running.", COUNT, Asked(f"acgs_load_users{run}", "{{run}}")),
    ]

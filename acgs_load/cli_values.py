"""What each setting came to in a plan, by its key; the other way round is ``profiles``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from acgs_load.plan import Plan
from acgs_load.units import format_duration


def values_of(plan: Plan) -> dict[str, Any]:
    """Values that JSON has, of every key of the settings table."""
    return {**_load(plan), **_target(plan), **_machines(plan)}


def _load(plan: Plan) -> dict[str, Any]:
    return {
        "TEST_NAME": plan.name,
        "TEST_TYPE": plan.test_type,
        "USERS": plan.users_max,
        "TEST_DURATION": format_duration(plan.duration_s),
        "SPAWN_RATE": round(plan.spawn_rate, 3),
        "RATE": plan.search.rate_from if plan.search else plan.rate,
        "ARRIVALS": plan.arrivals,
        "TARGET_RPS": plan.target_rps,
        "THRESHOLDS": len(plan.thresholds),
        "SEED": plan.seed,
        "BASELINE": plan.baseline,
        "MIN_CAPACITY": plan.min_capacity,
        "MIX": dict(plan.mix),
        "THINK_TIME": [plan.think_time_min_s, plan.think_time_max_s],
        "COMPLIANCE_THRESHOLD": plan.compliance_min,
        "CONSTITUTIONAL_COMPLIANCE_MONITORING": plan.compliance_monitoring,
    }


def _target(plan: Plan) -> dict[str, Any]:
    return {
        "TARGET_HOST": plan.target + (" (embedded)" if plan.embedded else ""),
        "ALLOWED_TARGETS": list(plan.allowed_targets),
        "TIMEOUT": format_duration(plan.timeout_s),
        "CONSTITUTIONAL_HASH": plan.constitutional_hash,
        "TENANTS": list(plan.tenants),
        "ACCOUNTS": [dataclasses.asdict(account) for account in plan.accounts],
        "ROUTES": dict(plan.routes),
        "HEADERS": dict(plan.headers),
        "TLS_VERIFY": plan.tls_verify,
        "CA_FILE": plan.ca_file,
        "TRANSPORT": plan.transport,
        "TARGET_METRICS": plan.target_metrics.source,
        "TARGET_CPU_QUERY": plan.target_metrics.cpu_query,
        "TARGET_MEMORY_QUERY": plan.target_metrics.memory_query,
        "TARGET_CPUS": plan.target_metrics.cpus,
        "TARGET_MEMORY_GIB": plan.target_metrics.memory_gib,
    }


def _machines(plan: Plan) -> dict[str, Any]:
    return {
        "WORKERS": plan.workers,
        "MIN_WORKERS": plan.min_workers,
        "RESTART_WORKERS": plan.restart_workers,
        "LOAD_TEST_NODES": len(plan.nodes),
        "PLACE": plan.place,
        "SIMULATE_REGIONS": bool(plan.links),
        "REGION_LINKS": {link.region: [link.rtt_ms, link.loss_ratio] for link in plan.links},
        "KUBERNETES": dataclasses.asdict(plan.kubernetes),
        "LIVE": plan.live,
        "OUTPUT": str(Path(plan.folder).parents[1]),
        "ANALYSIS": plan.analysis,
        "WEB_UI": plan.web_ui,
        "LOCUST_WEB_HOST": plan.web_host,
        "LOCUST_WEB_PORT": plan.web_port,
        "EXPORTER_PORT": plan.exporter_port,
        "LOCUST_MASTER_HOST": plan.master_host,
        "LOCUST_MASTER_PORT": plan.master_port,
        "LOCUST_MASTER_BIND_HOST": plan.master_bind_host,
    }

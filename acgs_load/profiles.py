"""The plan of a run: what was asked for, laid over the type of test, complete and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from acgs_load.errors import UsageError
from acgs_load.plan import Kubernetes, Link, Node, Plan, TargetMetrics, ThresholdText
from acgs_load.profile_acceptance import (
    OPEN_THROUGHPUT_SHARE,
    as_breaking,
    default_thresholds,
    throughput_thresholds,
)
from acgs_load.profile_links import links_of
from acgs_load.profile_load import LoadDraft, draft_load
from acgs_load.profile_nodes import capacity, one_node, with_workers
from acgs_load.profile_types import PROFILES, Profile
from acgs_load.settings import Settings
from acgs_load.thresholds import check, merged, read

STOP_SPARE_S = 5.0
"""Beyond the time-out of a request, so that users in the middle of an iteration can finish it."""


def plan_for(settings: Settings, folder: str, cpus: int) -> Plan:
    """The plan of a run on a machine with ``cpus``. Raises UsageError where the settings do not fit together."""
    profile = PROFILES[settings.test_type]
    given_nodes = settings.nodes or profile.nodes
    draft = draft_load(settings, profile, capacity(given_nodes) if given_nodes else None)
    nodes = _nodes(settings, given_nodes, draft.users, cpus)
    plan = _on_machines(_facing_target(_load(settings, profile, draft, nodes, folder), settings), settings)
    for text in plan.thresholds:
        check(read(text), plan)
    return plan


def _load(settings: Settings, profile: Profile, draft: LoadDraft, nodes: tuple[Node, ...], folder: str) -> Plan:
    """What is sent, from how many users, and what is demanded of it."""
    mix = dict(settings.mix or profile.mix)
    target_rps, target_rps_origin = _target_rps(settings, profile, draft)
    return Plan(
        name=settings.test_name or settings.test_type,
        test_type=settings.test_type,
        target=settings.target.url,
        embedded=settings.target.embedded,
        load=draft.load,
        stages=draft.stages,
        users_max=draft.users,
        spawn_rate=draft.spawn_rate,
        seed=settings.seed,
        nodes=nodes,
        thresholds=_thresholds(settings, profile, draft, mix, target_rps),
        target_rps=target_rps,
        folder=folder,
        mix=mix,
        rate=settings.rate.top if settings.rate and draft.load == "open" else None,
        arrivals=settings.arrivals,
        search=draft.search,
        think_time_min_s=settings.think_time[0],
        think_time_max_s=settings.think_time[1],
        compliance_monitoring=settings.compliance_monitoring,
        compliance_min=settings.compliance_min,
        min_capacity=settings.min_capacity,
        baseline=settings.baseline,
        links=_links(settings, nodes),
        origins=_origins(settings, draft, target_rps_origin),
    )


def _facing_target(plan: Plan, settings: Settings) -> Plan:
    """The plan, with all that is between users and target."""
    return replace(
        plan,
        constitutional_hash=settings.constitutional_hash,
        timeout_s=settings.timeout,
        stop_timeout_s=settings.timeout + STOP_SPARE_S,
        tenants=settings.tenants,
        accounts=settings.accounts,
        routes=settings.routes,
        headers=settings.headers,
        tls_verify=settings.tls_verify,
        ca_file=settings.ca_file,
        allowed_targets=settings.allowed_targets,
        transport=settings.transport,
        target_metrics=TargetMetrics(
            settings.target_metrics,
            settings.target_cpu_query,
            settings.target_memory_query,
            settings.target_cpus,
            settings.target_memory_gib,
        ),
    )


def _on_machines(plan: Plan, settings: Settings) -> Plan:
    """The plan, with where its processes run, how they find one another and what they show."""
    return replace(
        plan,
        min_workers=settings.min_workers,
        restart_workers=settings.restart_workers,
        analysis=settings.analysis,
        live=settings.live,
        web_ui=settings.web_ui,
        place=settings.place,
        kubernetes=settings.kubernetes or Kubernetes(),
        master_host=settings.master_host,
        master_port=settings.master_port,
        web_port=settings.web_port,
        exporter_port=settings.exporter_port,
        web_host=settings.web_host,
        master_bind_host=settings.master_bind_host,
    )


def _nodes(settings: Settings, given: tuple[Node, ...], users: int, cpus: int) -> tuple[Node, ...]:
    if settings.place == "ssh" and not settings.nodes:
        raise UsageError(
            f"{settings.said('PLACE')} ssh: on which machines? name them in LOAD_TEST_NODES (--config-file)"
        )
    if not given:
        return one_node(settings.workers or max(1, cpus - 1), users)
    return with_workers(given, settings.workers) if settings.workers else given


def _links(settings: Settings, nodes: tuple[Node, ...]) -> tuple[Link, ...]:
    if not settings.simulate_regions:
        if settings.region_links:
            raise UsageError(
                f"{settings.said('REGION_LINKS')}: only simulated regions have them; add --simulate-regions"
            )
        return ()
    if settings.place != "local" or any(node.host != "localhost" for node in nodes):
        raise UsageError("--simulate-regions: plays every region on this machine; name localhost as each node's host")
    return links_of(nodes, settings.region_links)


def _target_rps(settings: Settings, profile: Profile, draft: LoadDraft) -> tuple[float | None, str]:
    """What throughput is judged against, and why (measures.md, "Thresholds")."""
    if settings.target_rps is not None:
        return settings.target_rps, settings.origins["TARGET_RPS"]
    if profile.search:
        return None, "default: none, each step of the search owes its own rate"
    if settings.rate is not None:
        return OPEN_THROUGHPUT_SHARE * settings.rate.rate_to, f"default: {OPEN_THROUGHPUT_SHARE:g} of the rate"
    return float(draft.users), "default: 1 RPS a user"


def _thresholds(
    settings: Settings, profile: Profile, draft: LoadDraft, mix: Mapping[str, float], target_rps: float | None
) -> tuple[ThresholdText, ...]:
    throughput: list[str] = []
    # a search owes its own rate step by step; of stairs, only the top owes all of it
    if target_rps is not None and not profile.search:
        peak = draft.load == "closed" and not profile.seeks_break
        throughput = throughput_thresholds(target_rps, peak, draft.duration_s)
    if profile.seeks_break:
        top = [stage.name for stage in draft.stages if stage.hold][-1]
        throughput = [f"{text} during {top}" for text in throughput]
    texts = merged(default_thresholds(mix, settings.compliance_min, throughput), settings.thresholds)
    return as_breaking(texts) if profile.seeks_break else texts


def _origins(settings: Settings, draft: LoadDraft, target_rps_origin: str) -> dict[str, str]:
    """Where each value came from; a default that the type of test decides says so."""
    of_type = f"default of {settings.test_type}"
    decided = {
        "USERS": draft.users_origin,
        "TEST_DURATION": of_type,
        "SPAWN_RATE": f"{of_type}, as the run's length demands",
        "MIX": of_type,
        "TARGET_RPS": target_rps_origin,
        "LOAD_TEST_NODES": of_type,
        "WORKERS": "default: one less than there are CPUs",
    }
    if settings.nodes or PROFILES[settings.test_type].nodes:
        decided["WORKERS"] = "default: as the nodes say"
    return {
        key: origin if settings.given(key) else decided.get(key, origin) for key, origin in settings.origins.items()
    }

"""What a run will do, decided once and written once (``plan.json``); the only thing that processes are told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from acgs_load.contract import DEFAULT_CONSTITUTIONAL_HASH, DEFAULT_MIX
from acgs_load.errors import UsageError

PLAN_SCHEMA = 1
Load = Literal["closed", "open", "search"]
PlaceName = Literal["local", "ssh", "compose", "kubernetes"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the run in which users (or the arrival rate) go in a straight line from one level to another."""

    name: str
    """The phase label, unique in the plan: ``ramp``, ``hold``, ``step-300``, ``recovery`` …"""
    duration_s: float
    users_from: int
    users_to: int
    rate_from: float | None = None
    """Requests per second; None in closed load."""
    rate_to: float | None = None
    hold: bool = False
    """Latency and throughput are judged over the stages that hold."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that generates load."""

    host: str
    workers: int
    max_users: int
    region: str
    user: str | None = None
    """Whom ssh logs in as; None: as ssh's own configuration says. So for the port and the key."""
    port: int | None = None
    identity_file: str | None = None
    python: str | None = None
    """Interpreter there that has what workers need; None: an environment is made there."""


@dataclass(frozen=True, slots=True)
class Link:
    """How far a simulated region is."""

    region: str
    rtt_ms: float
    """There and back."""
    loss_ratio: float = 0.0
    """Share of packets lost, in each direction."""


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """How a run looks in a cluster."""

    image: str = "acgs-loadtest:latest"
    """Made by Dockerfile.loadtest, where the cluster can pull it."""
    namespace: str = "default"
    context: str | None = None
    """Of kubectl, for the master's cluster; None: the current one."""
    cpu: str = "1"
    """Asked for each worker."""
    memory: str = "1Gi"
    storage: str = "5Gi"
    """Of the claim that keeps the reports."""
    storage_class: str | None = None
    region_label: str = "topology.kubernetes.io/region"
    """The nodes' label that a worker's region must equal; empty: workers run anywhere."""
    pull_secret: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in to a tenant. The password comes from the environment of the process that sends it."""

    username: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class ThresholdText:
    """A threshold expression as written, and who wrote it (``flag``, ``file``, ``env`` or ``default``)."""

    expression: str
    source: str
    required: bool = True
    """False: "not measured" is shown and does not fail the run (target CPU and memory by default)."""
    breaking: bool = False
    """True: it says where the target broke (stress, capacity) and does not decide the verdict."""


@dataclass(frozen=True, slots=True)
class Search:
    """How ``capacity`` looks for the highest arrival rate that holds the thresholds."""

    rate_from: float
    step_s: float
    settle_s: float
    """The first part of each step, which is not judged."""
    growth: float
    """Factor from one geometric step to the next."""
    precision: float
    """The search ends when (bad − good) ÷ good is at most this."""


@dataclass(frozen=True, slots=True)
class TargetMetrics:
    """Where the target's CPU and memory are read, and what has to be known for that."""

    source: str = "auto"
    """``auto``, ``none``, ``pid:N``, ``docker:NAME,…``, ``prometheus+http://…``, or the URL of a ``/metrics`` page."""
    cpu_query: str = ""
    memory_query: str = ""
    cpus: float | None = None
    memory_gib: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, completely. To JSON and back is equal."""

    name: str
    test_type: str
    target: str
    """Base URL, without a trailing slash."""
    embedded: bool
    """True: the runner starts the reference gateway at ``target``."""
    load: Load
    stages: tuple[Stage, ...]
    """In order. A search has the stage ``users``, and then ``search``, as long as it may take."""
    users_max: int
    spawn_rate: float
    """Users started per second while ramping."""
    seed: int
    nodes: tuple[Node, ...]
    thresholds: tuple[ThresholdText, ...]
    target_rps: float | None
    folder: str
    """Run folder, absolute, on the machine of the runner and master."""
    schema: int = PLAN_SCHEMA
    constitutional_hash: str = DEFAULT_CONSTITUTIONAL_HASH
    mix: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MIX))
    """Weight by scenario name."""
    rate: float | None = None
    """Requests per second of the open load at its highest; None in closed load and search."""
    arrivals: Literal["constant", "poisson"] = "constant"
    search: Search | None = None
    think_time_min_s: float = 0.1
    think_time_max_s: float = 2.0
    timeout_s: float = 30.0
    """From send to the last byte."""
    stop_timeout_s: float = 35.0
    """How long users in the middle of an iteration may take to finish it when the run ends."""
    compliance_monitoring: bool = True
    compliance_min: float = 0.95
    tenants: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    """Empty: users named after the seed, spread over ``tenants`` (reference gateway: any username and password)."""
    routes: Mapping[str, str] = field(default_factory=dict)
    """Operation name → ``METHOD /path`` or ``/path`` on the real deployment."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request, beside the contract's."""
    tls_verify: bool = True
    ca_file: str | None = None
    """PEM file of trusted authorities, at the same place on every machine; None: those of the system."""
    allowed_targets: tuple[str, ...] = ()
    """Hosts beside this machine that somebody said may be loaded."""
    transport: Literal["fast", "plain"] = "fast"
    target_metrics: TargetMetrics = field(default_factory=TargetMetrics)
    min_workers: float = 0.9
    """Share of the workers that must be there; with fewer the run ends, and is not to be trusted."""
    restart_workers: bool = False
    """The runner starts those of its own workers anew that die."""
    min_capacity: float | None = None
    baseline: str | None = None
    """Run folder that ``baseline`` in a threshold refers to."""
    analysis: bool = True
    live: bool = True
    """A live view on the terminal, where there is one."""
    web_ui: bool = False
    place: PlaceName = "local"
    """Where the workers run, and how they get there."""
    links: tuple[Link, ...] = ()
    """Regions that are simulated on this machine; empty: none."""
    kubernetes: Kubernetes = field(default_factory=Kubernetes)
    workers_wait_s: float = 60.0
    """How long the master waits for its workers before the run begins."""
    master_host: str = "localhost"
    master_port: int = 5557
    master_bind_host: str | None = None
    """Where the master listens for workers; None: on loopback, or everywhere if some are started by hand elsewhere."""
    web_port: int = 8089
    exporter_port: int = 0
    """Of the master's Prometheus metrics; 0: none."""
    web_host: str = "127.0.0.1"
    """Where the web UI listens."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Setting → where its value came from: ``flag --users``, ``file custom.json``, ``env ACGS_…``, ``default``."""

    @property
    def duration_s(self) -> float:
        """Planned length of the run."""
        return sum(stage.duration_s for stage in self.stages)

    @property
    def workers(self) -> int:
        """Worker processes over all nodes."""
        return sum(node.workers for node in self.nodes)

    @property
    def hold_phases(self) -> frozenset[str]:
        """Names of the stages that latency and throughput are judged over."""
        return frozenset(stage.name for stage in self.stages if stage.hold)

    def stage_at(self, elapsed_s: float) -> tuple[Stage, float]:
        """The stage at ``elapsed_s`` and how far into it that is (0–1); after the end, the last stage and 1."""
        begin_s = 0.0
        for stage in self.stages:
            if elapsed_s < begin_s + stage.duration_s:
                return stage, max(0.0, elapsed_s - begin_s) / stage.duration_s
            begin_s += stage.duration_s
        return self.stages[-1], 1.0

    def phase_at(self, elapsed_s: float) -> str:
        """Name of the stage at ``elapsed_s``."""
        return self.stage_at(elapsed_s)[0].name

    def users_at(self, elapsed_s: float) -> int:
        """Users wanted at ``elapsed_s``."""
        stage, share = self.stage_at(elapsed_s)
        return round(stage.users_from + (stage.users_to - stage.users_from) * share)

    def rate_at(self, elapsed_s: float) -> float:
        """Requests per second wanted at ``elapsed_s``; 0 in closed load."""
        stage, share = self.stage_at(elapsed_s)
        begin, end = stage.rate_from or 0.0, stage.rate_to or 0.0
        return begin + (end - begin) * share

    @property
    def sha256(self) -> str:
        """Hex digest of what ``to_json`` gives: processes with equal ones play the same."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Indented JSON, ending in a newline."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan that ``to_json`` spelled. Raises UsageError when it cannot be read."""
        try:
            raw: dict[str, Any] = json.loads(text)
            if raw["schema"] != PLAN_SCHEMA:
                raise UsageError(
                    f"plan: schema {raw['schema']!r} is not {PLAN_SCHEMA}; write it anew with this version"
                )
            raw = {f.name: raw[f.name] for f in fields(cls) if f.name in raw}
            nested = {"stages": Stage, "nodes": Node, "thresholds": ThresholdText, "accounts": Account, "links": Link}
            for name, kind in nested.items():
                raw[name] = tuple(kind(**row) for row in raw.get(name, ()))
            raw["search"] = Search(**raw["search"]) if raw["search"] else None
            raw["target_metrics"] = TargetMetrics(**raw.get("target_metrics", {}))
            raw["kubernetes"] = Kubernetes(**raw.get("kubernetes", {}))
            raw["tenants"] = tuple(raw["tenants"])
            raw["allowed_targets"] = tuple(raw.get("allowed_targets", ()))
            return cls(**raw)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"plan: not readable ({error})") from error

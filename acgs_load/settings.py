"""What was asked for, and where each value came from: flag > configuration file > environment > default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from acgs_load.errors import UsageError
from acgs_load.plan import Account, Kubernetes, Link, Node, PlaceName, ThresholdText


class Rate(NamedTuple):
    """Requests per second of an open load: constant, or a ramp that then holds its last level."""

    rate_from: float
    rate_to: float
    ramp_s: float | None = None
    """None: constant."""

    @property
    def top(self) -> float:
        """The highest rate."""
        return max(self.rate_from, self.rate_to)


class TargetPlace(NamedTuple):
    """Where the target is, and whether the runner starts it."""

    url: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for, checked but not yet turned into a plan. None: the test type decides."""

    test_name: str | None
    test_type: str
    target: TargetPlace
    allowed_targets: tuple[str, ...]
    """Hosts beside this machine that may be loaded."""
    users: int | None
    duration: float | None
    """Seconds."""
    spawn_rate: float | None
    rate: Rate | None
    arrivals: Literal["constant", "poisson"]
    target_rps: float | None
    thresholds: tuple[ThresholdText, ...]
    """Those of the file, then those of flags."""
    workers: int | None
    min_workers: float
    restart_workers: bool
    nodes: tuple[Node, ...]
    place: PlaceName
    simulate_regions: bool
    region_links: Mapping[str, Link]
    """By region."""
    kubernetes: Kubernetes | None
    seed: int
    baseline: str | None
    min_capacity: float | None
    mix: Mapping[str, float] | None
    think_time: tuple[float, float]
    """Least and most, seconds."""
    timeout: float
    """Seconds."""
    constitutional_hash: str
    compliance_monitoring: bool
    compliance_min: float
    tenants: tuple[str, ...]
    accounts: tuple[Account, ...]
    routes: Mapping[str, str]
    headers: Mapping[str, str]
    tls_verify: bool
    ca_file: str | None
    transport: Literal["fast", "plain"]
    target_metrics: str
    target_cpu_query: str
    target_memory_query: str
    target_cpus: float | None
    target_memory_gib: float | None
    live: bool
    output: str
    analysis: bool
    web_ui: bool
    web_host: str
    web_port: int
    exporter_port: int
    master_bind_host: str | None
    master_host: str
    master_port: int
    origins: Mapping[str, str] = field(default_factory=dict)
    """Key → ``flag --users``, ``file custom.json``, ``env ACGS_TARGET_HOST`` or ``default``."""

    def said(self, key: str) -> str:
        """How a message names where ``key`` was given: ``--users``, ``custom.json: USERS``, ``ACGS_USERS``."""
        source, _, place = self.origins.get(key, "default").partition(" ")
        return f"{place}: {key}" if source == "file" else place or key

    def given(self, key: str) -> bool:
        """Whether somebody asked for this value, rather than a default."""
        return not self.origins.get(key, "default").startswith("default")


def resolve(flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """The settings of a run. ``flags`` are by setting name, plus ``config_file``; None means not given.

    Raises UsageError, one line that names source, key, value and what is legal.
    """
    # pydantic takes longer to load than --help may take to answer
    from acgs_load.settings_model import resolved

    try:
        return resolved(flags, environ)
    except UsageError as error:
        # what was wrong is repeated in the message, and may hold line ends
        raise UsageError(" ".join(str(error).split())) from None

"""What the master knows of a run besides its windows, as families of metrics: users, workers, phases, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from acgs_load.health import HealthRow
from acgs_load.snapshot import Standing
from acgs_load.traffic.master.course import Course

STARTING = "starting"
"""The phase until everybody was told to start."""
ENDED = "ended"
"""The phase once everything is written down."""
STATES = ("pass", "fail", "not_measured")
ARRIVALS = {
    "scheduled": "Arrivals of an open load that were due.",
    "sent": "Arrivals that were sent.",
    "unsent": "Arrivals given up: no user was free in time.",
    "waited": "Arrivals that had to wait for a free user.",
}
HEALTH: tuple[tuple[str, str, Callable[[HealthRow], float]], ...] = (
    ("acgs_load_generator_cpu_ratio", "CPU of one core that a process uses.", lambda row: row.cpu),
    (
        "acgs_load_generator_loop_lag_seconds",
        "Longest that the event loop of a process was held up within the last second.",
        lambda row: row.loop_lag_max_ms / 1e3,
    ),
    ("acgs_load_generator_memory_bytes", "Memory of a process.", lambda row: row.memory_bytes),
    ("acgs_load_generator_descriptors", "Open file descriptors of a process.", lambda row: row.descriptors),
    ("acgs_load_generator_users", "Users that a process plays.", lambda row: row.users),
    ("acgs_load_arrivals_waiting", "Arrivals that are due without a free user.", lambda row: row.arrivals_waiting),
)
"""From the latest row of each process."""


def run_families(run: str, course: Course) -> Iterator[Metric]:
    """Which run it is, where it stands, who takes part."""
    plan, elapsed_s = course.plan, course.elapsed_s if course.under_way else 0.0
    facts = {"test": plan.name, "type": plan.test_type, "load": plan.load, "target": plan.target}
    yield _one("acgs_load_run_info", "The run: always 1.", 1, {"run": run, **facts})
    yield _one("acgs_load_phase_info", "The phase that the run is in: always 1.", 1, {"run": run, **_phase(course)})
    labels = {"run": run}
    planned = plan.users_at(elapsed_s) if course.under_way and course.ended_by is None else 0
    yield _one("acgs_load_run_start_time_seconds", "When the run began, since the epoch.", course.started_s, labels)
    ended_s = course.ended_s
    lasted_s = elapsed_s if ended_s is None else ended_s - course.started_s
    yield _one("acgs_load_run_elapsed_seconds", "How long the load has lasted.", lasted_s, labels)
    yield _one("acgs_load_run_planned_seconds", "How long the run is to last.", plan.duration_s, labels)
    yield _one("acgs_load_users", "Users running now.", course.users_now, labels)
    yield _one("acgs_load_users_planned", "Users that the plan wants now.", planned, labels)
    yield _one("acgs_load_users_logged_in", "Users with a token.", course.crew.total("logged_in"), labels)
    if plan.load == "open" or course.rate_now is not None:
        rate = plan.rate_at(elapsed_s) if course.rate_now is None else course.rate_now
        yield _one("acgs_load_planned_requests_per_second", "Rate that is asked for now.", rate, labels)
    if plan.target_rps is not None:
        text = "Throughput that the target owes."
        yield _one("acgs_load_demanded_requests_per_second", text, plan.target_rps, labels)
    yield from _crew(run, course)


def health_families(run: str, rows: Iterable[HealthRow]) -> Iterator[Metric]:
    """CPU, lag, memory and users of each process of the generators."""
    known = list(rows)
    for name, text, told in HEALTH:
        family = GaugeMetricFamily(name, text, labels=("run", "process", "region"))
        for row in known:
            family.add_metric((run, row.process, row.region), told(row))
        yield family


def standing_families(run: str, standings: Iterable[Standing]) -> Iterator[Metric]:
    """How each threshold stands; what is not measured has no margin."""
    labels = ("run", "threshold", "measure")
    states = GaugeMetricFamily(
        "acgs_load_threshold_state", "1 for the state that a threshold is in, else 0.", labels=(*labels, "state")
    )
    margins = GaugeMetricFamily(
        "acgs_load_threshold_margin_ratio", "Room to the limit as a share of it; negative: beyond.", labels=labels
    )
    for standing in standings:
        named = (run, standing.expression, standing.measure)
        for state in STATES:
            states.add_metric((*named, state), standing.state == state)
        if standing.margin is not None:
            margins.add_metric(named, standing.margin)
    yield from (states, margins)


def _phase(course: Course) -> dict[str, str]:
    if course.closed or not course.under_way:
        return {"phase": ENDED if course.closed else STARTING, "hold": "false"}
    name = course.phases.phase_at(course.elapsed_s)
    holds = any(phase.name == name and phase.hold for phase in course.phases.until(course.elapsed_s + 1.0))
    return {"phase": name, "hold": "true" if holds else "false"}


def _crew(run: str, course: Course) -> Iterator[Metric]:
    here = GaugeMetricFamily("acgs_load_workers", "Workers that take part now.", labels=("run", "region"))
    lost = GaugeMetricFamily("acgs_load_workers_lost", "Workers lost so far.", labels=("run", "region"))
    members = [(str(member.identity.get("region", "")), member.gone) for member in course.crew if member.identity]
    for region in sorted({region for region, _ in members}):
        theirs = [gone for name, gone in members if name == region]
        here.add_metric((run, region), theirs.count(False))
        lost.add_metric((run, region), theirs.count(True))
    yield from (here, lost)
    samples_lost = sum(member.lost for member in course.crew)
    yield _one("acgs_load_samples_lost", "Samples recorded that have not arrived.", samples_lost, {"run": run})
    skew_ms = course.crew.skew_ms()
    if skew_ms is not None:
        text = "Worst distance of a worker's clock from the master's that was left after correction."
        yield _one("acgs_load_clock_skew_seconds", text, skew_ms / 1e3, {"run": run})
    arrivals = course.crew.arrivals() or {}
    for fate, text in ARRIVALS.items():
        family = CounterMetricFamily(f"acgs_load_arrivals_{fate}", text, labels=("run",))
        if fate in arrivals:
            family.add_metric((run,), arrivals[fate])
        yield family


def _one(name: str, text: str, value: float, labels: dict[str, str]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), value)
    return family

"""Run folders whose truth is known by construction: what the reader says about them can be checked to the digit."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from acgs_load.contract import OPERATIONS, PROOF_OPERATIONS, Outcome
from acgs_load.health import HealthRow
from acgs_load.plan import Node, Plan, Stage, ThresholdText
from acgs_load.run_folder import RunFolder
from acgs_load.sample_pages import pages_of
from acgs_load.samples import Sample, Window, WindowKey

STARTED = 1_800_000_000
REGION = "us-east-1"
DEFAULT_THRESHOLDS = (
    "latency_p95_ms <= 2000",
    "latency_p99_ms <= 5000",
    "latency_avg_ms <= 1000",
    "throughput_rps >= 20",
    "throughput_peak_rps >= 20",
    "error_ratio <= 0.01",
    "throttled_ratio <= 0.01",
    "proofs_unknown_ratio <= 0.01",
    "compliance_score >= 0.95",
    "hash_consistency == 1",
    "isolation_integrity == 1",
    "chain_integrity == 1",
    "proof_correctness == 1",
    "decision_correctness == 1",
    "signature_correctness == 1",
    "durability == 1",
    "read_consistency == 1",
)
MACHINE_THRESHOLDS = ("target_cpu <= 0.8", "target_memory <= 0.85")


def thresholds(*expressions: str, source: str = "flag") -> tuple[ThresholdText, ...]:
    """Thresholds as a user would set them."""
    return tuple(ThresholdText(expression, source) for expression in expressions)


def default_thresholds() -> tuple[ThresholdText, ...]:
    """The defaults of an ordinary run; CPU and memory need not be measured."""
    return thresholds(*DEFAULT_THRESHOLDS, source="default") + tuple(
        ThresholdText(expression, "default", required=False) for expression in MACHINE_THRESHOLDS
    )


def plan_of(**changes) -> Plan:
    """A small plan: 5 s ramp to 20 users, 20 s hold."""
    plan = Plan(
        name="fixture",
        test_type="smoke",
        target="http://127.0.0.1:8080",
        embedded=False,
        load="closed",
        stages=(Stage("ramp", 5, 0, 20), Stage("hold", 20, 20, 20, hold=True)),
        users_max=20,
        spawn_rate=4,
        seed=7,
        nodes=(Node("local", 2, 100, REGION),),
        thresholds=default_thresholds(),
        target_rps=20,
        folder="/unused",
        origins={"users": "default", "duration": "flag --duration"},
    )
    return replace(plan, **changes)


class RunFixture:
    """Collects rows and writes them as the master and the runner do."""

    def __init__(self, path: Path, plan: Plan | None = None):
        self.folder = RunFolder(path)
        self.plan = plan or plan_of()
        self.windows: dict[WindowKey, Window] = {}
        self.health: list[HealthRow] = []
        self.resources: list[tuple] = []
        self.examples: list[dict] = []
        self.preflight = {"health": {"status": "healthy", "version": "1"}, "config": None, "warnings": []}
        self.run = self._run()

    def _run(self) -> dict:
        begin_s, phases = 0.0, []
        for stage in self.plan.stages:
            end_s = begin_s + stage.duration_s
            phases.append({"name": stage.name, "from_s": begin_s, "to_s": end_s, "hold": stage.hold})
            begin_s = end_s
        worker = {"region": REGION, "host": "local", "lost": False, "clock_skew_ms": 1.0}
        return {
            "schema": 1,
            "started_s": float(STARTED),
            "ended_s": STARTED + begin_s,
            "interrupted": False,
            "ended_by": "plan",
            "abort": None,
            "phases": phases,
            "workers": [
                {"index": index, "pid": 100 + index, "samples_sent": 100, "samples_received": 100, **worker}
                for index in range(2)
            ],
            "workers_lost": 0,
            "samples_lost": 0,
            "user_errors": 0,
            "clock_skew_ms": 1.0,
            "arrivals": None,
            "users": {"wanted": self.plan.users_max, "reached": self.plan.users_max, "without_token": 0},
            "search": None,
            "versions": {"suite": "0.1.0", "locust": "2.47.0", "python": "3.11", "gevent": "26"},
            "machine": {"cpus": 2, "memory_bytes": 8 << 30, "platform": "Linux"},
        }

    def phase_at(self, second: float) -> str:
        """Name of the phase ``second`` seconds after the start."""
        return self.plan.phase_at(second)

    def add(
        self,
        second: int,
        operation: str,
        latencies_ms: Iterable[float],
        outcome: Outcome = Outcome.OK,
        *,
        violations: tuple[str, ...] = (),
        score: float | None = 1.0,
        status: int | None = None,
        region: str = REGION,
        late_ms: float = 0.0,
        phase: str | None = None,
        **marks,
    ) -> None:
        """Samples of one operation that are done within one second, ``second`` after the start."""
        known = OPERATIONS[operation]
        key = WindowKey(STARTED + second, region, known.scenario or "", operation, phase or self.phase_at(second))
        window = self.windows.setdefault(key, Window())
        latencies = list(latencies_ms)
        marks.setdefault("signature_checked", operation == "audit_create")
        for place, latency_ms in enumerate(latencies):
            sent_s = float(second)
            answered = outcome in (Outcome.OK, Outcome.FAILED_CHECK)
            usual = known.status if answered else {"throttled": 429, "http_error": 500}.get(outcome, 0)
            sample = Sample(
                operation,
                known.scenario or "",
                sent_s - late_ms / 1e3,
                sent_s,
                sent_s + latency_ms / 1e3,
                outcome,
                violations,
                status=usual if status is None else status,
                score=score,
                sent_bytes=200,
                received_bytes=400,
                **marks,
            )
            window.add(sample, STARTED + second + (place + 0.5) / len(latencies))

    def skip(self, second: int, operation: str, count: int) -> None:
        """Requests that were not sent, because there was no object to send them about."""
        key = WindowKey(STARTED + second, REGION, OPERATIONS[operation].scenario, operation, self.phase_at(second))
        self.windows.setdefault(key, Window()).skipped += count

    def steady(self, latency_ms: float = 10.0, each: int = 2, regions: tuple[str, ...] = (REGION,)) -> RunFixture:
        """Every second, ``each`` requests of every operation but ``auth_*``, all right; one login a region at first."""
        for region in regions:
            self.add(0, "auth_login", [20.0], region=region, score=None)
            for second in range(round(self.plan.duration_s)):
                for name, operation in OPERATIONS.items():
                    if operation.scenario is None:
                        continue
                    crossing = name == "cross_tenant_access_attempt"
                    marks = {"isolation_right": True} if crossing else {}
                    self.add(second, name, [latency_ms] * each, region=region, score=None if crossing else 1.0, **marks)
        return self.watched()

    def watched(self, cpu: float = 0.3, loop_lag_ms: float = 2.0) -> RunFixture:
        """Health rows of a master and two workers that keep up."""
        for second in range(round(self.plan.duration_s)):
            users = self.plan.users_at(second)
            for process, of in (("master", users), ("worker-0", users - users // 2), ("worker-1", users // 2)):
                self.health.append(
                    HealthRow(STARTED + second, process, REGION, cpu, 80 << 20, loop_lag_ms, 40, of, 0, 0)
                )
        return self

    def sampled(self, cpu: float = 0.4, memory: float = 0.2, source: str = "process tree") -> RunFixture:
        """Resource rows of the target, one a second."""
        for second in range(round(self.plan.duration_s)):
            self.resources.append((STARTED + second, source, cpu, memory, int(memory * (8 << 30))))
        return self

    def example(self, kind: str, operation: str, second: int, text: str, status: int | None = None) -> None:
        """A violation or an error in words; without a status as earlier versions wrote it."""
        row = {"kind": kind, "operation": operation, "second": STARTED + second, "region": REGION, "text": text}
        self.examples.append(row if status is None else {**row, "status": status})

    def write(self, *, finished: bool = True, pages: bool = True) -> RunFolder:
        """Write everything; without ``run.json`` where the run did not finish.

        Without ``pages``, windows are written a line each, as earlier versions did.
        """
        folder = self.folder
        (folder.path / "logs").mkdir(parents=True, exist_ok=True)
        folder.plan.write_text(replace(self.plan, folder=str(folder.path)).to_json())
        batch = sorted(self.windows.items())
        rows = pages_of(batch) if pages else ({**key._asdict(), **window.to_wire()} for key, window in batch)
        folder.windows.write_text("".join(json.dumps(row) + "\n" for row in rows))
        folder.violations.write_text("".join(json.dumps(row) + "\n" for row in self.examples))
        _table(folder.generators, HealthRow._fields, self.health)
        if self.resources:
            _table(folder.resources, ("second", "source", "cpu", "memory", "memory_bytes"), self.resources)
        folder.preflight.write_text(json.dumps(self.preflight))
        if finished:
            folder.run.write_text(json.dumps(self._told()))
        return folder

    def _told(self) -> dict:
        """``run``, its workers' counts moved so that together they are those of the windows; what they lost stays."""
        samples, workers = sum(window.samples for window in self.windows.values()), self.run["workers"]
        counted = [row for row in workers if row.get("samples_received") is not None]
        over = samples - sum(row["samples_received"] for row in counted)
        for place, row in enumerate(counted):
            more = over // len(counted) + (place < over % len(counted))
            row |= {name: row[name] + more for name in ("samples_sent", "samples_received")}
        return self.run


def _table(path: Path, header: Iterable[str], rows: Iterable[tuple]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


PROOFS = tuple(name for name in OPERATIONS if name in PROOF_OPERATIONS)

"""A two-hour run as it lies in its folder: 20 operations × 4 regions × 7,200 s, made up and written in a minute."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import orjson

from acgs_load.contract import AUTH_OPERATIONS, DEFAULT_MIX, OPERATIONS
from acgs_load.health import HealthRow
from acgs_load.histogram import Histogram
from acgs_load.plan import Node, Plan, Stage, ThresholdText
from acgs_load.profile_acceptance import default_thresholds
from acgs_load.run_folder import RunFolder
from acgs_load.sample_pages import pages_of
from acgs_load.samples import Window, WindowKey

STARTED = 1_800_000_000
RAMP_S = 100
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
SAMPLES = 12
"""In each second of each operation and region: close to 1,000 requests a second in all."""
DRAWS = 4_096
"""Different seconds that are made; each is used many times."""


def plan(folder: Path, duration_s: int) -> Plan:
    """An endurance run over four regions, with the default thresholds and two that look at windows."""
    windows = ("latency_p95_ms <= 2000 over 10s for 3", "error_ratio <= 0.01 over 10s for 3")
    return Plan(
        name="two-hours",
        test_type="endurance",
        target="http://127.0.0.1:8080",
        embedded=False,
        load="closed",
        stages=(
            Stage("ramp", RAMP_S, 0, 800),
            Stage("hold", duration_s - RAMP_S, 800, 800, hold=True),
        ),
        users_max=800,
        spawn_rate=8,
        seed=1,
        nodes=tuple(Node(f"node-{place}", 1, 200, region) for place, region in enumerate(REGIONS)),
        thresholds=(
            *default_thresholds(DEFAULT_MIX, 0.95, []),
            *(ThresholdText(text, "flag") for text in windows),
        ),
        target_rps=None,
        folder=str(folder),
    )


def write_run(folder: Path, duration_s: int = 7_200, seed: int = 1) -> RunFolder:
    """The folder, complete and passing."""
    home = RunFolder(folder)
    home.logs.mkdir(parents=True)
    home.plan.write_text(plan(folder, duration_s).to_json())
    _write_windows(home, duration_s, seed)
    _write_machines(home, duration_s)
    home.violations.write_text("")
    home.preflight.write_text(json.dumps({"health": {"status": "healthy"}, "config": None, "warnings": []}))
    home.run.write_text(json.dumps(_record(duration_s)))
    return home


def _write_windows(home: RunFolder, duration_s: int, seed: int) -> None:
    draws, chance = _draws(seed), random.Random(seed)
    names = [name for name in OPERATIONS if name not in AUTH_OPERATIONS] + ["auth_refresh"]
    with home.windows.open("wb") as file:
        for second in range(duration_s):
            epoch, phase = STARTED + second, "ramp" if second < RAMP_S else "hold"
            batch = [
                (
                    WindowKey(epoch, region, OPERATIONS[name].scenario or "", name, phase),
                    _window(name, epoch, chance.choice(draws)),
                )
                for region in REGIONS
                for name in names
            ]
            file.writelines(orjson.dumps(page) + b"\n" for page in pages_of(batch))


def _window(operation: str, epoch: int, service: Histogram) -> Window:
    window = Window()
    window.samples, window.outcomes, window.service = SAMPLES, {"ok": SAMPLES}, service
    window.sent_bytes, window.received_bytes = 6_120, 9_340
    window.first_done_s, window.last_done_s = epoch + 0.04, epoch + 0.97
    if operation == "cross_tenant_access_attempt":
        window.isolation_right = SAMPLES
    else:
        window.answers_2xx = window.score_count = SAMPLES
        window.score_sum = float(SAMPLES)
    return window


def _draws(seed: int) -> list[Histogram]:
    latencies_us = np.random.default_rng(seed).lognormal(np.log(20_000), 0.7, (DRAWS, SAMPLES)).astype(int)
    return [Histogram.of(row) for row in latencies_us.tolist()]


def _write_machines(home: RunFolder, duration_s: int) -> None:
    probe = " ".join(map(str, Histogram.of([180, 210, 240, 400, 900]).to_wire()))
    with home.generators.open("w") as file:
        file.write(",".join(HealthRow._fields) + "\n")
        for second in range(STARTED, STARTED + duration_s):
            file.write(f"{second},master,master,0.04,90000000,3.1,40,800,0,0,\n")
            for worker, region in enumerate(REGIONS):
                file.write(f"{second},worker-{worker},{region},0.42,120000000,4.2,260,200,0,0,{probe}\n")
    with home.resources.open("w") as file:
        file.write("second,source,cpu,memory,memory_bytes\n")
        file.writelines(f"{STARTED + at},process tree,0.41,0.22,1900000000\n" for at in range(duration_s))


def _record(duration_s: int) -> dict[str, object]:
    worker = {"host": "local", "lost": False, "clock_skew_ms": 1.0, "samples_sent": 1, "samples_received": 1}
    return {
        "schema": 1,
        "started_s": float(STARTED),
        "ended_s": float(STARTED + duration_s),
        "interrupted": False,
        "ended_by": "plan",
        "abort": None,
        "phases": [
            {"name": "ramp", "from_s": 0, "to_s": RAMP_S, "hold": False},
            {"name": "hold", "from_s": RAMP_S, "to_s": duration_s, "hold": True},
        ],
        "workers": [{"index": at, "region": region, "pid": 1, **worker} for at, region in enumerate(REGIONS)],
        "workers_lost": 0,
        "samples_lost": 0,
        "clock_skew_ms": 1.0,
        "arrivals": None,
        "users": {"wanted": 800, "reached": 800, "without_token": 0},
        "search": None,
        "versions": {"suite": "0.1.0"},
        "machine": {"cpus": 2},
    }

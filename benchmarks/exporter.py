"""What a scrape costs the master: twenty-one operations after five minutes, in one region and in four."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path

from acgs_load.contract import OPERATIONS
from acgs_load.histogram import Histogram
from acgs_load.profiles import plan_for
from acgs_load.run_folder import RunFolder
from acgs_load.samples import Window, WindowKey
from acgs_load.settings import resolve
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.master.course import Course
from acgs_load.traffic.master.crew import Crew
from acgs_load.traffic.master.exporter import Exporter
from acgs_load.traffic.master.telemetry import Telemetry
from acgs_load.traffic.phases import PhaseBook

SECONDS, REQUESTS, ROUNDS = 300, 12, 15
"""Requests a second of each operation."""
FORMATS = {"text": "text/plain", "protocol buffers, with native histograms": "application/vnd.google.protobuf"}


def exporter_of(folder: Path, regions: int) -> Exporter:
    """An exporter that has seen five minutes of a run."""
    plan = plan_for(resolve({"duration": f"{SECONDS}s"}, {}), "", 1)
    place, clock = RunFolder(folder), Clock()
    course = Course(
        plan, place, clock, Crew(lambda *_: None), Telemetry(place), clock.now_s() - SECONDS, PhaseBook.of(plan)
    )
    chance, exporter = random.Random(1), Exporter()
    exporter.follow(course)
    for second in range(SECONDS):
        for region in range(regions):
            for name, operation in OPERATIONS.items():
                window = Window()
                window.service = Histogram.of(round(chance.lognormvariate(9.5, 1)) for _ in range(REQUESTS))
                key = WindowKey(second, f"region-{region}", str(operation.scenario or ""), name, "hold")
                for listener in course.listeners:
                    listener(key, window)
    return exporter


def main() -> None:
    """Print the median CPU time of a scrape, and how much it says."""
    for regions in (1, 4):
        with tempfile.TemporaryDirectory() as folder:
            exporter = exporter_of(Path(folder), regions)
        for name, accept in FORMATS.items():
            times_s, size_bytes = [], 0
            for _ in range(ROUNDS):
                began_s = time.process_time()
                size_bytes = len(exporter.exposition(accept)[1])
                times_s.append(time.process_time() - began_s)
            milliseconds = statistics.median(times_s) * 1e3
            print(f"{regions} region{'s' * (regions > 1)}, {name}: {milliseconds:.1f} ms CPU, {size_bytes >> 10} KiB")


if __name__ == "__main__":
    main()

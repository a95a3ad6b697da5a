"""What a stack that is up must do: a run started as the web UI starts it, its report, exact counts, targets scraped.

``stack_checks.py PROJECT FOLDER``, which .ci/docker calls; ends with exit code 1 and what was wrong, or what was found.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from running import target_counts

UI, PROMETHEUS, GATEWAY = "http://127.0.0.1:8089", "http://127.0.0.1:9090", "http://127.0.0.1:8080"
WORKERS = 16
REGIONS = {"us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"}
RUN_S = 20
RUNS_MOST, REPORT_S = 3, 60.0


def get(url: str) -> str:
    """The page."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def within(seconds: float, what: str, look: Callable[[], Any]) -> Any:
    """What ``look`` gives once it is true. Ends the process where it never is."""
    deadline_s = time.monotonic() + seconds
    while not (found := look()):
        demand(time.monotonic() < deadline_s, f"{what}: not within {seconds:g} s")
        time.sleep(1)
    return found


def demand(holds: bool, otherwise: str) -> None:
    """Nothing, or the end of the process."""
    if not holds:
        sys.exit(f"compose: {otherwise}")


def workers() -> int:
    """Worker processes that are connected."""
    return int(json.loads(get(f"{UI}/stats/requests"))["worker_count"])


def start_run() -> None:
    """As the form of the web UI does."""
    form = {"user_count": "40", "spawn_rate": "10", "host": "http://acgs-gateway:8080", "run_time": f"{RUN_S}s"}
    request = urllib.request.Request(f"{UI}/swarm", urllib.parse.urlencode(form).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        said = json.load(answer)
    demand(said["success"] is True, f"/swarm: {said}")


def targets_up() -> bool:
    """Whether Prometheus reads all that it is told to, and the run's requests among it."""
    targets = json.loads(get(f"{PROMETHEUS}/api/v1/targets"))["data"]["activeTargets"]
    jobs = {target["labels"]["job"]: target["health"] for target in targets}
    query = urllib.parse.quote("sum(acgs_load_requests_total)")
    counted = json.loads(get(f"{PROMETHEUS}/api/v1/query?query={query}"))["data"]["result"]
    wanted = {"prometheus": "up", "acgs-load": "up", "acgs-target": "up"}
    return wanted.items() <= jobs.items() and set(jobs.values()) == {"up"} and bool(counted)


def finished(folder: Path, before: set[Path]) -> Path | None:
    """The folder of the run that has ended since, if one has."""
    return next((path.parent for path in set(folder.glob("reports/*/*/run.json")) - before), None)


def measured_run(folder: Path) -> dict[str, Any]:
    """The report of a run that was played to its end.

    Sixteen processes that begin at once can make a busy machine lose sight of its workers, and a run then rightly
    ends below its quorum; another one is started in the same way.
    """
    for _ in range(RUNS_MOST):
        before = set(folder.glob("reports/*/*/run.json"))
        counted_before = counts()
        start_run()
        run = within(RUN_S + 90, "the end of the run", partial(finished, folder, before))
        if json.loads((run / "run.json").read_text(encoding="utf-8"))["ended_by"] != "plan":
            continue
        demand(appears(run / "report.json"), f"no report in {run}")
        within(30, "Prometheus's targets up", targets_up)
        told = json.loads((run / "report.json").read_text(encoding="utf-8"))
        check_report(told, {name: count - counted_before.get(name, 0) for name, count in counts().items()})
        return dict(told)
    sys.exit(f"compose: none of {RUNS_MOST} runs was played to its end")


def appears(path: Path) -> bool:
    """Whether the analyzer writes the report."""
    deadline_s = time.monotonic() + REPORT_S
    while not path.exists() and time.monotonic() < deadline_s:
        time.sleep(1)
    return path.exists()


def check_report(told: dict[str, Any], counted: dict[str, int]) -> None:
    """Sent, counted by the target and reported are the same; nothing wrong was seen; every region took part."""
    sent = {row["operation"]: row["requests"] + row["resent"] for row in told["operations"]}
    same = bool(sent) and sent == {name: counted.get(name) for name in sent}
    demand(same, f"sent {sent}, the target counted {counted}")
    demand(told["violations"] == [], f"violations: {told['violations']}")
    demand(told["verdict"] in ("PASS", "INVALID"), f"verdict {told['verdict']}")  # INVALID: a machine that is too busy
    demand({row["region"] for row in told["regions"]} == REGIONS, f"regions: {told['regions']}")


def counts() -> dict[str, int]:
    """Requests by operation, as the target counts them."""
    return target_counts(get(f"{GATEWAY}/gateway/metrics"))


def check_privileges(project: str) -> int:
    """No process is root, no root file system can be written. Gives how many containers were looked at."""
    label = f"label=com.docker.compose.project={project}"
    names = _docker("ps", "--filter", label, "--format", "{{.Names}}").split()
    for name in names:
        users = [line.split()[1] for line in _docker("top", name, "-eo", "pid,uid").splitlines()[1:]]
        demand("0" not in users, f"{name}: a process is root")
        read_only = _docker("inspect", "--format", "{{.HostConfig.ReadonlyRootfs}}", name).strip()
        demand(read_only == "true", f"{name}: its root file system can be written")
        written = subprocess.run(("docker", "exec", name, "touch", "/written"), capture_output=True, check=False)
        demand(written.returncode != 0, f"{name}: /written could be written")
    return len(names)


def _docker(*words: str) -> str:
    return subprocess.run(("docker", *words), capture_output=True, text=True, check=True).stdout


def main(project: str, folder: Path) -> None:
    """All of it, in order."""
    within(120, f"{WORKERS} workers", lambda: workers() == WORKERS)
    containers = check_privileges(project)
    told = measured_run(folder)
    requests = sum(row["requests"] for row in told["operations"])
    print(f"{containers} containers without root; {WORKERS} workers; {requests:,} requests, exact; {told['verdict']}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

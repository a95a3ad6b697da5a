"""``--place compose``: the commands, what becomes of their output and exit code, and that nothing is left behind.

Docker is a stand-in here that notes what it is asked; .ci/docker does it for real.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from composing import PROJECT, services

from acgs_load.cli import plan_from
from acgs_load.errors import ExitCode
from acgs_load.fleet.choice import place_of
from acgs_load.fleet.compose import ComposePlace
from acgs_load.fleet.compose_plan import Machine, inner_plan
from acgs_load.fleet.inside import INSIDE_VARIABLE, InsidePlace
from acgs_load.fleet.shift import PROCESSES_VARIABLE

SECRET = "a secret that nobody may see"
WAIT_S = 30.0
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> {log}
case "$(basename "$0") $*" in
  "docker info"*) echo "2 25275000000" ;;
  *" build "*) {build} ;;
  "docker logs --follow"*) echo "said in a container"; {follow} ;;
  "docker logs"*) echo "said by a worker" ;;
  "docker wait"*) echo {code} ;;
esac
"""


def _plan(tmp_path, *flags, **more):
    told = {"place": "compose", "test_type": "smoke", "output": str(tmp_path), **more}
    return plan_from(told, {})


@pytest.fixture
def docker(tmp_path):
    """Makes stand-ins for docker and docker-compose; gives the environment, and how to read what was asked of them."""
    log = tmp_path / "asked"

    def make(build: str = ":", follow: str = ":", code: int = 0) -> tuple[dict[str, str], Path]:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("docker", "docker-compose"):
            file = folder / name
            file.write_text(STAND_IN.format(log=log, build=build, follow=follow, code=code), encoding="utf-8")
            file.chmod(0o755)
        return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "ACGS_RUN_SECRET": SECRET}, log

    return make


def _start(tmp_path, environ, *flags):
    words = ("run_load_test.py", "--place", "compose", "--test-type", "smoke", "--test-name", "t", "--output")
    return subprocess.Popen(
        [sys.executable, *words, str(tmp_path / "out"), *flags],
        cwd=PROJECT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _asked(log: Path, what: str) -> list[str]:
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return [line for line in text.splitlines() if re.search(what, line)]


def _await(log: Path, what: str) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not _asked(log, what):
        assert time.monotonic() < deadline_s, f"never asked: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("code", [0, 1, 3, 4, 5, 130])
def test_a_run_in_containers_is_the_run(docker, tmp_path, code):
    """Its output, its exit code, its plan in the folder here, the workers' logs beside; then everything is removed."""
    environ, log = docker(code=code)
    run = _start(tmp_path, environ, "--workers", "3")
    output, errors = run.communicate(timeout=WAIT_S)
    assert (run.returncode, errors) == (code, "")
    assert "said in a container\n" in output
    folder = next((tmp_path / "out" / "t").iterdir())
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["target"] == "http://acgs-gateway:8080"
    assert plan["target_metrics"]["cpus"] == 2
    assert (folder / "logs" / "worker-0.log").read_text() == "said by a worker\n"
    asked = log.read_text().splitlines()
    assert f"{PROCESSES_VARIABLE}=3" in _asked(log, "locust-worker-1$")[0]
    assert f"--plan {folder}/plan.json" in _asked(log, " runner python ")[0]
    assert asked[-1].startswith("docker-compose")
    assert " down --volumes" in asked[-1]
    assert len(_asked(log, "docker rm --force")) == 1
    assert SECRET not in log.read_text() + output + (folder / "plan.json").read_text()


def test_what_docker_refuses_is_one_line(docker, tmp_path):
    """Exit code 4, the last thing that Docker said, and the clean-up."""
    environ, log = docker(build="echo first >&2; echo no space left on device >&2; exit 1")
    run = _start(tmp_path, environ)
    _, errors = run.communicate(timeout=WAIT_S)
    assert run.returncode == ExitCode.INVALID
    said = "run_load_test.py: error: --place compose: building the image: no space left on device\n"
    assert errors == said
    assert len(_asked(log, " down --volumes")) == 1


def test_without_docker_one_line_says_so(tmp_path):
    """Exit code 4, and what to do."""
    (tmp_path / "nothing").mkdir()
    run = _start(tmp_path, {**os.environ, "PATH": str(tmp_path / "nothing")})
    _, errors = run.communicate(timeout=WAIT_S)
    assert run.returncode == ExitCode.INVALID
    assert errors.count("\n") == 1
    assert "install Docker" in errors


def test_a_container_that_dies_is_no_verdict(docker, tmp_path):
    """137, as of a container that had no memory left, is said and becomes 4."""
    environ, _ = docker(code=137)
    run = _start(tmp_path, environ)
    _, errors = run.communicate(timeout=WAIT_S)
    assert run.returncode == ExitCode.INVALID
    assert "ended with 137" in errors


def test_a_signal_before_the_run_calls_it_off(docker, tmp_path):
    """Nothing more is started, everything is removed, 130."""
    environ, log = docker(build="exec sleep 60")
    run = _start(tmp_path, environ)
    _await(log, " build ")
    run.send_signal(signal.SIGINT)
    output, errors = run.communicate(timeout=WAIT_S)
    assert (run.returncode, errors) == (ExitCode.INTERRUPTED, "")
    assert "interrupted before anything was sent" in output
    assert _asked(log, " run -d ") == []
    assert len(_asked(log, " down --volumes")) == 1


def test_signals_reach_the_runner_there(docker, tmp_path):
    """Ctrl-C once and twice is what the runner in the container is told; it decides how it ends."""
    environ, log = docker(follow="while [ $(grep -c 'kill --signal' {log}) -lt 2 ]; do sleep 0.1; done", code=130)
    for stand_in in Path(environ["PATH"].split(":")[0]).iterdir():
        stand_in.write_text(stand_in.read_text().replace("{log}", str(log)), encoding="utf-8")
    run = _start(tmp_path, environ)
    _await(log, "logs --follow")
    for count in (1, 2):
        run.send_signal(signal.SIGINT)
        _await_count(log, "docker kill --signal TERM", count)
    run.communicate(timeout=WAIT_S)
    assert run.returncode == ExitCode.INTERRUPTED
    assert _asked(log, "docker kill --signal KILL") == []


def _await_count(log: Path, what: str, count: int) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while len(_asked(log, what)) < count:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_killed_runner_leaves_nothing(docker, tmp_path):
    """After a kill -9 the run there is ended in order, and everything is removed."""
    environ, log = docker(follow="exec sleep 60")
    run = _start(tmp_path, environ)
    _await(log, "logs --follow")
    run.kill()
    _await(log, " down --volumes")
    run.wait()
    assert len(_asked(log, "docker stop --time")) == 1
    for stream in (run.stdout, run.stderr):
        stream.close()


@pytest.mark.parametrize(
    ("flags", "target", "source"),
    [
        ({}, "http://acgs-gateway:8080", "http://acgs-gateway:8080/gateway/metrics"),
        ({"target": "embedded:0"}, "http://acgs-gateway:8080", "http://acgs-gateway:8080/gateway/metrics"),
        (
            {"target": "http://localhost:9000/acgs"},
            "http://host.docker.internal:9000/acgs",
            "http://host.docker.internal:9000/acgs/gateway/metrics",
        ),
        ({"target": "https://acgs.example.com"}, "https://acgs.example.com", "auto"),
        ({"target": "http://localhost:9000", "target_metrics": "none"}, "http://host.docker.internal:9000", "none"),
    ],
)
def test_addresses_that_hold_in_containers(flags, target, source, tmp_path):
    """The reference gateway is a service, this machine has a name, and its CPUs are known; others stay as they are."""
    plan = inner_plan(_plan(tmp_path, **flags), Machine(2.0, 24.0))
    assert (plan.target, plan.target_metrics.source, plan.embedded) == (target, source, False)
    assert plan.allowed_targets[-1] in target
    assert (plan.target_metrics.cpus == 2.0) == source.startswith("http")


def test_nodes_are_containers(tmp_path):
    """Four regions are four containers of four processes; files that the plan names are mounted where they are here."""
    plan = dataclasses.replace(_plan(tmp_path, test_type="distributed"), baseline="/b/base", ca_file="/c/ca.pem")
    steps = [" ".join(command.argv) for command in ComposePlace(plan).steps()]
    workers = [step for step in steps if step.endswith("locust-worker-1")]
    assert [re.search(r"ACGS_REGION=(\S+)", step)[1] for step in workers] == [node.region for node in plan.nodes]
    assert all(f"{PROCESSES_VARIABLE}=4" in step for step in workers)
    runner = next(step for step in steps if " runner python " in step)
    assert "-v /b/base:/b/base:ro -v /c/ca.pem:/c/ca.pem:ro" in runner
    assert not any("--publish" in step or "--service-ports" in step for step in steps)


def test_commands_speak_of_services_that_exist(tmp_path):
    """Services, and the names by which containers find each other, are those of docker-compose.yml."""
    plan = inner_plan(_plan(tmp_path))
    assert {"runner", "acgs-gateway", "locust-worker-1", "folders", "redis"} <= services().keys()
    assert services()["runner"]["restart"] == "no", "a run that has ended must not begin again"
    assert plan.master_host == "runner"


def test_the_runner_inside_starts_no_worker_and_no_container(tmp_path, monkeypatch):
    """In a container the same plan is played by a runner whose workers come by themselves."""
    plan = _plan(tmp_path)
    assert isinstance(place_of(plan), ComposePlace)
    monkeypatch.setenv(INSIDE_VARIABLE, "compose")
    place = place_of(plan)
    assert isinstance(place, InsidePlace)
    assert place.start(plan) == []
    assert [command.name for command in place.steps()] == ["master"]


def test_a_plan_in_a_folder_made_ready_is_played_there(tmp_path):
    """``--plan`` alone, in a folder without a run, means that folder; with a run in it, another one."""
    folder = tmp_path / "name" / "stamp"
    (folder / "logs").mkdir(parents=True)
    plan = dataclasses.replace(_plan(tmp_path), folder=str(folder))
    (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
    flags = {"plan": str(folder / "plan.json")}
    assert plan_from(flags, {}).folder == str(folder)
    assert plan_from({**flags, "test_name": "other"}, {}).folder != str(folder)
    (folder / "windows.jsonl").touch()
    assert plan_from(flags, {}).folder != str(folder)

"""Nothing listens where it was not asked to, nobody drives a run who may not, and no secret is written anywhere."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest
import requests
import running
from course_fixture import plan_of
from locust_processes import Locust, free_port, nothing_left  # noqa: F401  # a fixture for all tests here

from acgs_load.errors import UsageError
from acgs_load.plan import Node
from acgs_load.session_safety import demand_safety

RUN_SECRET, WEB_PASSWORD = "run-secret-5b1f0c77a9", "web-password-93ab10ff"


def test_what_others_can_reach_needs_a_secret():
    """Workers on other machines join with the run's; the web UI beyond loopback asks for a password."""
    here, there = plan_of(), plan_of(nodes=(Node("10.0.0.7", 1, 10, "eu"),))
    open_ui = plan_of(web_ui=True, web_host="0.0.0.0")
    demand_safety(here, {})
    demand_safety(there, {"ACGS_RUN_SECRET": RUN_SECRET})
    demand_safety(plan_of(web_ui=True), {})
    demand_safety(open_ui, {"ACGS_WEB_PASSWORD": WEB_PASSWORD})
    with pytest.raises(UsageError, match="ACGS_RUN_SECRET is not set: workers that are started on other machines"):
        demand_safety(there, {})
    with pytest.raises(
        UsageError, match=r"LOCUST_WEB_HOST 0\.0\.0\.0: whoever reaches the web UI can start load; set ACGS"
    ):
        demand_safety(open_ui, {})


def _answers(address, port):
    with socket.socket() as probe:
        probe.settimeout(30)
        return probe.connect_ex((address, port)) == 0


def _await_answer(run, *ports):
    deadline_s = time.monotonic() + 60
    while not all(_answers("127.0.0.1", port) for port in ports):
        assert time.monotonic() < deadline_s, run.log
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [(), ("--web-host", "0.0.0.0", "--master-bind-host", "0.0.0.0")], ids=["", "asked"])
def test_master_and_web_ui_listen_on_loopback_unless_asked(tmp_path, asked):
    """127.0.0.2 reaches what listens on every interface, and nothing else; without a login that is warned of."""
    web, environ = free_port(), {"ACGS_TEST_TYPE": "smoke", "ACGS_TARGET_HOST": "http://127.0.0.1:9"}
    run = Locust(tmp_path, None, **environ)
    run.start("--master", "--master-bind-port", str(run.port), "--web-port", str(web), *asked)
    _await_answer(run, web, run.port)
    assert _answers("127.0.0.2", web) == _answers("127.0.0.2", run.port) == bool(asked)
    for said in ("without a login: whoever reaches it can start load", "without ACGS_RUN_SECRET: whoever reaches it"):
        assert (said in run.log) == bool(asked), run.log
    run.signal(signal.SIGINT).wait(60)


GUARDED = [
    *[("GET", path) for path in ("/", "/rate", "/metrics", "/report/a/b", "/compliance", "/compliance/live.json")],
    *[("POST", path) for path in ("/swarm", "/rate", "/stop")],
]


@pytest.mark.slow
@pytest.mark.parametrize("base", ["", "/load"], ids=["", "below a path"])
def test_the_web_ui_asks_for_the_password(tmp_path, base):
    """Without it no page, no start, no rate; a wrong one is answered late and told so; the right one lets in."""
    web = free_port()
    environ = {"ACGS_TEST_TYPE": "smoke", "ACGS_TARGET_HOST": "http://127.0.0.1:9", "ACGS_WEB_PASSWORD": WEB_PASSWORD}
    run = Locust(tmp_path, None, **environ).start("--web-port", str(web), "--web-base-path", base)
    _await_answer(run, web)
    url, form = f"http://127.0.0.1:{web}{base}", {"user_count": "1", "spawn_rate": "1", "host": "http://127.0.0.1:9"}
    for method, path in GUARDED:
        answer = requests.request(method, url + path, data=form, timeout=30, allow_redirects=False)
        assert (answer.status_code, "/login" in answer.headers.get("Location", "")) == (302, True), (path, answer.text)
    with requests.Session() as visitor:
        began_s = time.monotonic()
        wrong = visitor.post(f"{url}/login_submit", data={"username": "acgs", "password": "guess"}, timeout=30)
        assert time.monotonic() - began_s >= 1
        assert "wrong user or password" in wrong.text
        assert visitor.get(f"{url}/rate", timeout=30, allow_redirects=False).status_code == 302
        visitor.post(f"{url}/login_submit", data={"username": "acgs", "password": WEB_PASSWORD}, timeout=30)
        assert visitor.get(f"{url}/rate", timeout=30, allow_redirects=False).status_code == 200
        assert visitor.post(f"{url}/swarm", data=form, timeout=30).json()["success"]
    run.signal(signal.SIGINT).wait(90)
    assert WEB_PASSWORD not in run.log


@pytest.mark.slow
def test_a_login_without_a_password_is_refused(tmp_path):
    """One line, exit 2, before anything listens."""
    run = Locust(tmp_path, None, ACGS_TEST_TYPE="smoke").start("--web-login", "--web-port", str(free_port()))
    assert run.wait(60) == 2
    assert "--web-login: set ACGS_WEB_PASSWORD" in run.log
    assert "Traceback" not in run.log


@pytest.mark.slow
def test_no_secret_is_in_any_file_any_output_or_any_command_line(tmp_path):
    """Of a whole run with its report and its restarted worker: neither those that were given nor the run's own."""
    given = {"ACGS_RUN_SECRET": RUN_SECRET, "ACGS_WEB_PASSWORD": WEB_PASSWORD}
    flags = ("--target", "embedded:0", "--users", "20", "--duration", "10s", "--workers", "2", "--test-type", "smoke")
    words, known = [], set()
    for name, environ in (("given", given), ("own", {})):
        process = running.start_run(tmp_path / name, *flags, "--restart-workers", "--min-workers", "0", environ=environ)
        family, deadline_s = psutil.Process(process.pid), time.monotonic() + 60
        while not list((tmp_path / name).rglob("windows.jsonl")) and time.monotonic() < deadline_s:
            time.sleep(0.2)
        for member in (family, *family.children(recursive=True)):
            words += member.cmdline()
            known.add(_secret_of(member.pid))
        ended = running.finish(process, tmp_path / name)
        assert ended.report["measures"]["samples_lost"]["value"] == 0, ended.output
        words += [ended.output, ended.errors]
    known -= {"", None}
    assert RUN_SECRET in known
    assert len(known) == 2, "the run without one made one up for its own processes"
    for secret in (*known, WEB_PASSWORD):
        assert not [word for word in words if secret in word]
        held = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert held == []


def _secret_of(pid):
    """What a process was given as the run's secret."""
    environ = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    found = re.search(r"(?:^|\0)ACGS_RUN_SECRET=([^\0]*)", environ)
    return found.group(1) if found else None


@pytest.mark.slow
def test_a_worker_that_dies_is_started_again_and_takes_users(tmp_path):
    """The runner says so; the run has all its users at the end, and the gateway counted what was merged."""
    flags = ("--target", "embedded:0", "--users", "30", "--duration", "24s", "--spawn-rate", "30", "--workers", "3")
    lenient = ("--restart-workers", "--test-type", "smoke", "--threshold", "throughput_rps >= 1")
    process = running.start_run(tmp_path, *flags, *lenient)
    deadline_s = time.monotonic() + 90
    while not list(tmp_path.rglob("windows.jsonl")) and time.monotonic() < deadline_s:
        time.sleep(0.2)
    time.sleep(3)
    spools = sorted(tmp_path.rglob("spools/worker-*.jsonl"))
    with spools[0].open() as file:
        os.kill(json.loads(file.readline())["pid"], signal.SIGKILL)
    ended = running.finish(process, tmp_path)
    assert re.search(r"worker-\d died \(status -9\): started again, 1 of 3", ended.output), ended.output + ended.errors
    record = ended.record
    assert record["ended_by"] == "plan", ended.output
    assert [worker["lost"] for worker in record["workers"]] == [True, False, False, False]
    assert record["workers"][3]["samples_sent"] > 20, "the new one took users"
    assert all(
        row["samples_sent"] - row["samples_received"] <= row.get("samples_per_s_max", 0) for row in record["workers"]
    )
    counted = running.target_counts((ended.folder / "target_metrics.txt").read_text())
    merged = sum(row["requests"] + row["resent"] for row in ended.report["operations"])
    under_way = 10  # the killed worker's users: each may have been waiting for an answer
    assert 0 <= sum(counted.values()) - merged - record["samples_lost"] <= under_way
    assert not [reason for reason in ended.report["reasons"] if "lost" in reason], ended.output
    assert any("was lost at" in text for text in ended.report["warnings"])

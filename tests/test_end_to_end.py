"""The main job as a user runs it: real processes, real load on loopback, real verdicts."""

from __future__ import annotations

import csv
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import running

from acgs_load.contract import DEFAULT_MIX, OPERATIONS
from acgs_load.errors import ExitCode
from acgs_load.fleet.ports import free_port

pytestmark = pytest.mark.slow

SHORT = ("--users", "40", "--duration", "10s", "--spawn-rate", "40", "--workers", "1")
BRISK = ("--rate", "100", "--users", "10", "--duration", "10s", "--workers", "1")
"""Open load: few users who each do much, so that rare sequences (read after an update) happen within seconds."""
DEFAULT_SHARES = {scenario: percent / 100 for scenario, percent in DEFAULT_MIX.items()}


@pytest.fixture(scope="module")
def truthful(tmp_path_factory):
    """A run against the embedded gateway that several tests look at."""
    output = tmp_path_factory.mktemp("truthful")
    return running.trusted_run(output, "--target", "embedded:0", "--users", "60", "--duration", "20s", "--workers", "2")


def test_a_truthful_gateway_passes(truthful):
    """Exit 0, PASS, no violation, and the report is named in the output."""
    assert truthful.code == 0, truthful.output + truthful.errors
    assert truthful.report["verdict"] == "PASS"
    assert truthful.report["violations"] == []
    assert "report.html" in truthful.output
    for name in ("report.html", "report.md", "report.json", "junit.xml", "windows.jsonl", "stats_stats.csv"):
        assert (truthful.folder / name).stat().st_size > 0


def test_what_was_sent_is_what_the_gateway_counted(truthful):
    """Requests by operation equal the target's own count, exactly; nothing was lost on the way."""
    counted = running.target_counts((truthful.folder / "target_metrics.txt").read_text())
    sent = {row["operation"]: row["requests"] + row["resent"] for row in truthful.report["operations"]}
    assert sent == {name: count for name, count in counted.items() if name in OPERATIONS}
    assert truthful.record["samples_lost"] == truthful.record["workers_lost"] == 0


def test_shares_are_within_a_point_of_the_plan(truthful):
    """25 / 30 / 20 / 15 / 10 of the requests, auth left out."""
    shares = {row["scenario"]: row["share"] for row in truthful.report["scenarios"]}
    for scenario, percent in DEFAULT_MIX.items():
        assert abs(100 * shares[scenario] - percent) <= 1.0, shares


def test_locusts_own_csv_agrees_to_the_request(truthful):
    """Counts and failures of every operation in stats_stats.csv are those of our windows."""
    rows = {row["Name"]: row for row in csv.DictReader((truthful.folder / "stats_stats.csv").open())}
    for operation in truthful.report["operations"]:
        row = rows[operation["operation"]]
        failed = operation["requests"] - operation["outcomes"].get("ok", 0)
        assert (int(row["Request Count"]), int(row["Failure Count"])) == (operation["requests"], failed)
    assert int(rows["Aggregated"]["Request Count"]) == sum(row["requests"] for row in truthful.report["operations"])


def test_a_strangers_target_passes(tmp_path):
    """A target built from the contract alone, by somebody who never saw this code, shows no violation."""
    with running.stranger() as url:
        ended = running.trusted_run(tmp_path, "--target", url, *SHORT, "--threshold", "throughput_rps >= 20")
    assert ended.report["violations"] == [], ended.output
    assert ended.code == 0, ended.output + ended.errors


def test_the_plain_transport_passes_through_a_proxy(tmp_path):
    """``--transport plain`` loads a target whose name only the environment's proxy knows (here, the gateway itself)."""
    with running.gateway() as url:
        environ = {"http_proxy": url, "no_proxy": "localhost,127.0.0.1", "ACGS_ALLOWED_TARGETS": "acgs.test"}
        way = ("--target", "http://acgs.test", "--transport", "plain")
        ended = running.trusted_run(tmp_path, *way, *SHORT, "--threshold", "throughput_rps >= 1", environ=environ)
    assert ended.code == 0, ended.output + ended.errors
    assert ended.report["violations"] == []


FAULTS = {
    "deny-all": None,
    "hash-wrong-header": "hash_wrong",
    "hash-absent-header": "hash_absent",
    "hash-wrong-body": "hash_wrong",
    "hash-absent-body": "hash_absent",
    "tenant-leak": "isolation_breach",
    "spoof-leak": "isolation_breach",
    "canary-in-403": "isolation_breach",
    "lost-audit": "lost_write",
    "chain-tampered": "chain_broken",
    "proof-wrong": "proof_wrong",
    "counterexample-bogus": "proof_wrong",
    "signature-accepted": "signature_wrong",
    "stale-read": "stale_read",
    "decision-wrong": "decision_wrong",
    "score-low": "score_low",
    "errors=0.2": None,
    "slow-tail=0.2:3": None,
    "stall=3:6": None,
    "throttle=20": None,
    "drop=0.2": None,
    "json-broken=0.2": None,
}
"""Fault → the violation that must be named (None: it shows in a ratio or a latency)."""


QUICK = {"deny-all", "hash-wrong-body", "spoof-leak", "lost-audit", "proof-wrong", "slow-tail=0.2:3", "drop=0.2"}
"""One of each kind; `.ci/run` runs the others too (marker ``matrix``)."""
SLOW = {"slow-tail=0.2:3", "stall=3:6"}
"""In open load these leave no user free, and the run is rightly INVALID: closed load shows the latency itself."""


def run_against(fault, output):
    """A short run against a gateway with one defect."""
    with running.gateway("--fault", fault) as url:
        load = SHORT if fault in SLOW else BRISK
        return running.trusted_run(output, "--target", url, *load, "--threshold", "throughput_rps >= 1")


@pytest.fixture(scope="module")
def defective(request, tmp_path_factory):
    """The runs of every fault that was selected, two at a time."""
    chosen = [item.callspec.params["fault"] for item in request.session.items if "defective" in item.fixturenames]
    with ThreadPoolExecutor(max_workers=2) as pool:
        runs = {fault: pool.submit(run_against, fault, tmp_path_factory.mktemp("fault")) for fault in chosen}
        return {fault: run.result() for fault, run in runs.items()}


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=[] if fault in QUICK else pytest.mark.matrix) for fault in FAULTS]
)
def test_a_planted_fault_is_found_and_named(defective, fault):
    """FAIL and exit 1; the violation, its operation and an example are in the report and in the terminal."""
    ended, violation = defective[fault], FAULTS[fault]
    assert ended.code == ExitCode.FAILED, ended.output + ended.errors
    assert ended.report["verdict"] == "FAIL"
    assert ended.report["reasons"]
    if violation is not None:
        rows = [row for row in ended.report["violations"] if row["violation"] == violation]
        assert rows, ended.report["violations"]
        assert all(row["operation"] in OPERATIONS and row["count"] > 0 for row in rows)
        assert any(row["examples"] for row in rows)
        assert violation in ended.output


def test_a_late_gateway_is_waited_for(tmp_path):
    """Real gateways route nothing at first: 503 for three seconds is no failure."""
    with running.gateway("--fault", "health-late=3") as url:
        ended = running.trusted_run(tmp_path, "--target", url, *SHORT, "--threshold", "throughput_rps >= 1")
    assert ended.code == ExitCode.PASSED, ended.output + ended.errors


def test_tokens_are_refreshed_before_they_run_out(tmp_path):
    """With tokens of 4 s every user refreshes, again and again, and no request is ever refused for its token."""
    with running.gateway("--token-seconds", "4") as url:
        ended = running.trusted_run(tmp_path, "--target", url, *SHORT, "--threshold", "error_ratio <= 0")
    outcomes = {row["operation"]: row["outcomes"] for row in ended.report["operations"]}
    assert outcomes["auth_refresh"]["ok"] >= 40
    assert all(set(kinds) == {"ok"} for kinds in outcomes.values()), outcomes
    assert ended.code == ExitCode.PASSED, ended.output + ended.errors


@pytest.fixture(scope="module")
def unanswered(tmp_path_factory):
    """A run against a port where nobody listens, begun early because it waits for 45 s: (its end, how long it took)."""
    output = tmp_path_factory.mktemp("unanswered")
    with ThreadPoolExecutor(max_workers=1) as pool:
        began_s, took_s = time.monotonic(), []
        waiting = pool.submit(running.run, output, "--target", f"http://127.0.0.1:{free_port()}", *SHORT)
        waiting.add_done_callback(lambda _: took_s.append(time.monotonic() - began_s))
        yield lambda: (waiting.result(), took_s[0])


@pytest.fixture(autouse=True)
def _begun_early(unanswered):
    """Every test of this file may run while that one waits."""


def test_nothing_at_the_target_is_exit_3_with_advice(unanswered):
    """After 45 s and what it takes to start, nothing sent, and the line says what to try."""
    ended, took_s = unanswered()
    assert ended.code == ExitCode.TARGET
    assert 45 <= took_s <= 75
    assert "--target embedded" in ended.errors
    assert "Traceback" not in ended.errors + ended.output


def test_a_wrong_hash_is_exit_3_at_once(tmp_path):
    """A target of another constitution is never loaded."""
    with running.gateway("--hash", "0123456789abcdef") as url:
        ended = running.run(tmp_path, "--target", url, *SHORT)
    assert ended.code == ExitCode.TARGET
    assert "0123456789abcdef" in ended.errors


def test_a_port_taken_by_a_stranger_is_exit_3(tmp_path):
    """The embedded gateway is never mistaken for whoever sits on its port."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        ended = running.run(tmp_path, "--target", f"embedded:{stranger.getsockname()[1]}", *SHORT)
    assert ended.code == ExitCode.TARGET
    assert "stranger" in ended.errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_run_is_analysed(tmp_path, number):
    """Exit 130, "interrupted" in the report, nothing measured is lost, and nothing is left running."""
    process = running.start_run(
        tmp_path, "--target", "embedded:0", "--users", "30", "--duration", "10m", "--workers", "1"
    )
    folder = wait_for_windows(tmp_path)
    family = psutil.Process(process.pid).children(recursive=True)
    time.sleep(3)
    process.send_signal(number)
    ended = running.finish(process, tmp_path, 60)
    assert ended.code == ExitCode.INTERRUPTED, ended.output + ended.errors
    assert ended.report["interrupted"] is True
    assert ended.record["samples_lost"] == 0
    assert (folder / "report.html").exists()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive


def test_a_killed_runner_leaves_nothing_running(tmp_path):
    """After kill -9 of the runner, master, worker and gateway end by themselves."""
    process = running.start_run(
        tmp_path, "--target", "embedded:0", "--users", "10", "--duration", "10m", "--workers", "1"
    )
    wait_for_windows(tmp_path)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive


def wait_for_windows(output, timeout_s=60.0):
    """The folder of a run that has begun to measure."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        found = list(output.glob("test/*/windows.jsonl"))
        if found and found[0].stat().st_size:
            return found[0].parent
        time.sleep(0.2)
    raise AssertionError(f"nothing measured within {timeout_s} s: {list(output.rglob('*'))}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--users", "many"), "--users"),
        (("--target", "ftp://x"), "--target"),
        (("--threshold", "latency_p95 <= 5"), "latency_p95"),
        (("--test-type", "smokey"), "smoke"),
        (("--duration", "0s"), "--duration"),
        (("--config-file", "absent.json"), "absent.json"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(tmp_path, options, words):
    """Nothing is sent, no folder is made, and the line names what is wrong."""
    ended = running.run(tmp_path, *options)
    assert ended.code == ExitCode.USAGE
    assert words in ended.errors
    assert len(ended.errors.strip().splitlines()) <= 2
    assert ended.folder is None

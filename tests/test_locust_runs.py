"""Real Locust processes, small runs: what they measure arrives, however they end. All runs go on at the same time."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict

import pytest
import requests
from course_fixture import plan_of
from locust_processes import Locust, free_port, nothing_left  # noqa: F401  # a fixture for all tests here

from acgs_load.contract import DEFAULT_MIX
from acgs_load.samples import Window

pytestmark = pytest.mark.slow


def _plan(folder, duration_s=5.0, users=20, **flags):
    asked = {"users": users, "duration": f"{duration_s:g}s", **flags}
    changes = {} if "rate" in flags else {"think_time_min_s": 0.05, "think_time_max_s": 0.3}
    return plan_of(flags=asked, folder=str(folder), **changes)


def _workers(folder, plan, regions=("eu",), **environ):
    run = Locust(folder, plan, len(regions), **environ).start()
    for region in regions:
        run.add_worker(region)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Every run, begun at once."""
    home = tmp_path_factory.mktemp("runs")
    place = {name: home / name for name in ("closed", "open", "local", "buggy", "lost", "spike")}
    begun = {
        "closed": _workers(place["closed"], _plan(place["closed"]), ("eu", "us")),
        "open": _workers(place["open"], _plan(place["open"], 6.0, 40, rate="100"), ("eu", "us")),
        "local": Locust(place["local"], _plan(place["local"])).start(),
        "buggy": _workers(place["buggy"], _plan(place["buggy"], 3.0), FAKE_VISIT="buggy"),
        "lost": _workers(place["lost"], _plan(place["lost"], 14.0, min_workers="50%"), ("eu", "us")),
        "spike": _workers(place["spike"], _plan(place["spike"], 15.0, 60, test_type="spike")),
    }
    begun["lost"].when("windows.jsonl")
    time.sleep(3)
    begun["lost"].workers[1].kill()
    yield begun
    for run in begun.values():
        run.stop()


@pytest.mark.parametrize("name", ["closed", "local", "open"])
def test_everything_that_was_sent_is_in_windows_and_csv(runs, name):
    """Totals agree to the request, by operation and failure; nothing is lost; the run ends when planned."""
    run = runs[name]
    assert run.wait() == 0, run.log
    record, counted = run.record, run.samples("operation")
    assert record["ended_by"] == "plan"
    assert record["samples_lost"] == record["workers_lost"] == record["user_errors"] == 0
    assert record["errors"] == []
    assert record["phases"][-1]["to_s"] == pytest.approx(6.0 if name == "open" else 5.0)
    assert record["ended_s"] - record["started_s"] == pytest.approx(record["phases"][-1]["to_s"], abs=2.0)
    assert sum(worker["samples_sent"] for worker in record["workers"]) == counted.total() > 100
    rows = {row["Name"]: row for row in run.table("stats")}
    assert {name: int(row["Request Count"]) for name, row in rows.items() if name != "Aggregated"} == counted
    assert int(rows["Aggregated"]["Request Count"]) == counted.total()
    assert int(rows["policy_get"]["Failure Count"]) == counted["policy_get"] > 0
    assert sum(int(row["Occurrences"]) for row in run.table("failures")) == counted["policy_get"]
    assert int(run.table("stats_history")[-1]["Total Request Count"]) == counted.total()
    assert len(run.folder.violations.read_text().splitlines()) == 5
    assert len(run.folder.generators.read_text().splitlines()) > 4


@pytest.mark.parametrize("name", ["closed", "local", "open"])
def test_locusts_percentiles_are_ours(runs, name):
    """Every row and column of Locust's table, within half a per cent; also where it would have cut them to whole ms."""
    run = runs[name]
    run.wait()
    ours = defaultdict(Window)
    for line in run.windows():
        for row in (line["operation"], "Aggregated"):
            ours[row].merge(Window.from_wire(line))
    rows = run.table("stats")
    assert len(rows) > 10
    for row in rows:
        for quantile in (0.5, 0.75, 0.9, 0.95, 0.99, 0.999):
            expected_ms = ours[row["Name"]].latency.percentile_us(quantile) / 1e3
            assert float(row[f"{100 * quantile:g}%"]) == pytest.approx(expected_ms, rel=0.005), row["Name"]
    assert any(float(row["50%"]) % 1 for row in rows)


def test_shares_are_the_plans(runs):
    """Within one point though the run is short."""
    runs["closed"].wait()
    shares = runs["closed"].samples("scenario")
    for scenario, share in DEFAULT_MIX.items():
        assert abs(100 * shares[scenario] / shares.total() - share) <= 1, shares


def test_regions_keep_their_own_windows(runs):
    """Each worker's region is in its windows and in the record."""
    runs["closed"].wait()
    assert set(runs["closed"].samples("region")) == {"eu", "us"}
    assert {worker["region"] for worker in runs["closed"].record["workers"]} == {"eu", "us"}


def test_an_open_load_has_exactly_its_arrivals(runs):
    """All that were scheduled are sent, in the hold as many as the rate says."""
    runs["open"].wait()
    record = runs["open"].record
    arrivals, hold = record["arrivals"], next(phase for phase in record["phases"] if phase["hold"])
    assert arrivals["unsent"] == 0
    assert arrivals["scheduled"] == arrivals["sent"]
    assert abs(runs["open"].samples("phase")["hold"] - 100 * (hold["to_s"] - hold["from_s"])) <= 2


def test_a_bug_of_ours_is_told(runs):
    """Counted and quoted in the record; the rest goes on."""
    runs["buggy"].wait()
    record = runs["buggy"].record
    assert record["user_errors"] > 5
    assert "RuntimeError: planted (fake_locustfile.py:" in record["errors"][0]
    assert runs["buggy"].samples("scenario")["tenant"] > 0


def test_a_worker_that_dies_is_told_and_its_users_move(runs):
    """The run goes on with all its users, and says what it lost and where."""
    run = runs["lost"]
    assert run.wait() == 0, run.log
    record = run.record
    assert record["ended_by"] == "plan"
    assert record["workers_lost"] == 1
    assert [worker["region"] for worker in record["workers"] if worker["lost"]] == [
        next(worker["region"] for worker in record["workers"] if worker["pid"] == run.workers[1].pid)
    ]
    rows = [line.split(",") for line in run.folder.generators.read_text().splitlines()[1:]]
    assert max(int(row[7]) for row in rows if row[1].startswith("worker")) == 20


def test_users_reach_their_levels_on_time(runs):
    """A spike scaled to 15 s is in the history: few, all, few."""
    run = runs["spike"]
    assert run.wait() == 0, run.log
    record = run.record
    rows = [row for row in run.table("stats_history") if row["Name"] == "Aggregated"]
    seen = {int(row["Timestamp"]) - int(record["started_s"]): int(row["User Count"]) for row in rows}
    phases = {phase["name"]: phase for phase in record["phases"]}
    levels = {
        name: [users for second, users in seen.items() if phases[name]["from_s"] + 2 <= second < phases[name]["to_s"]]
        for name in ("baseline", "hold", "recovery")
    }
    assert set(levels["baseline"]) == {3}, seen
    assert set(levels["hold"]) == {60}, seen
    assert levels["recovery"][-1] == 3, seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_ramp_ends_the_run_in_order(tmp_path, number):
    """Within seconds, with everything that was measured, and the process ends well."""
    run = _workers(tmp_path, _plan(tmp_path, 60.0)).when("windows.jsonl")
    time.sleep(2)
    assert run.signal(number).wait(60) == 0, run.log
    record = run.record
    assert (record["ended_by"], record["interrupted"]) == ("interrupt", True)
    assert record["samples_lost"] == 0
    assert run.samples("operation").total() == sum(worker["samples_sent"] for worker in record["workers"]) > 0
    assert [phase["name"] for phase in record["phases"]] == ["ramp"]


def test_a_signal_while_waiting_for_workers_leaves_a_record(tmp_path):
    """Nothing was measured, and the record says why."""
    run = Locust(tmp_path, _plan(tmp_path), 1).start()
    run.when("Starting Locust")
    time.sleep(1)
    assert run.signal().wait(60) == 0, run.log
    assert run.record["interrupted"]
    assert run.record["phases"] == run.record["workers"] == []


def test_a_second_signal_does_not_wait(tmp_path):
    """Users that hang are left behind; what there is, is written."""
    run = _workers(tmp_path, _plan(tmp_path, 60.0), FAKE_VISIT="stuck").when("windows.jsonl")
    time.sleep(1.5)
    run.signal()
    time.sleep(1)
    assert run.main.poll() is None, "the first signal waits for users who are in the middle of something"
    assert run.signal().wait(30) == 0, run.log
    assert run.record["interrupted"]


def test_when_the_last_worker_dies_the_run_ends(tmp_path):
    """It does not hang, and says what happened."""
    run = _workers(tmp_path, _plan(tmp_path, 60.0)).when("windows.jsonl")
    time.sleep(1)
    run.workers[0].kill()
    assert run.wait(60) == 0, run.log
    assert run.record["ended_by"] == "workers_lost"
    assert run.record["workers_lost"] == 1


def test_load_does_not_outlive_the_runner(tmp_path):
    """The process that asked for it dies; the run ends in order within seconds."""
    runner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    run = Locust(tmp_path, _plan(tmp_path, 60.0), 1)
    run.environ["ACGS_PARENT_PID"] = str(runner.pid)
    run.start().add_worker("eu").when("windows.jsonl")
    runner.kill()
    runner.wait()
    assert run.wait(60) == 0, run.log
    assert run.record["ended_by"] == "interrupt"


def test_the_web_form_starts_stops_and_starts_again(tmp_path):
    """Bare Locust: users and run time of the form are obeyed, and each run has its folder."""
    port = free_port()
    environ = {
        "ACGS_TEST_TYPE": "smoke",
        "ACGS_ANALYSIS": "false",
        "ACGS_TARGET_HOST": "http://127.0.0.1:9",
        "ACGS_EXPORTER_PORT": str(free_port()),
    }
    run = Locust(tmp_path, None, **environ).start("--web-host", "127.0.0.1", "--web-port", str(port))
    url = f"http://127.0.0.1:{port}"
    run.when("Starting web interface")
    time.sleep(1)
    tasks = requests.get(f"{url}/tasks", timeout=30).json()["per_class"]["AcgsUser"]["tasks"]
    assert {name: round(100 * task["ratio"]) for name, task in tasks.items()} == DEFAULT_MIX
    form = {"user_count": "7", "spawn_rate": "7", "host": "http://127.0.0.1:9", "run_time": "60s"}
    assert requests.post(f"{url}/swarm", data=form, timeout=30).json()["success"]
    run.when("windows.jsonl")
    time.sleep(3)
    for place in (f"http://127.0.0.1:{environ['ACGS_EXPORTER_PORT']}", url):
        metrics = requests.get(f"{place}/metrics", timeout=30).text
        assert re.search(r'^acgs_load_users\{run="smoke/[0-9TZ]+"\} 7.0$', metrics, re.MULTILINE)
    requests.post(f"{url}/stop", timeout=30)
    run.when("run.json")
    first = next(tmp_path.rglob("run.json"))
    time.sleep(1)
    requests.post(f"{url}/swarm", data={**form, "user_count": "3", "run_time": "2s"}, timeout=30)
    deadline_s = time.monotonic() + 60
    while len(list(tmp_path.rglob("run.json"))) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.2)
    records = [json.loads(place.read_text()) for place in sorted(tmp_path.rglob("run.json"))]
    assert first.exists()
    assert [(record["ended_by"], record["users"]["reached"]) for record in records] == [("web", 7), ("plan", 3)]
    assert records[1]["ended_s"] - records[1]["started_s"] == pytest.approx(2.0, abs=0.5)
    run.signal(signal.SIGINT).wait(60)


def test_a_bare_run_is_judged_like_any_other(tmp_path):
    """Locust's exit code is the verdict's: a planted time-out on every policy_get fails the run."""
    environ = {"ACGS_TEST_TYPE": "smoke", "ACGS_TARGET_HOST": "http://127.0.0.1:9"}
    run = Locust(tmp_path, None, **environ).start("--headless", "-u", "5", "-r", "5", "-t", "3s")
    code = run.wait()
    report = json.loads(next(tmp_path.rglob("report.json")).read_text())
    assert code == report["exit_code"] in {1, 4}, run.log
    assert report["test"]["users_max"] == 5


def test_a_bare_run_without_a_valid_setting_says_so_in_one_line(tmp_path):
    """Wrong usage ends with 2, before anything is sent."""
    run = Locust(tmp_path, None, ACGS_TEST_TYPE="nonsense").start()
    assert run.wait(60) == 2
    assert "nonsense" in run.log
    assert "Traceback" not in run.log

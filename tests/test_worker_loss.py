"""Workers and masters that are killed or frozen for real: the run goes on or ends, every number is told."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter, defaultdict

import pytest
from course_fixture import plan_of
from locust_processes import Locust, nothing_left  # noqa: F401  # a fixture for all tests here

from acgs_load.analysis.judge import analyse, report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.salvage import salvage
from acgs_load.spool import spools_of
from acgs_load.traffic.worker.rate_curve import RateCurve

pytestmark = pytest.mark.slow

USERS = 24


def plan(folder, duration_s, **flags):
    asked = {"users": USERS, "duration": f"{duration_s:g}s", "min_workers": "70%", **flags}
    changes = {} if "rate" in flags else {"think_time_min_s": 0.05, "think_time_max_s": 0.3}
    return plan_of("error_ratio <= 1", flags=asked, folder=str(folder), **changes)


def _begin(home, duration_s, workers=4, **flags):
    run = Locust(home, plan(home, duration_s, **flags), workers, ACGS_SPOOL_DIR=str(home / "spools")).start()
    for number in range(workers):
        run.add_worker(("eu", "us")[number % 2])
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All begun at once; each worker number 1 (its second process) is treated badly after some seconds."""
    home = tmp_path_factory.mktemp("loss")
    begun = {
        "killed": _begin(home / "killed", 14.0),
        "open": _begin(home / "open", 14.0, rate="90"),
        "frozen": _begin(home / "frozen", 24.0),
        "quorum": _begin(home / "quorum", 40.0, min_workers="90%"),
        "headless": _begin(home / "headless", 60.0, workers=2),
    }
    for run in begun.values():
        run.when("windows.jsonl")
    time.sleep(5)
    for name in ("killed", "open", "quorum"):
        begun[name].workers[1].kill()
    begun["frozen"].workers[1].send_signal(signal.SIGSTOP)
    begun["headless"].main.kill()
    yield begun
    for run in begun.values():
        run.stop()


def _users_by_second(run):
    """Users over all workers that were not treated badly, by second since the start."""
    rows = [line.split(",") for line in run.folder.generators.read_text().splitlines()[1:]]
    bad = next(iter(_lost(run.record)))
    users, by_process = Counter(), defaultdict(set)
    for row in rows:
        by_process[row[1]].add(int(row[0]))
    names = sorted(name for name in by_process if name != "master")
    dead = min(names, key=lambda name: max(by_process[name]))
    for row in rows:
        if row[1] not in ("master", dead):
            users[int(row[0]) - int(run.record["started_s"])] += int(row[7])
    return users, bad


def _all_there_soon_after(users, moment_s):
    """Every user has a worker again: in the second after the next, or on a busy machine the one after that."""
    return any(users[int(moment_s) + later] == USERS for later in (1, 2, 3))


def _lost(record):
    return {worker["index"]: worker for worker in record["workers"] if worker["lost"]}


def both_counts(run):
    """What is in the windows, and what every worker's counter says it recorded, lost samples taken off."""
    record = run.record
    counted = sum(spool.samples for spool in spools_of(run.folder.spools, _plan_of(run).sha256))
    return run.samples("operation").total(), counted - record["samples_lost"]


def _plan_of(run):
    return load_run(run.folder).plan


def test_a_killed_workers_users_move_at_once_and_its_spool_is_merged(runs):
    """Within two seconds; what it recorded is there but for half a second, and the number is exact."""
    run = runs["killed"]
    assert run.wait() == 0, run.log
    before = run.samples("operation").total()
    (bad,) = _lost(run.record).values()
    users, _ = _users_by_second(run)
    gone_s = bad["gaps"][0][1]
    assert bad["gaps"][0][1] - bad["gaps"][0][0] < 3
    assert _all_there_soon_after(users, gone_s), users
    merged = salvage(run.folder)
    assert merged is not None, (
        "a worker that was killed right after a report leaves nothing new, and is merged all the same"
    )
    assert salvage(run.folder) is None, "once is enough"
    bad = _lost(run.record)[bad["index"]]
    assert run.samples("operation").total() == before + bad["salvaged"]
    in_windows, counted = both_counts(run)
    assert in_windows == counted
    assert 0 <= run.record["samples_lost"] <= bad["samples_per_s_max"]
    report = report_of(load_run(run.folder))
    assert not [reason for reason in report.verdict.reasons if "lost" in reason or "never reached" in reason]
    told = next(text for text in report.warnings if "was lost at" in text)
    assert "others took its users (3 workers were left, 3 needed)" in told
    lost = run.record["samples_lost"]
    assert f"{f'{lost:,}' if lost else 'none'} of its {bad['samples_sent']:,} are lost" in told
    assert any("away" in breach.text for panel in report.panels for breach in panel.breaches)


def test_arrivals_of_a_killed_worker_are_played_by_the_others(runs):
    """The rate is the plan's again within a second or two; what was due meanwhile is counted as not sent."""
    run = runs["open"]
    assert run.wait() == 0, run.log
    salvage(run.folder)
    record = run.record
    arrivals, end_s = record["arrivals"], record["phases"][-1]["to_s"]
    assert arrivals["scheduled"] == pytest.approx(RateCurve.of(_plan_of(run)).count_at(end_s), abs=1)
    assert arrivals["sent"] + arrivals["unsent"] == arrivals["scheduled"]
    assert 0 < arrivals["missed"] <= 3 * 90 / 4
    (bad,) = _lost(record).values()
    seconds = Counter()
    for row in run.windows():
        seconds[row["second"] - int(record["started_s"])] += row.get("samples", 0)
    after = [seconds[second] for second in range(int(bad["gaps"][0][1]) + 3, int(end_s) - 1)]
    assert sum(after) / len(after) == pytest.approx(90, rel=0.1), seconds
    in_windows, counted = both_counts(run)
    assert in_windows == counted


def test_a_frozen_workers_users_move_and_its_spool_is_merged(runs):
    """Nobody can tell it from a slow one at first; after five seconds of silence its users are the others'."""
    run = runs["frozen"]
    assert run.main.wait(120) == 0, run.log
    (bad,) = _lost(run.record).values()
    begin_s, end_s = bad["gaps"][0]
    assert 5 <= end_s - begin_s < 12
    users, _ = _users_by_second(run)
    assert _all_there_soon_after(users, end_s), users
    assert salvage(run.folder) >= 0
    in_windows, counted = both_counts(run)
    assert in_windows == counted
    report = report_of(load_run(run.folder))
    assert not [reason for reason in report.verdict.reasons if "lost" in reason]
    run.workers[1].kill()
    run.wait()


def test_below_the_quorum_the_run_ends_invalid(runs):
    """Nine tenths of four workers are four: without one of them the run is not the one that was planned."""
    run = runs["quorum"]
    assert run.wait() == 0, run.log
    assert run.record["ended_by"] == "quorum"
    assert run.record["ended_s"] - run.record["started_s"] < 30
    report = analyse(run.folder)
    assert (report.verdict.status, int(report.verdict.exit_code)) == ("INVALID", 4)
    assert "only 3 of 4 workers were left, fewer than the 4 that --min-workers 90% demands" in report.verdict.reasons[0]


def test_without_a_master_workers_end_and_their_spools_give_the_report(runs):
    """Within some fifteen seconds; every sample that they recorded is in it, and the verdict says interrupted."""
    run = runs["headless"]
    for worker in run.workers:
        assert worker.wait(60) is not None, run.log
    run.main.wait()
    assert not run.folder.run.exists()
    report = analyse(run.folder)
    assert (report.verdict.interrupted, int(report.verdict.exit_code)) == (True, 130)
    assert "the master was lost, and what its workers had spooled is judged" in report.verdict.reasons[0]
    in_windows, counted = both_counts(run)
    assert in_windows == counted > 0
    assert run.record["samples_lost"] == 0
    assert run.record["ended_by"] == "master_lost"
    assert set(run.samples("region")) == {"eu", "us"}


def test_a_run_that_goes_on_is_not_taken_for_one_that_was_lost(tmp_path):
    """Spools are left alone while the master lives; whoever looks too early changes nothing."""
    run = _begin(tmp_path, 30.0, workers=1, min_workers="0")
    run.when("windows.jsonl")
    time.sleep(2)
    assert salvage(run.folder) is None
    assert not run.folder.run.exists()
    run.signal()
    assert run.wait() == 0, run.log
    assert run.record["ended_by"] == "interrupt"
    assert run.record["samples_lost"] == 0


def test_a_short_freeze_costs_nothing(tmp_path):
    """Three seconds are borne: the worker is not missed, and nothing of it is missing."""
    run = _begin(tmp_path, 14.0, workers=2)
    run.when("windows.jsonl")
    time.sleep(3)
    run.workers[1].send_signal(signal.SIGSTOP)
    time.sleep(3)
    run.workers[1].send_signal(signal.SIGCONT)
    assert run.wait() == 0, run.log
    assert (run.record["workers_lost"], run.record["samples_lost"]) == (0, 0)
    in_windows, counted = both_counts(run)
    assert in_windows == counted


def test_a_slow_worker_is_told_and_loses_nothing(tmp_path):
    """Held up four fifths of the time it still reports; its latencies are not the target's, so the run is INVALID."""
    run = _begin(tmp_path, 12.0, workers=2)
    run.when("windows.jsonl")
    until_s = time.monotonic() + 7
    while time.monotonic() < until_s:
        run.workers[1].send_signal(signal.SIGSTOP)
        time.sleep(0.4)
        run.workers[1].send_signal(signal.SIGCONT)
        time.sleep(0.1)
    assert run.wait() == 0, run.log
    assert (run.record["workers_lost"], run.record["samples_lost"]) == (0, 0)
    in_windows, counted = both_counts(run)
    assert in_windows == counted
    verdict = report_of(load_run(run.folder)).verdict
    assert verdict.status == "INVALID"
    assert any("load generator late: the event loop of" in reason for reason in verdict.reasons), verdict.reasons


def test_a_spool_that_is_no_spool_is_named(tmp_path):
    """A line that no worker wrote is refused with the folder's name; a foreign spool is left alone."""
    run = _begin(tmp_path, 6.0, workers=2)
    assert run.wait() == 0, run.log
    record = run.record
    record["workers"][0] |= {"lost": True}
    run.folder.run.write_text(json.dumps(record))
    (tmp_path / "spools" / "worker-9-foreign.jsonl").write_text('{"plan_sha256": "of another run", "index": 9}\n')
    path = spools_of(run.folder.spools, _plan_of(run).sha256)[0].path
    text = path.read_text()
    path.write_text(text + '{"seq": 99999, "windows": "none"}\n')
    with pytest.raises(Exception, match=r"spools: not what workers write"):
        salvage(run.folder)
    path.write_text(text + '{"seq": 99999, "win')
    assert salvage(run.folder) == 0

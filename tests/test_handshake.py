"""Who may join a run, and by whose clock it goes: real processes that are wrong in one way each."""

from __future__ import annotations

import json
import os
import time

import gevent
import pytest
import zmq
from course_fixture import plan_of
from locust.rpc.protocol import Message
from locust_processes import Locust, nothing_left  # noqa: F401  # a fixture for all tests here

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.errors import UsageError
from acgs_load.secret import new_secret, secret_from
from acgs_load.traffic.clock import Clock
from acgs_load.traffic.master.doorman import Doorman
from acgs_load.traffic.messages import HELLO, PING
from acgs_load.traffic.passport import objection, passport
from acgs_load.traffic.worker.timekeeper import PINGS, Timekeeper

SECRET = "a secret of the test, long enough"


def _site(folder, code):
    """A folder for PYTHONPATH whose ``sitecustomize`` bends a process before it begins."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return f"{folder}{os.pathsep}{Locust.project()}"


def _plan(folder, duration_s=6.0, **flags):
    asked = {"users": 12, "duration": f"{duration_s:g}s", **flags}
    changes = {"think_time_min_s": 0.05, "think_time_max_s": 0.3}
    return plan_of("error_ratio <= 1", flags=asked, folder=str(folder), **changes)


# the pieces


def test_versions_and_plans_that_differ_are_refused_in_a_line():
    """Suite, Locust and plan must be the master's; other Pythons may join."""
    right = passport("eu")
    assert objection(right, "abc") is None
    assert objection({**right, "python": "3.99.0"}, "abc") is None
    assert objection({**right, "own_plan_sha256": "abc"}, "abc") is None
    for wrong, said in (
        ({"suite": "9.9"}, "its version of the load-testing suite is 9.9, the master's"),
        ({"locust": "1.0"}, "its version of Locust is 1.0, the master's"),
        ({"own_plan_sha256": "def"}, "it was started for another plan (def, the master's is abc)"),
        ({"suite": None}, "its version of the load-testing suite is None"),
    ):
        told = objection({**right, **wrong}, "abc")
        assert said in told
        assert "\n" not in told


def test_who_did_not_say_hello_is_not_heard():
    """Anybody may ask the time; the rest is for those who were let in."""
    doorman = Doorman()
    assert doorman.lets_through("a", HELLO)
    assert doorman.lets_through("a", PING)
    assert not doorman.lets_through("a", "stats")
    assert doorman.look_at("a", {**passport("eu"), "suite": "9.9"})
    assert not doorman.lets_through("a", "client_ready")
    assert doorman.look_at("b", passport("eu")) is None
    assert doorman.lets_through("b", "client_ready")


@pytest.mark.parametrize(("skew_s", "trip_s"), [(30.0, 0.01), (-7.5, 0.2), (0.02, 0.01)])
def test_the_quickest_of_eight_pings_tells_the_skew(skew_s, trip_s):
    """Each of the others took longer; what was corrected is the skew, within half the quickest trip."""
    clock, trips = Clock(), iter([9, 1, 5, 3, 2, 8, 7, 4])
    asked = []

    def post(kind, data):
        asked.append(data)
        there_s, back_s = trip_s * next(trips), trip_s  # the way there is slower, as ways may be
        keeper.hear(data["sent_s"] - there_s - back_s, data["sent_s"] - back_s + skew_s)

    keeper = Timekeeper(clock, post)
    keeper.compare()
    before_s = clock.now_s() - time.perf_counter()
    keeper.correct(0.0)
    moved_s = clock.now_s() - time.perf_counter() - before_s
    assert len(asked) == PINGS
    assert moved_s == pytest.approx(skew_s if abs(skew_s) > 0.1 else 0.0, abs=trip_s)
    assert keeper.told()["skew_certain_ms"] <= trip_s * 1e3 * 1.01


def test_a_clock_that_runs_away_is_told():
    """What is left after the correction, at its worst; before it, nothing is known."""
    clock, ahead = Clock(), [0.0]
    keeper = Timekeeper(clock, lambda kind, data: keeper.hear(data["sent_s"], data["sent_s"] + ahead[0]))
    keeper.compare()
    keeper.correct(0.0)
    for ahead[0] in (2.5, 0.0):
        watching = gevent.spawn(keeper.compare_for_ever)
        gevent.sleep(0.6)
        watching.kill()
    assert keeper.told()["skew_ms"] == pytest.approx(2500, abs=5)


def test_a_secret_is_long_and_never_repeated(tmp_path):
    """From the environment or the file that it names; a short one is refused without being shown."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    assert secret_from({}) is None
    assert secret_from({"ACGS_RUN_SECRET": SECRET}) == secret_from({"ACGS_RUN_SECRET_FILE": str(path)}) == SECRET
    assert len(new_secret()) == 64
    assert new_secret() != new_secret()
    with pytest.raises(UsageError, match="at least 16") as short:
        secret_from({"ACGS_RUN_SECRET": "hunter2"})
    assert "hunter2" not in str(short.value)
    with pytest.raises(UsageError, match=r"ACGS_RUN_SECRET_FILE .*: not readable"):
        secret_from({"ACGS_RUN_SECRET_FILE": str(tmp_path / "absent")})


# real processes


@pytest.mark.slow
def test_thirty_seconds_of_skew_change_no_figure(tmp_path):
    """Two workers whose clocks are half a minute wrong, one each way: every second of theirs is the master's."""
    run = Locust(tmp_path, _plan(tmp_path), 3).start()
    for region, skew_s in (("eu", 0), ("us", 30), ("ap", -30)):
        bent = f"import time\nreal = time.time\ntime.time = lambda: real() + ({skew_s})\n"
        run.add_worker(region, PYTHONPATH=_site(tmp_path / f"site-{region}", bent))
    assert run.wait() == 0, run.log
    record = run.record
    corrected = {worker["region"]: worker["clock_skew_ms"] for worker in record["workers"]}
    assert corrected == {
        "eu": pytest.approx(0, abs=500),
        "us": pytest.approx(-30_000, abs=500),
        "ap": pytest.approx(30_000, abs=500),
    }
    seconds = {region: [] for region in corrected}
    for row in run.windows():
        seconds[row["region"]].append(row["second"] - record["started_s"])
    for region, of in seconds.items():
        assert min(of) >= -1.5, region
        assert max(of) <= record["ended_s"] - record["started_s"] + 2, region
    assert record["clock_skew_ms"] < 500
    loaded = load_run(run.folder)
    assert {row.second for row in loaded.health} <= set(range(int(record["started_s"]) - 2, int(record["ended_s"]) + 3))
    assert not [reason for reason in report_of(loaded).verdict.reasons if "clock" in reason]


@pytest.mark.slow
def test_a_skew_that_cannot_be_corrected_is_invalid(tmp_path):
    """A clock that runs a third too fast is three seconds off by the time it is looked at again."""
    bent = "import time\nreal = time.perf_counter\ntime.perf_counter = lambda: real() * 1.3\n"
    run = Locust(tmp_path, _plan(tmp_path, 14.0), 1).start()
    run.add_worker("eu", PYTHONPATH=_site(tmp_path / "site", bent))
    assert run.wait() == 0, run.log
    verdict = report_of(load_run(run.folder)).verdict
    assert verdict.status == "INVALID"
    assert any("clocks of the load generators differ by" in reason for reason in verdict.reasons), verdict.reasons


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["version", "plan"])
def test_a_worker_that_does_not_fit_is_refused_and_the_run_goes_on(tmp_path, wrong):
    """One line on its side and on the master's, exit 2; Locust never hears of it."""
    run = Locust(tmp_path / "run", _plan(tmp_path / "run"), 1, ACGS_RUN_SECRET=SECRET).start()
    if wrong == "version":
        site = _site(tmp_path / "site", "import acgs_load\nacgs_load.__version__ = '9.9'\n")
        run.add_worker("us", PYTHONPATH=site)
        said = "its version of the load-testing suite is 9.9, the master's"
    else:
        other = tmp_path / "plan.json"
        other.write_text(_plan(tmp_path / "elsewhere").to_json())
        run.add_worker("us", ACGS_PLAN=str(other))
        said = "it was started for another plan ("
    assert run.workers[0].wait(60) == 2, run.log
    run.add_worker("eu")
    assert run.wait() == 0, run.log
    assert run.log.count(said) == 2, run.log
    assert "Traceback" not in run.log
    assert [worker["region"] for worker in run.record["workers"]] == ["eu"]
    assert set(run.samples("region")) == {"eu"}


@pytest.mark.slow
def test_who_does_not_know_the_secret_is_neither_let_in_nor_heard(tmp_path):
    """Another secret, none at all, and Locust's own messages by hand; who knows it joins, and nothing repeats it."""
    run = Locust(tmp_path, _plan(tmp_path), 1, ACGS_RUN_SECRET=SECRET).start()
    run.add_worker("us", ACGS_RUN_SECRET="another secret, just as long")
    run.add_worker("us", ACGS_RUN_SECRET="")
    began_s = time.monotonic()
    for worker in run.workers:
        assert worker.wait(60) == 2, run.log
    assert time.monotonic() - began_s < 60
    assert run.log.count("give both the same ACGS_RUN_SECRET") == 2, run.log
    stranger = zmq.Context.instance().socket(zmq.DEALER)
    stranger.setsockopt(zmq.IDENTITY, b"stranger")
    stranger.connect(f"tcp://127.0.0.1:{run.port}")
    for kind, data in (("client_ready", "2.47.0"), (HELLO, passport("xx")), ("stats", {"acgs": {}}), ("quit", None)):
        stranger.send(Message(kind, data, "stranger").serialize())
    assert stranger.poll(1500) == 0, "nobody answers"
    stranger.close(0)
    run.add_worker("eu")
    assert run.wait() == 0, run.log
    assert "refused somebody who does not know this run's ACGS_RUN_SECRET" in run.log
    assert "stranger" not in run.log
    assert [worker["region"] for worker in run.record["workers"]] == ["eu"]
    assert not _holding(tmp_path, SECRET)


def _holding(folder, text):
    """Files under a folder that hold a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.slow
def test_regions_are_merged_from_counts_and_nothing_is_averaged(tmp_path):
    """Four workers in four regions: each region's samples are its worker's, and a threshold sees its region alone."""
    regions = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
    plan = _plan(tmp_path, min_workers="50%")
    run = Locust(tmp_path, plan, 4).start()
    for region in regions:
        run.add_worker(region)
    assert run.wait() == 0, run.log
    sent = {worker["region"]: worker["samples_sent"] for worker in run.record["workers"]}
    assert dict(run.samples("region")) == sent
    assert set(sent) == set(regions)
    loaded = load_run(run.folder)
    report = report_of(loaded)
    assert {group.name: group.requests for group in report.regions} == sent
    whole = loaded.timeline.slice().by_operation["policy_get"].latency
    parts = [loaded.timeline.slice({"region": region}).by_operation["policy_get"].latency for region in regions]
    merged = parts[0].copy()
    for part in parts[1:]:
        merged.merge(part)
    assert merged.to_wire() == whole.to_wire()
    assert json.loads(run.folder.run.read_text())["samples_lost"] == 0

"""What lies on a worker's disk, and how it comes back: to the sample, once, and never from a run that goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from course_fixture import START_S, plan_of, window_at
from run_fixture import RunFixture

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.watch import watch_until
from acgs_load.errors import UsageError
from acgs_load.health import HealthRow
from acgs_load.machine import is_running, machine_id
from acgs_load.run_folder import RunFolder
from acgs_load.salvage import salvage, shed
from acgs_load.spool import SpoolWriter, count_path, spool_name, spool_place, spools_of
from acgs_load.traffic.master.telemetry import to_rows


def _plan(tmp_path):
    plan = plan_of(flags={"duration": "10s"}, folder=str(tmp_path))
    (tmp_path / "plan.json").write_text(plan.to_json())
    return plan


def _slip(seq, *windows, **totals):
    health = [list(HealthRow(int(START_S) + seq, "worker-0", "eu", 0.1, 1, 0.0, 1, 5, 0, 0))]
    counts = {"samples": 0, "user_errors": 0, "arrivals": None, **totals}
    news = {"examples": [], "health": health, "errors": []}
    return {"seq": seq, "until_s": START_S + seq, "windows": to_rows(list(windows)), **news, **counts}


def _spool(tmp_path, plan, index, slips, counted):
    """A worker's spool, with so many samples on its counter."""
    writer = SpoolWriter(
        tmp_path / "spools" / spool_name(index, plan.sha256), {"plan_sha256": plan.sha256, "index": index}
    )
    for slip in slips:
        writer.append(slip)
    writer.count[0] = counted
    writer.close()
    return writer.path


def _run_json(tmp_path, *workers):
    """What the master wrote of these: index, samples it was told of, samples that arrived, slips that arrived, lost."""
    names = ("index", "samples_sent", "samples_received", "slips", "lost")
    rows = [{**dict(zip(names, row, strict=True)), "region": "eu", "gaps": [[3.0, 3.6]]} for row in workers]
    run = {
        "schema": 1, "started_s": START_S, "ended_s": START_S + 10, "interrupted": False, "ended_by": "plan",
        "phases": [{"name": "hold", "from_s": 0, "to_s": 10, "hold": True}], "workers": rows, "errors": [],
        "workers_lost": sum(row["lost"] for row in rows), "workers_least": 1, "samples_lost": 0, "arrivals": None,
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(run))


def _samples(tmp_path):
    return int(load_run(RunFolder(tmp_path)).timeline.slice().by_operation["policy_get"].samples)


def test_the_counter_outlives_a_killed_process(tmp_path):
    """Seven samples were counted, five of them spooled: the file says seven when the process is gone."""
    code = (
        "import os, signal; from pathlib import Path; from acgs_load.spool import SpoolWriter\n"
        f"writer = SpoolWriter(Path({str(tmp_path)!r}) / 'worker-0-x.jsonl', {{'plan_sha256': 'x', 'index': 0}})\n"
        "writer.count[0] = 5; writer.append({'seq': 1, 'windows': []}); writer.count[0] = 7\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (spool,) = spools_of(tmp_path, "x")
    assert (spool.index, spool.samples, [slip["seq"] for slip in spool.slips()]) == (0, 7, [1])


def test_only_slips_that_had_not_arrived_are_added_and_only_once(tmp_path):
    """Of four slips the first two had arrived; the torn fifth is left out; what the counter knows beyond it is lost."""
    plan = _plan(tmp_path)
    slips = [_slip(seq, window_at(seq, 10), samples=10 * seq) for seq in (1, 2, 3, 4)]
    path = _spool(tmp_path, plan, 0, slips, 43)
    with path.open("a") as file:
        file.write('{"seq": 5, "windows": [[')
    fixture = RunFixture(tmp_path, plan)
    fixture.windows = dict([window_at(1, 10), window_at(2, 10)])
    fixture.write(finished=False)
    (tmp_path / "plan.json").write_text(plan.to_json())
    _run_json(tmp_path, (0, 20, 20, [[1, 2]], True), (1, 0, 0, [], False))
    assert salvage(RunFolder(tmp_path)) == 20
    assert salvage(RunFolder(tmp_path)) is None
    assert _samples(tmp_path) == 40
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["samples_lost"] == 3
    worker = run["workers"][0]
    assert (worker["samples_sent"], worker["samples_received"], worker["salvaged"]) == (43, 40, 20)
    loaded = load_run(RunFolder(tmp_path))
    assert len([row for row in loaded.health if row.process == "worker-0"]) == 2, "those of slips 3 and 4"
    report = report_of(loaded)
    assert any(
        "worker 0 (eu) was lost at 3 s and others took its users (1 workers were left, 1 needed); "
        "20 samples that had not arrived are from its spool, 3 of its 43 are lost" in text
        for text in report.warnings
    ), report.warnings
    assert not [reason for reason in report.verdict.reasons if "lost" in reason or "never reached" in reason]


def test_more_than_a_second_lost_is_no_longer_believed(tmp_path):
    """The busiest second held twenty samples; twenty-one are missing."""
    plan = _plan(tmp_path)
    fixture = RunFixture(tmp_path, plan)
    fixture.windows = dict([window_at(1, 10)])
    fixture.write(finished=False)
    (tmp_path / "plan.json").write_text(plan.to_json())
    for counted, believed in ((40, True), (41, False)):
        _run_json(tmp_path, (0, 10, 10, [[1, 1]], True), (1, 0, 0, [], False))
        _spool(
            tmp_path, plan, 0, [_slip(1, window_at(1, 10), samples=10), _slip(2, window_at(2, 10), samples=20)], counted
        )
        salvage(RunFolder(tmp_path))
        reasons = report_of(load_run(RunFolder(tmp_path))).verdict.reasons
        assert any("1 of 2 workers lost: worker 0 (eu)" in reason for reason in reasons) is not believed, reasons
        assert (
            any("samples counted by workers never reached the master" in reason for reason in reasons) is not believed
        )


def test_a_lost_worker_without_a_spool_is_not_made_good(tmp_path):
    """A spool of another run is none."""
    plan = _plan(tmp_path)
    other = plan_of(flags={"duration": "11s"}, folder=str(tmp_path))
    _spool(tmp_path, other, 0, [_slip(1, window_at(1, 10), samples=10)], 10)
    fixture = RunFixture(tmp_path, plan)
    fixture.windows = dict([window_at(1, 10)])
    fixture.write(finished=False)
    (tmp_path / "plan.json").write_text(plan.to_json())
    _run_json(tmp_path, (0, 10, 10, [[1, 1]], True), (1, 0, 0, [], False))
    assert salvage(RunFolder(tmp_path)) is None
    assert any("workers lost" in reason for reason in report_of(load_run(RunFolder(tmp_path))).verdict.reasons)


def test_only_spools_of_which_everything_arrived_are_removed(tmp_path):
    """Not that of a lost worker, of one that recorded more than it told, of another run, or of a run cut short."""
    plan, other = _plan(tmp_path), plan_of(flags={"duration": "11s"}, folder=str(tmp_path))
    paths = [_spool(tmp_path, plan, index, [], counted) for index, counted in enumerate((10, 10, 11, 10))]
    paths.append(_spool(tmp_path, other, 4, [], 10))
    (tmp_path / "plan.json").write_text(plan.to_json())
    shed(RunFolder(tmp_path))
    assert all(path.exists() for path in paths), "there is no run.json"
    rows = [(0, 10, 10, [], False), (1, 10, 10, [], True), (2, 10, 10, [], False), (3, 10, 9, [], False)]
    _run_json(tmp_path, *rows, (4, 10, 10, [], False))
    shed(RunFolder(tmp_path))
    assert [path.exists() for path in paths] == [False, True, True, True, True]
    assert [count_path(path).exists() for path in paths] == [False, True, True, True, True]


def _roster(tmp_path, pid, machine, workers=2):
    rows = [{"index": index, "region": "eu", "versions": {"suite": "0"}} for index in range(workers)]
    rows.append({"started_s": START_S, "pid": pid, "machine": machine})
    (tmp_path / "roster.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"torn')


def _dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_without_its_master_is_put_together_from_spools(tmp_path):
    """In place of what the master had written; the watching analyzer finds it, too."""
    place = tmp_path / "test" / "20260101T000000Z"
    place.mkdir(parents=True)
    plan = _plan(place)
    fixture = RunFixture(place, plan)
    fixture.windows = dict([window_at(1, 7)])
    fixture.write(finished=False)
    (place / "plan.json").write_text(plan.to_json())
    for index in (0, 1):
        _spool(place, plan, index, [_slip(1, window_at(1, 10), samples=10), _slip(2, window_at(2, 5), samples=15)], 16)
    _roster(place, os.getpid(), machine_id())
    assert salvage(RunFolder(place)) is None, "its master lives"
    _roster(place, _dead_pid(), machine_id())
    said = []
    rounds = iter([False, False, True])
    console = type("Console", (), {"print": lambda _, *words, **__: said.append(str(words))})()
    watch_until(tmp_path, console, lambda _: None, lambda: next(rounds))
    run = json.loads((place / "run.json").read_text())
    assert (run["ended_by"], run["interrupted"], run["samples_lost"], run["ended_s"]) == (
        "master_lost",
        True,
        2,
        START_S + 2,
    )
    assert _samples(place) == 30
    report = json.loads((place / "report.json").read_text())
    assert (report["exit_code"], report["interrupted"]) == (130, True)


def test_a_run_whose_spools_are_not_all_there_keeps_what_the_master_had(tmp_path):
    """Nobody can tell what of the others was in it; that workers are missing is said."""
    plan = _plan(tmp_path)
    fixture = RunFixture(tmp_path, plan)
    fixture.windows = dict([window_at(1, 25)])
    fixture.write(finished=False)
    (tmp_path / "plan.json").write_text(plan.to_json())
    _spool(tmp_path, plan, 0, [_slip(1, window_at(1, 10), samples=10)], 10)
    _roster(tmp_path, _dead_pid(), machine_id())
    salvage(RunFolder(tmp_path))
    assert _samples(tmp_path) == 25
    verdict = report_of(load_run(RunFolder(tmp_path))).verdict
    assert (verdict.status, verdict.interrupted) == ("INVALID", True)
    assert any("1 of 2 workers lost: worker 1 (eu)" in reason for reason in verdict.reasons), verdict.reasons


def test_a_run_of_another_machine_is_over_once_its_folder_is_quiet(tmp_path):
    """There is no process to look at; twenty seconds without a write tell."""
    plan = _plan(tmp_path)
    path = _spool(tmp_path, plan, 0, [_slip(1, window_at(1, 10), samples=10)], 10)
    _roster(tmp_path, 1, "another machine", workers=1)
    assert salvage(RunFolder(tmp_path)) is None
    for place in (tmp_path, path.parent, path, count_path(path)):
        os.utime(place, (1e9, 1e9))
    assert salvage(RunFolder(tmp_path)) == 10


def test_spools_that_no_worker_wrote_are_refused_by_name(tmp_path):
    """One line with the folder; what is no spool at all is left alone."""
    plan = _plan(tmp_path)
    _spool(tmp_path, plan, 0, [{"seq": 1, "windows": "none"}], 10)
    (tmp_path / "spools" / "worker-7-x.jsonl").write_text("not a line of JSON\n")
    _run_json(tmp_path, (0, 10, 0, [], True))
    with pytest.raises(UsageError, match=r"spools: not what workers write"):
        salvage(RunFolder(tmp_path))


def test_a_spool_is_kept_where_the_run_is(tmp_path):
    """Where the worker was told to; else in the run's folder, if it is the very one and not just one of its name."""
    plan = _plan(tmp_path)
    assert str(spool_place({"ACGS_SPOOL_DIR": "/elsewhere"}, plan)) == "/elsewhere"
    assert spool_place({}, plan) == tmp_path / "spools"
    (tmp_path / "plan.json").write_text(plan_of(flags={"duration": "11s"}).to_json())
    assert spool_place({}, plan) is None
    (tmp_path / "plan.json").unlink()
    assert spool_place({}, plan) is None
    assert spool_place({}, plan_of(folder="")) is None


def test_a_process_that_nobody_has_waited_for_is_not_running():
    """A zombie has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(process.pid)
    process.wait()
    assert not is_running(process.pid)

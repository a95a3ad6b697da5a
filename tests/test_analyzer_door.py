"""The command performance_analyzer.py: exit codes, files, one line for every mistake, watching, imports."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run_fixture import RunFixture, plan_of

from acgs_load.analysis.door import run_analyzer
from acgs_load.analysis.watch import finished, watch_until
from acgs_load.contract import Outcome

PROJECT = Path(__file__).parents[1]
RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture
def fixture(tmp_path):
    """A run that passes."""
    return RunFixture(tmp_path / "run").steady()


def planted(fixture, fault):
    """The folder of a run with one fault."""
    if fault == "fail":
        fixture.add(10, "policy_get", [10], Outcome.FAILED_CHECK, violations=("lost_write",))
    if fault == "invalid":
        fixture.run["samples_lost"] = 1
    if fault == "interrupted":
        fixture.run["interrupted"] = True
    if fault == "nothing":
        fixture.windows.clear()
    folder = fixture.write()
    if fault == "broken":
        folder.windows.write_text("}\n")
    return folder


@pytest.mark.parametrize(
    ("fault", "code"),
    [(None, 0), ("fail", 1), ("broken", 2), ("invalid", 4), ("nothing", 5), ("interrupted", 130)],
)
def test_the_exit_code_is_the_verdicts(fixture, fault, code, capsys):
    """Each verdict and each failure to reach one has its own."""
    folder = planted(fixture, fault)
    pictures = [] if fault is None else ["--json-only"]
    assert run_analyzer([str(folder.path), *pictures]) == code
    printed = capsys.readouterr()
    if code in (2, 5):
        assert len(printed.err.strip().splitlines()) == 1
        assert printed.err.startswith("performance_analyzer.py: ")
    else:
        assert json.loads(folder.report("json").read_text())["exit_code"] == code
        assert "latency_p95_ms" in printed.out
        assert str(folder.report("json" if pictures else "html")) in printed.out.replace("\n", "")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "name a run folder"),
        (["/nowhere/at-all"], "no such file or folder"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["a", "b"], "unrecognized arguments: b"),
        (["--watch", "/nowhere/at-all"], "no such folder"),
        (["x", "--watch", "/tmp"], "--watch stands alone"),
        ([str(RECORDED / "full"), "--baseline", "x"], "--baseline needs a run folder"),
        ([str(RECORDED / "full"), "--threshold", "p95 < 1"], "column 1"),
        ([str(RECORDED / "README.md")], "no CSV file of Locust's statistics"),
        ([str(RECORDED)], "more than one set"),
    ],
)
def test_mistakes_are_told_in_one_line(argv, said, capsys):
    """Wrong usage exits with 2 and never with a traceback."""
    assert run_analyzer(argv) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_thresholds_are_added_and_replaced(fixture):
    """A flag replaces the run's own threshold on the same subject, and every other stays."""
    folder = fixture.write()
    assert run_analyzer([str(folder.path), "--threshold", "latency_p95_ms <= 5", "--json-only"]) == 1
    rows = json.loads(folder.report("json").read_text())["thresholds"]
    assert [row["expression"] for row in rows if row["measure"] == "latency_p95_ms"] == ["latency_p95_ms <= 5"]
    assert "durability == 1" in {row["expression"] for row in rows}


@pytest.mark.parametrize("text", ["latency_p95_ms <= 5 during step-9", 'error_ratio{region="mars"} <= 0.1'])
def test_thresholds_must_fit_the_run(fixture, text, capsys):
    """A phase or region that the run does not have is told."""
    assert run_analyzer([str(fixture.write().path), "--threshold", text]) == 2
    assert "of this run" in capsys.readouterr().err


def test_baseline_and_output(fixture, tmp_path):
    """Compared with an earlier run, written elsewhere; the run folder is left as it was."""
    before = RunFixture(tmp_path / "before").steady(each=1, latency_ms=5).write()
    folder, output = fixture.write(), tmp_path / "out" / "deep"
    argv = [str(folder.path), "--baseline", str(before.path), "--output", str(output), "--json-only"]
    assert run_analyzer([*argv, "--threshold", "latency_p95_ms <= 1.5 * baseline"]) == 1
    value = json.loads((output / "report.json").read_text())
    assert value["comparison"]["measures"]["latency_p95_ms"]["ratio"] == pytest.approx(2, rel=0.01)
    assert not folder.report("json").exists()


def test_json_only(fixture):
    """One file, nothing else."""
    folder = fixture.write()
    before = set(folder.path.iterdir())
    assert run_analyzer([str(folder.path), "--json-only"]) == 0
    assert set(folder.path.iterdir()) - before == {folder.report("json")}


def test_an_output_that_cannot_be_written(fixture, tmp_path, capsys):
    """One line, exit code 2."""
    (tmp_path / "file").write_text("")
    assert run_analyzer([str(fixture.write().path), "--output", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_csv_files_have_a_report(tmp_path, capsys):
    """A prefix of Locust's own files."""
    assert run_analyzer([str(RECORDED / "full"), "--output", str(tmp_path)]) == 1
    assert "not measured" in capsys.readouterr().out
    assert {"report.html", "report.md", "report.json", "junit.xml", "charts"} <= {p.name for p in tmp_path.iterdir()}


@pytest.mark.parametrize("name", ["stats_stats.csv", "stats"])
def test_csv_files_do_not_replace_the_report_of_their_run(fixture, tmp_path, name, capsys):
    """They know nothing of checks, so what failed would pass; beside the run, they may be judged."""
    folder = planted(fixture, "fail")
    assert run_analyzer([str(folder.path)]) == 1
    (folder.path / "stats_stats.csv").write_bytes((RECORDED / "full_stats.csv").read_bytes())
    for spared in ("plan.json", "windows.jsonl", "run.json"):
        assert run_analyzer([str(folder.path / name)]) == 2, spared
        assert "lies in the folder of a run" in capsys.readouterr().err
        (folder.path / spared).unlink()
        assert run_analyzer([str(folder.path)]) != 0, spared
    (folder.path / "run.json").write_text("{}")
    assert run_analyzer([str(folder.path / name), "--output", str(tmp_path / "beside")]) in (0, 1)
    assert json.loads((folder.path / "report.json").read_text())["exit_code"] == 1


def test_stress_keeps_its_rule_when_judged_anew(tmp_path):
    """A latency threshold given afterwards says where it broke, too."""
    text = plan_of().thresholds[0]
    plan = plan_of(test_type="stress", thresholds=(type(text)("latency_p95_ms <= 2000", "default", breaking=True),))
    folder = RunFixture(tmp_path / "run", plan).steady(each=1).write()
    assert run_analyzer([str(folder.path), "--threshold", "latency_p95_ms <= 1", "--json-only"]) == 0
    assert json.loads(folder.report("json").read_text())["breaking_point"]["broke"]["name"] == "hold"


def test_the_analyzer_imports_no_generator_and_no_solver():
    """Its image has neither Locust nor gevent nor Z3."""
    code = (
        "import sys, acgs_load.analysis.door;"
        "print([n for n in ('locust', 'gevent', 'z3', 'requests') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


class _Console:
    """Collects what is printed."""

    def __init__(self):
        self.said = []

    def print(self, *texts, **_):
        self.said += [str(text) for text in texts]


def test_watching_analyses_each_finished_run_once(tmp_path, monkeypatch):
    """Finished runs are analysed, unfinished ones wait, broken ones are told once and again when they change."""
    done = RunFixture(tmp_path / "a" / "1").steady(each=1).write()
    running = RunFixture(tmp_path / "a" / "2").steady(each=1).write(finished=False)
    broken = planted(RunFixture(tmp_path / "b" / "1").steady(each=1), "broken")
    monkeypatch.setattr("acgs_load.analysis.drawing.png.to_png", lambda *_: b"")  # slow, and tested elsewhere
    console, rounds = _Console(), []

    def wait(_):
        rounds.append(sorted(path.parent.name for path in finished(tmp_path)))
        if len(rounds) == 2:
            running.run.write_text(done.run.read_text())
        if len(rounds) == 3:
            broken.windows.write_text(done.windows.read_text())

    watch_until(tmp_path, console, wait, lambda: len(rounds) >= 5)
    assert rounds == [["b"], ["b"], ["b"], [], []]
    assert done.report("html").exists()
    assert running.report("json").exists()
    assert broken.report("json").exists()
    assert sum("not analysed" in text for text in console.said) == 1


def test_watching_ends_cleanly_on_sigterm(tmp_path):
    """As a process: it analyses what is there, and SIGTERM ends it with exit code 0."""
    folder = RunFixture(tmp_path / "a" / "1").steady(each=1).write()
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "performance_analyzer.py"), "--watch", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        deadline = time.monotonic() + 60
        while not folder.report("json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert folder.report("json").exists()
    assert (process.returncode, err) == (0, "")
    assert "ended" in out


def test_a_crash_is_told_in_words(fixture):
    """A folder without run.json has a report that says so, and exit code 4."""
    folder = fixture.write(finished=False)
    assert run_analyzer([str(folder.path), "--json-only"]) == 4
    assert "cut short" in json.loads(folder.report("json").read_text())["reasons"][0]

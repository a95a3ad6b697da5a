"""The main door: flags, one-line errors, exit codes, dry run; what it hands to the session."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_plan import plan

from acgs_load import __version__, cli, cli_permission, session
from acgs_load.errors import GeneratorError, NothingMeasuredError, TargetError
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder
from acgs_load.settings_table import SETTINGS, TEST_TYPES

PROJECT = Path(__file__).resolve().parents[1]
SLOW = {"locust", "gevent", "pandas", "pydantic", "yaml", "requests", "matplotlib", "rich", "z3", "numpy"}


def run(*argv: str, environ: dict[str, str] | None = None) -> int:
    """The exit code of the door."""
    return cli.run_load_test(argv, environ or {})


@pytest.fixture
def started(monkeypatch):
    """The runs that the door starts; nothing is really started."""
    runs: list[tuple[Plan, RunFolder]] = []

    def remember(plan: Plan, folder: RunFolder) -> int:
        runs.append((plan, folder))
        return 1

    monkeypatch.setattr(session, "run", remember)
    return runs


def test_help_loads_nothing_slow():
    """``--help`` answers at once because it imports neither Locust nor pandas nor pydantic."""
    script = """if True:
        import runpy, sys
        sys.argv = ["run_load_test.py", "--help"]
        try:
            runpy.run_path("run_load_test.py", run_name="__main__")
        except SystemExit as end:
            print("LOADED", end.code, *sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    text, _, loaded = done.stdout.rpartition("LOADED ")
    code, *modules = loaded.split()
    assert code == "0"
    assert "acgs_load.cli" in modules
    assert not SLOW & set(modules)
    assert "--threshold" in text


def test_help_names_every_flag_and_variable(capsys):
    """Each flag has a line of help, with default and variable."""
    with pytest.raises(SystemExit) as end:
        run("--help")
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for setting in SETTINGS:
        assert setting.flag is None or setting.flag in text
        assert setting.flag is None or setting.env is None or setting.env in text
    for word in ("--config-file", "--dry-run", "--version", "ACGS_PASSWORD", "exit code", *TEST_TYPES):
        assert word in text


def test_the_version(capsys):
    """``--version`` prints it."""
    with pytest.raises(SystemExit) as end:
        run("--version")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"run_load_test.py {__version__}\n"


WRONG = [
    (["--user", "5"], "--user is no flag; did you mean --users?"),
    (["--tset-type=spike"], "did you mean --test-type?"),
    (["--zzz"], "--zzz is no flag; see run_load_test.py --help"),
    (["spike"], "spike is no flag"),
    (["--users"], "expected one argument"),
    (["--web-ui=yes"], "--web-ui: ignored explicit argument"),
    (["--users", "many"], "--users many: must be a whole number"),
    (["--test-type", "spikes"], "did you mean spike?"),
    (["--users", "1000", "--duration", "60s", "--spawn-rate", "2"], "--spawn-rate 2: 1,000 users need 500 s"),
    (["--threshold", "latency_p95 <= 5"], "column 1: latency_p95 is no measure; did you mean latency_p95_ms?"),
    (["--threshold", "latency_p95_ms <= 1.1 * baseline"], "name its run folder with --baseline"),
    (["--config-file", "/nowhere.json"], "--config-file /nowhere.json: No such file"),
    (["--target", "http://u:hunter2@x"], "must not carry credentials"),
    (["--users", "\x1b[2J\n5"], "--users  [2J 5: must be a whole number"),
    (["--threshold", "latency\n\x1b[2J"], "column 9"),
    (["--baseline", "/nowhere"], "--baseline /nowhere: holds no run"),
    (["--transport", "plian"], "--transport plian: must be one of fast, plain; did you mean plain?"),
    (["--test-name", "a/b"], "--test-name a/b: must be letters"),
]


@pytest.mark.parametrize(("argv", "told"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_wrong_usage_is_one_line_and_exit_code_2(argv, told, more, capsys, started, tmp_path, monkeypatch):
    """Nothing is started, nothing is written, nothing goes to standard output."""
    monkeypatch.chdir(tmp_path)
    assert run(*argv, *more) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "hunter2" not in err
    assert re.fullmatch(r"run_load_test\.py: error: [^\n]+\n", err)
    assert started == []
    assert list(tmp_path.iterdir()) == []


def test_a_run_gets_its_plan_and_folder(started, tmp_path, monkeypatch):
    """The folder exists, plan.json is the plan, and the session's exit code is the door's."""
    monkeypatch.chdir(tmp_path)
    assert run("--test-name", "nightly", "--test-type", "smoke", "--target", "embedded:0", "--no-analysis") == 1
    ((plan, folder),) = started
    assert folder.path.parent == tmp_path / "reports" / "nightly"
    assert plan.folder == str(folder.path)
    assert Plan.from_json(folder.plan.read_text()) == plan
    assert (plan.target, plan.embedded, plan.analysis) == ("http://127.0.0.1:0", True, False)


def test_every_promised_command_line_is_legal(started, tmp_path, monkeypatch):
    """Each example of the promise runs as written, once somebody has said that acgs.prod.com may be loaded."""
    monkeypatch.setattr(cli_permission, "terminal", lambda: lambda _: "y")
    promised = """
        --test-name "acgs-enterprise-test" --test-type enterprise --users 1000 --duration 30m
        --test-name "constitutional-test" --test-type constitutional
        --test-name "enterprise-1000" --users 1000 --duration 30m
        --test-name "spike-test" --test-type spike
        --test-name "constitutional" --test-type constitutional
        --test-name "prod-test" --target https://acgs.prod.com --users 500
        --test-name "manual" --no-analysis
        --test-name "slow-ramp" --spawn-rate 2 --users 1000
        --test-name "endurance" --duration 2h --users 800
    """
    lines = [line.replace('"', "").split() for line in promised.strip().splitlines()]
    for line in lines:
        run(*line, "--output", str(tmp_path), environ={"XDG_CONFIG_HOME": str(tmp_path)})
    plans = [plan for plan, _ in started]
    assert [plan.name for plan in plans] == [line[1] for line in lines]
    assert plans[7].stages[0].duration_s == 500
    assert plans[8].duration_s == 7200


def test_without_a_name_the_type_names_the_run(started, tmp_path):
    """``--test-name`` may be left out."""
    run("--test-type", "spike", "--output", str(tmp_path))
    assert started[0][0].name == "spike"


def test_a_baseline_is_named_once_and_for_all(started, tmp_path, monkeypatch):
    """The plan holds its absolute path, whatever folder the analysis runs in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "plan.json").write_text("{}")
    assert run("--baseline", "before", "--threshold", "latency_p95_ms <= 1.1 * baseline") == 1
    assert started[0][0].baseline == str(tmp_path / "before")


def test_thresholds_may_be_repeated(started, tmp_path):
    """Each ``--threshold`` counts."""
    run("--threshold", "latency_p95_ms <= 5", "--threshold", "latency_p99_ms <= 9", "--output", str(tmp_path))
    given = [text.expression for text in started[0][0].thresholds if text.source == "flag"]
    assert given == ["latency_p95_ms <= 5", "latency_p99_ms <= 9"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TargetError("the target does not answer"), 3),
        (GeneratorError("the master ended"), 4),
        (NothingMeasuredError("no sample"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_a_run_cannot_do_is_one_line_and_its_exit_code(error, code, capsys, tmp_path, monkeypatch):
    """No traceback, whatever the session raises of ours."""

    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(session, "run", fail)
    assert run("--output", str(tmp_path)) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unwritable_output_is_a_usage_error(tmp_path, capsys, started):
    """A file where the folder should be."""
    (tmp_path / "taken").write_text("")
    assert run("--output", str(tmp_path / "taken")) == 2
    assert "--output" in capsys.readouterr().err
    assert started == []


def test_a_dry_run_shows_everything_and_creates_nothing(tmp_path, monkeypatch, capsys, started):
    """Phases, nodes, thresholds, each setting with its origin, and the commands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text(json.dumps({"TARGET_RPS": 50, "MIX": {"policy": 1}}))
    argv = ["--dry-run", "--config-file", "c.json", "--test-type", "spike", "--users", "40", "--workers", "2"]
    assert run(*argv, environ={"ACGS_SEED": "12", "ACGS_PASSWORD": "hunter2", "ACGS_TOKEN": "hunter2"}) == 0
    out = capsys.readouterr().out
    for pattern in (
        r"plan of spike: spike, closed load, 40 users, 5m against http://localhost:8080",
        r"\n  rise +1m +2 → 40 +–\n",
        r"\n  hold +1m30s +40 +– +yes\n",
        r"\n  localhost +local +2 +40 +40\n",
        r"\n  throughput_rps >= 50 +default +fails\n",
        r"\n  TARGET_RPS +file c\.json +50",
        r"\n  USERS +flag --users +40",
        r"\n  SEED +env ACGS_SEED +12",
        r"\n  TEST_DURATION +default of spike +5m",
        r"\n  MIX +file c\.json +\{\"policy\": 1\.0\}",
        r"\n  ACGS_PLAN=\S+ python -m locust -f locustfile\.py --master ",
        r"--worker [^\n]*\n[^\n]*--worker ",
    ):
        assert re.search(pattern, out), pattern
    for setting in SETTINGS:
        assert f"\n  {setting.key} " in out
    assert "hunter2" not in out
    assert started == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json"]


@pytest.mark.parametrize("test_type", TEST_TYPES)
def test_every_type_has_a_dry_run(test_type, capsys):
    """Open, closed and searching plans can all be shown."""
    assert run("--dry-run", "--test-type", test_type) == 0
    assert f"plan of {test_type}: " in capsys.readouterr().out
    assert run("--dry-run", "--test-type", test_type, "--rate", "20") == 0


def test_the_door_as_a_process(tmp_path):
    """The script ends with the exit code and one line."""
    done = subprocess.run(
        [sys.executable, str(PROJECT / "run_load_test.py"), "--users", "0"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "run_load_test.py: error: --users 0: must be a whole number from 1 to 1,000,000\n"


@pytest.mark.parametrize("door", ["run_load_test.py --dry-run", "distributed_config.py --json"])
def test_a_reader_that_goes_away_is_no_traceback(door, tmp_path):
    """``… | head -1`` ends quietly."""
    script, *flags = door.split()
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, str(PROJECT / script), *flags, "--test-type", "stress"]
        done = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_plan_that_was_written_is_played_again(tmp_path, capsys):
    """--plan takes everything from the file; what else is asked for is refused, as is a file that is no plan."""
    path = tmp_path / "plan.json"
    path.write_text(plan(folder=str(tmp_path / "out" / "first" / "1")).to_json())
    assert cli.run_load_test(["--plan", str(path), "--test-name", "again", "--dry-run"], {}) == 0
    out = capsys.readouterr().out
    assert out.startswith("plan of again: spike, closed load, 100 users, 14s against http://127.0.0.1:8080\n")
    assert f"{tmp_path}/out/again/" in out
    assert cli.run_load_test(["--plan", str(path), "--users", "5"], {}) == 2
    assert "--plan: users is decided in the file already" in capsys.readouterr().err
    for no_plan in (tmp_path / "none", Path(os.devnull)):
        assert cli.run_load_test(["--plan", str(no_plan)], {}) == 2
        told = capsys.readouterr().err
        assert f"--plan {no_plan}: " in told
        assert "not readable" in told
        assert told.endswith("name the plan.json of a run\n")

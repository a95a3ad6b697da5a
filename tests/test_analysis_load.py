"""Run folders are read whole; what is missing or torn is said, what is wrong names its file and line."""

import json

import pytest
from run_fixture import STARTED, RunFixture, plan_of

from acgs_load.analysis.load import load_run
from acgs_load.errors import NothingMeasuredError, UsageError
from acgs_load.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    """A small finished run."""
    return RunFixture(tmp_path / "run").steady(each=1).sampled().write()


def test_everything_is_read(folder):
    """Plan, record, windows, health, resources and preflight arrive, and nothing is missing."""
    run = load_run(folder)
    assert run.plan.name == "fixture"
    assert run.record.complete
    assert [phase.name for phase in run.record.phases] == ["ramp", "hold"]
    assert sum(window.samples for _, window in run.timeline.items()) == 25 * 19 + 1
    assert len(run.health) == 75
    assert run.resources[0].cpu == 0.4
    assert run.preflight["health"]["status"] == "healthy"
    assert run.missing == ()


def test_the_same_key_twice_is_merged(folder):
    """A late window of a key that was written before adds to it."""
    lines = folder.windows.read_text().splitlines()
    folder.windows.write_text("\n".join([*lines, lines[0]]) + "\n")
    run = load_run(folder)
    assert sum(window.samples for _, window in run.timeline.items()) == 25 * 19 + 2


def test_a_crash_is_said_and_analysed(folder):
    """Without run.json the phases and the length come from the windows."""
    folder.run.unlink()
    run = load_run(folder)
    assert not run.record.complete
    assert (run.record.started_s, run.record.ended_s) == (STARTED, STARTED + 25)
    assert [(phase.name, phase.from_s, phase.to_s, phase.hold) for phase in run.record.phases] == [
        ("ramp", 0, 5, False),
        ("hold", 5, 25, True),
    ]
    assert "run.json" in run.missing[0]


@pytest.mark.parametrize("name", ["windows", "generators", "resources", "violations"])
def test_a_torn_last_line_is_left_out_and_said(folder, name):
    """A last line without its end is a crash's doing, never a traceback."""
    path = getattr(folder, name)
    path.write_text(path.read_text() + '{"second": 18')
    run = load_run(folder)
    assert any(path.name in sentence and "cut short" in sentence for sentence in run.missing)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("plan", None, "no plan.json"),
        ("plan", "[]", "plan.json"),
        ("plan", "{", "plan.json"),
        ("run", "{", "run.json: no JSON"),
        ("run", "[1]", "a JSON list"),
        ("run", '{"schema": 2}', "schema 2 is not 1"),
        ("run", '{"schema": 1}', "no 'started_s'"),
        ("windows", "no json\n", "windows.jsonl, line 1"),
        ("windows", "{}\n", "windows.jsonl, line 1: not what a run writes (no 'second')"),
        ("windows", "[]\n", "windows.jsonl, line 1"),
        ("windows", "\n7\n", "windows.jsonl, line 2"),
        ("generators", "second,process\n1,a\n", "generators.csv, line 2"),
        ("resources", "second,source,cpu,memory,memory_bytes\n1,tree,much,0,1\n", "resources.csv, line 2"),
        ("resources", b"\xff\xfe\n", "no UTF-8"),
        ("violations", '{"kind": "x"}\n', "violations.jsonl, line 1"),
        ("preflight", "nothing", "preflight.json"),
    ],
)
def test_wrong_content_is_one_line(folder, name, content, said):
    """Anything that a run does not write is refused with the file, and the line where there are lines."""
    path = getattr(folder, name)
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)
    with pytest.raises(UsageError) as caught:
        load_run(folder)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"samples": "many"},
        {"outcomes": {"ok": "one"}},
        {"outcomes": None},
        {"service": ["a", "b", "c"]},
        {"service": [1, 2]},
        {"service": 7},
        {"second": None},
        {"first_done_s": "soon"},
    ],
)
def test_a_wrong_window_names_its_line(folder, change):
    """A window whose numbers are none is refused where it stands."""
    first, second, *rest = folder.windows.read_text().splitlines()
    folder.windows.write_text("\n".join([first, json.dumps(json.loads(second) | change), *rest]) + "\n")
    with pytest.raises(UsageError, match=r"windows\.jsonl, line 2"):
        load_run(folder)


def test_no_request_is_nothing_measured(tmp_path):
    """A run that counted nothing has no verdict."""
    folder = RunFixture(tmp_path / "run").watched().write()
    with pytest.raises(NothingMeasuredError, match="no request was counted"):
        load_run(folder)


def test_only_skipped_requests_are_nothing_measured(tmp_path):
    """A window without a single sample is none."""
    fixture = RunFixture(tmp_path / "run", plan_of())
    fixture.skip(3, "policy_get", 5)
    with pytest.raises(NothingMeasuredError):
        load_run(fixture.write())


def test_a_folder_that_is_none(tmp_path):
    """A path without a run is refused in one line."""
    with pytest.raises(UsageError, match=r"no plan\.json"):
        load_run(RunFolder(tmp_path / "absent"))

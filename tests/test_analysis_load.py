"""Run folders are read whole; what is missing or torn is said, what is wrong names its file and line."""

import json

import pytest
from run_fixture import STARTED, RunFixture, plan_of

from acgs_load.analysis.reading.load import load_run
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


@pytest.fixture
def lined(tmp_path):
    """The same, written as earlier versions did: a line a window."""
    return RunFixture(tmp_path / "lined").steady(each=1).sampled().write(pages=False)


def test_runs_of_earlier_versions_are_read(folder, lined):
    """A line a window, or a line a second: the same run."""
    assert len(lined.windows.read_text().splitlines()) == 25 * 19 + 1
    assert len(folder.windows.read_text().splitlines()) == 25
    before, now = ({key: window.to_wire() for key, window in load_run(of).timeline.items()} for of in (lined, folder))
    assert before == now


def test_a_line_of_either_kind_may_follow_the_other(folder, lined):
    """Nobody writes it so; whoever joins two files shall lose nothing."""
    folder.windows.write_text(folder.windows.read_text() + lined.windows.read_text())
    assert sum(window.samples for _, window in load_run(folder).timeline.items()) == 2 * (25 * 19 + 1)


def test_the_same_key_twice_is_merged(folder):
    """A late window of a key that was written before adds to it."""
    lines = folder.windows.read_text().splitlines()
    folder.windows.write_text("\n".join([*lines, lines[0]]) + "\n")
    run = load_run(folder)
    assert sum(window.samples for _, window in run.timeline.items()) == 25 * 19 + 1 + 20


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
        ("run", '{"schema": 1, "started_s": 1e999}', "no number that a run measures"),
        ("run", '{"schema": 1, "started_s": NaN}', "no number that a run measures"),
        ("windows", "no json\n", "windows.jsonl, line 1"),
        ("windows", "{}\n", "windows.jsonl, line 1: not what a run writes (no 'second')"),
        ("windows", "[]\n", "windows.jsonl, line 1"),
        ("windows", "\n7\n", "windows.jsonl, line 2"),
        ("generators", "second,process\n1,a\n", "generators.csv, line 2"),
        ("resources", "second,source,cpu,memory,memory_bytes\n1,tree,much,0,1\n", "resources.csv, line 2"),
        ("resources", "second,source,cpu,memory,memory_bytes\n1,tree,inf,0,1\n", "resources.csv, line 2"),
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


@pytest.mark.parametrize("memory", ["much", "inf", "NaN", [1]])
def test_a_machine_whose_memory_is_no_size(folder, memory):
    """Charts divide by it: refused at the door, not in the middle of drawing."""
    record = json.loads(folder.run.read_text())
    folder.run.write_text(json.dumps(record | {"machine": {"cpus": 2, "memory_bytes": memory}}))
    with pytest.raises(UsageError, match=r"run\.json"):
        load_run(folder)


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
        {"samples": -1},
        {"samples": 10**400},
        {"outcomes": {"ok": -1}},
        {"service": [1, 2, 3, -4, 5]},
        {"service": [1, 2, 3, 10**9, 5]},
        {"service": [1, 2, 3, True, 5]},
    ],
)
def test_a_wrong_window_names_its_line(lined, change):
    """A window whose numbers are none is refused where it stands."""
    first, second, *rest = lined.windows.read_text().splitlines()
    lined.windows.write_text("\n".join([first, json.dumps(json.loads(second) | change), *rest]) + "\n")
    with pytest.raises(UsageError, match=r"windows\.jsonl, line 2"):
        load_run(lined)


@pytest.mark.parametrize(
    "change",
    [
        {"windows": 18},
        {"windows": 20},
        {"windows": "many"},
        {"second": None},
        {"words": ["policy"]},
        {"region": [-1] * 19},
        {"samples": [1] * 18},
        {"samples": [True] * 19},
        {"samples": [-1] * 19},
        {"samples": 19},
        {"samples": None},
        {"answers_2xx": [1.0, "two"] * 9 + [3]},
        {"first_done_s": ["soon"] * 19},
        {"outcomes": {"ok": [19, 1]}},
        {"outcomes": {"ok": [-1, 1]}},
        {"outcomes": {"ok": [0, -1]}},
        {"outcomes": {"ok": [0]}},
        {"outcomes": None},
        {"failures": {"500 http_error": [0, 1, 77, 2]}},
        {"service": None},
        {"service": {}},
    ],
)
def test_a_wrong_page_names_its_line(folder, change):
    """A second whose lists do not fit one another, or whose numbers are none, is refused where it stands."""
    first, second, *rest = folder.windows.read_text().splitlines()
    folder.windows.write_text("\n".join([first, json.dumps(json.loads(second) | change), *rest]) + "\n")
    with pytest.raises(UsageError, match=r"windows\.jsonl, line 2"):
        load_run(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"entries": [1] * 18},
        {"entries": [2, *[1] * 18]},
        {"entries": [2, 0, *[1] * 17], "count": [1] * 18},
        {"index": [-1] * 19},
        {"index": [10**9] * 19},
        {"index": [1] * 20},
        {"count": [-1] * 19},
        {"sum_us": [0.5] * 19},
        {"max_us": ["long"] * 19},
        {"min_us": [10**30] * 19},
    ],
)
def test_a_wrong_histogram_in_a_page_names_its_line(folder, change):
    """Buckets that do not belong to anybody, or that no histogram has."""
    first, second, *rest = folder.windows.read_text().splitlines()
    page = json.loads(second)
    page["service"] |= change
    folder.windows.write_text("\n".join([first, json.dumps(page), *rest]) + "\n")
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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 7}, "name is '7'"),
        ({"mix": {"policy": "much"}}, "mix.policy is 'much'"),
        ({"stages": [{"name": "hold", "duration_s": None, "users_from": 1, "users_to": 1}]}, "stages[0].duration_s"),
        ({"load": "sideways"}, "load is 'sideways'"),
        ({"thresholds": [{"expression": 5, "source": "flag"}]}, "thresholds[0].expression"),
        ({"users_max": True}, "users_max is 'True'"),
        ({"baseline": 1.5}, "baseline is '1.5'"),
    ],
)
def test_a_plan_of_wrong_types_is_told(folder, change, said):
    """The plan's values are what its fields say, or the field is named."""
    folder.plan.write_text(json.dumps(json.loads(folder.plan.read_text()) | change))
    with pytest.raises(UsageError) as caught:
        load_run(folder)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"started_s": 1.8e12},
        {"ended_s": 1.0},
        {"ended_s": 1e17},
        {"phases": [{"name": "hold", "from_s": 5, "to_s": 1, "hold": True}]},
        {"phases": [{"name": "hold", "from_s": 5, "to_s": 1e12, "hold": True}]},
    ],
)
def test_times_that_make_no_run_are_told(folder, change):
    """A clock in milliseconds, an end before the start, a phase of centuries."""
    folder.run.write_text(json.dumps(json.loads(folder.run.read_text()) | change))
    with pytest.raises(UsageError, match=r"run\.json"):
        load_run(folder)


@pytest.mark.parametrize("second", [0, 10**15])
def test_a_window_of_another_time_is_told(folder, second):
    """A second that lies a month from the run is of another clock."""
    first, *rest = folder.windows.read_text().splitlines()
    folder.windows.write_text("\n".join([json.dumps(json.loads(first) | {"second": second}), *rest]) + "\n")
    with pytest.raises(UsageError, match="not of this run"):
        load_run(folder)


def test_a_count_beyond_all_numbers_is_refused(folder):
    """As text it reads as infinity, which is no whole number."""
    record = json.loads(folder.run.read_text())
    record["workers"][1]["samples_sent"] = "1e999"
    folder.run.write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"run\.json: not what a run writes"):
        load_run(folder)

"""Whatever stands in a run folder or a CSV file: a report, or one clear line and the right exit code. No traceback."""

from __future__ import annotations

import io
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from accidents import spoilt_json, spoilt_lines, spoilt_table
from fuzzing import cases
from hypothesis import given
from hypothesis import strategies as st
from run_fixture import RunFixture, plan_of, thresholds

from acgs_load.analysis.door import run_analyzer
from acgs_load.contract import Outcome
from acgs_load.plan import Stage

RECORDED = Path(__file__).parent / "recorded"
VERDICTS = {0, 1, 4, 130}
REFUSALS = {2, 5}
"""Exit codes of what cannot be judged; each comes with one line."""


def _run_files() -> dict[str, bytes]:
    """A small run with a bit of everything, as bytes by file name."""
    with tempfile.TemporaryDirectory() as place:
        stages = (Stage("ramp", 1, 0, 4), Stage("hold", 3, 4, 4, hold=True))
        plan = plan_of(stages=stages, users_max=4, thresholds=thresholds("latency_p95_ms <= 500 over 1s for 2"))
        fixture = RunFixture(Path(place), plan).steady(each=1).sampled()
        fixture.add(2, "policy_get", [30.0], Outcome.HTTP_ERROR, status=503)
        fixture.example("http_error", "policy_get", 2, "status 503")
        fixture.run["changes"] = [{"phase": "hold", "what": "users", "at_s": 2.0, "from": 4, "to": 5}]
        folder = fixture.write()
        return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


FILES = _run_files()


def spoilt(name: str) -> st.SearchStrategy[bytes]:
    """What can become of that file of the run."""
    kinds = {".json": spoilt_json, ".jsonl": spoilt_lines, ".csv": spoilt_table}
    return kinds[Path(name).suffix](FILES[name])


def judged(*argv: str) -> int:
    """The exit code of the analyzer; what it says where it refuses is one line, without a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_analyzer(argv)
    told = err.getvalue()
    assert code in VERDICTS | REFUSALS, told
    assert "Traceback" not in told + out.getvalue()
    if code in REFUSALS and not out.getvalue():
        assert len(told.splitlines()) == 1, told
        assert told.strip().isprintable(), repr(told)
    return code


@pytest.fixture
def folder(tmp_path):
    """A run folder that is written anew for each case."""

    def write(**changed: bytes) -> Path:
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        (tmp_path / "run").mkdir()
        for name, content in (FILES | changed).items():
            (tmp_path / "run" / name).write_bytes(content)
        return tmp_path / "run"

    return write


def test_the_run_is_sound_before_anything_happens_to_it(folder):
    """Otherwise nothing below would say anything."""
    assert judged(str(folder()), "--json-only") in VERDICTS
    assert set(FILES) >= {"plan.json", "run.json", "windows.jsonl", "violations.jsonl", "generators.csv"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_any_accident_to_a_file_of_a_run(name, folder):
    """Each file by itself."""

    @cases(12)
    @given(spoilt(name))
    def one(content):
        judged(str(folder(**{name: content})), "--json-only")

    one()


@cases(10)
@given(st.dictionaries(st.sampled_from(sorted(FILES)), st.just(None), min_size=2, max_size=3), st.data())
def test_accidents_to_several_files(folder, names, data):
    """Together, and in every form of the report that needs no pictures."""
    judged(str(folder(**{name: data.draw(spoilt(name)) for name in names})), "--json-only", "--export", "csv")


TABLES = sorted(path.relative_to(RECORDED).as_posix() for path in RECORDED.rglob("full_*.csv"))


@cases(60)
@given(st.sampled_from(TABLES), st.data())
def test_any_accident_to_locusts_csv_files(tmp_path, name, data):
    """Of every version that is read."""
    source, place = RECORDED / name, tmp_path / "csv"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source.parent, place, ignore=lambda _, names: [n for n in names if not n.startswith("full_")])
    (place / source.name).write_bytes(data.draw(spoilt_table(source.read_bytes())))
    judged(str(place / "full"), "--json-only")

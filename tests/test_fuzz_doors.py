"""Whatever somebody types, sets or puts into a file: a plan, or one clear line and exit code 2. No traceback."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
from accidents import NASTY, spoilt_json
from fuzzing import cases
from hypothesis import given
from hypothesis import strategies as st
from test_settings import EVERYTHING

from acgs_load import cli
from acgs_load.cli import plan_from
from acgs_load.settings_table import SETTINGS

FLAGS = [setting.flag for setting in SETTINGS if setting.flag] + ["--config-file", "--plan", "--dry-run", "--version"]
VARIABLES = [setting.env for setting in SETTINGS if setting.env] + ["ACGS_CONFIG_FILE", "XDG_CONFIG_HOME", "HOME"]
WORDS = st.sampled_from([
    "0", "1", "10", "-1", "1e9", "nan", "inf", "60s", "2h", "1000h", "0:10@5s", "spike", "smoke", "open", "embedded:0",
    "a,b", "http://localhost:1", "http://[::1", "http://a@b", "latency_p95_ms <= 5", "x{y='z'} <", "/", "..", "../x",
    "=1+1", "é", "",
    "\x1b[2J", "\u202e", "\x00", "<b>", "a\nb",
])  # fmt: skip
TEXTS = WORDS | st.text(max_size=12)


def refused_or_planned(argv: list[str], environ: dict[str, str], place) -> int:
    """The exit code of a dry run: 0 with a plan, or 2 with one printable line."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.run_load_test([*argv, "--output", str(place), "--dry-run"], environ)
    except SystemExit as end:  # --help and --version, as argparse has it
        return int(end.code or 0)
    told = err.getvalue()
    assert code in (0, 2), told
    assert "Traceback" not in told
    if code == 2:
        assert len(told.splitlines()) == 1, told
        assert told.strip().isprintable(), repr(told)
    return code


@cases(150)
@given(
    st.lists(st.tuples(st.sampled_from(FLAGS), TEXTS).map(lambda pair: [f"{pair[0]}={pair[1]}"]) | st.lists(
        st.sampled_from(FLAGS) | TEXTS, min_size=1, max_size=2), max_size=4
    ),
    st.dictionaries(st.sampled_from(VARIABLES), TEXTS, max_size=3),
)  # fmt: skip
def test_any_command_line(tmp_path, groups, environ):
    """Flags with and without values, words between them, variables around them."""
    refused_or_planned([word for group in groups for word in group], environ, tmp_path)


@cases(150)
@given(spoilt_json(json.dumps(EVERYTHING).encode()))
def test_any_accident_to_a_configuration_that_uses_every_key(tmp_path, content):
    """Wrong values deep inside nodes, accounts, routes, headers, thresholds."""
    path = tmp_path / "c.json"
    path.write_bytes(content)
    refused_or_planned(["--config-file", str(path)], {}, tmp_path)


@cases(100)
@given(st.data())
def test_any_value_at_any_key_of_yaml(tmp_path, data):
    """YAML knows more kinds of values than JSON does."""
    key = data.draw(st.sampled_from([setting.key for setting in SETTINGS]))
    shape = data.draw(st.sampled_from(["{}: {}\n", "{}: !!python/object {}\n", "{}: &a [{}, *a]\n", "? [{}]\n: {}\n",
                                       "{}: 2001-12-14 {}\n", "{}: !!binary {}\n", "{}: |\n {}\n"]))  # fmt: skip
    value = data.draw(TEXTS | st.sampled_from(NASTY).map(repr))
    path = tmp_path / "c.yaml"
    path.write_text(shape.format(key, value), encoding="utf-8", errors="replace")
    refused_or_planned(["--config-file", str(path)], {}, tmp_path)


@pytest.fixture(scope="module")
def planned():
    """A plan as JSON, of a run with everything in it."""
    return plan_from({"test_type": "spike", "users": "40", "duration": "60s", "rate": "5"}, {}).to_json().encode()


@cases(150)
@given(data=st.data())
def test_any_accident_to_a_plan_that_is_played_again(tmp_path, planned, data):
    """``--plan FILE``: what was decided before, on its way here."""
    path = tmp_path / "plan.json"
    path.write_bytes(data.draw(spoilt_json(planned)))
    refused_or_planned(["--plan", str(path)], {}, tmp_path)

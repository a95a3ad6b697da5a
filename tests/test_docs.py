"""What the README says is so. ``python tests/test_docs.py --update`` writes its table of settings anew."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from test_plan import plan  # noqa: E402

from acgs_load import cli  # noqa: E402
from acgs_load.contract import OPERATIONS, Violation  # noqa: E402
from acgs_load.errors import ExitCode  # noqa: E402
from acgs_load.gateway.faults import FAULTS  # noqa: E402
from acgs_load.measures import MEASURES  # noqa: E402
from acgs_load.settings_table import SETTINGS, TEST_TYPES  # noqa: E402

README = PROJECT / "README.md"
TEXT = README.read_text(encoding="utf-8")
MARKS = ("<!-- settings: made by tests/test_docs.py -->\n", "<!-- /settings -->")


def settings_table() -> str:
    """The table of settings as Markdown."""
    rows = ["| flag | file key | environment | what |", "| --- | --- | --- | --- |"]
    for setting in SETTINGS:
        names = (setting.flag, setting.key, setting.env)
        cells = [f"`{name}`" if name else "" for name in names]
        default = "" if setting.default in (None, (), {}, False, True) else _default(setting.default)
        rows.append(f"| {' | '.join(cells)} | {setting.help.replace('|', '/')}{default} |")
    return "\n".join(rows) + "\n"


def _default(value: object) -> str:
    if isinstance(value, tuple):
        value = f"{value[0]} … {value[-1]}" if isinstance(value[0], str) else "–".join(map(str, value))
    return f" (`{value:g}`)" if isinstance(value, float) else f" (`{value}`)".replace("|", r"\|")


def commands(door: str) -> list[str]:
    """Every command line of ``door`` in the README's code blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.split("  #")[0] for line in lines if line.startswith(f"python {door}")]


def test_the_table_of_settings_is_the_code_s():
    """Every flag, key and variable, with its help and default."""
    begin, end = TEXT.index(MARKS[0]) + len(MARKS[0]), TEXT.index(MARKS[1])
    assert TEXT[begin:end] == settings_table(), "python tests/test_docs.py --update"


@pytest.mark.parametrize("command", commands("run_load_test.py"))
def test_every_command_of_the_readme_is_understood(command, tmp_path, capsys, monkeypatch):
    """Each is resolved to a plan, without sending anything."""
    block = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    (tmp_path / "custom-config.json").write_text(block.group(1))
    monkeypatch.chdir(tmp_path)
    argv = [word for word in shlex.split(command)[2:] if word != "--dry-run"]
    if "--plan" in argv:
        path = Path(argv[argv.index("--plan") + 1])
        path.parent.mkdir(parents=True)
        path.write_text(plan(folder=str(path.parent.absolute())).to_json())
    assert cli.run_load_test([*argv, "--dry-run"], {}) == 0, capsys.readouterr().err


def test_the_promised_commands_are_understood(tmp_path, capsys, monkeypatch):
    """Every command line that users of the suite were promised."""
    monkeypatch.chdir(tmp_path)
    for flags in PROMISED:
        assert cli.run_load_test([*shlex.split(flags), "--dry-run"], {}) == 0, (flags, capsys.readouterr().err)


PROMISED = (
    '--test-name "acgs-enterprise-test" --test-type enterprise --users 1000 --duration 30m',
    '--test-name "constitutional-test" --test-type constitutional',
    '--test-name "enterprise-1000" --users 1000 --duration 30m',
    '--test-name "spike-test" --test-type spike',
    '--test-name "prod-test" --target https://acgs.prod.com --users 500',
    '--test-name "manual" --no-analysis',
    '--test-name "slow-ramp" --spawn-rate 2 --users 1000',
    '--test-name "endurance" --duration 2h --users 800',
)


def words() -> set[str]:
    return set(re.findall(r"[A-Za-z0-9_.*/-]+", TEXT))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("operation", [name for name in OPERATIONS if not name.startswith("auth_")]),
        ("violation", [str(violation) for violation in Violation]),
        ("measure", list(MEASURES)),
        ("test type", list(TEST_TYPES)),
        ("fault", list(FAULTS)),
        ("exit code", [str(int(code)) for code in ExitCode]),
    ],
)
def test_nothing_is_left_out(kind, names):
    """Every operation, violation, measure, type, fault and exit code is in the README."""
    assert [name for name in names if name not in words()] == [], kind


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_links_lead_somewhere(link):
    """Relative links name files of the project."""
    assert (PROJECT / link).exists()


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Makefile", ".ci/run"])
def test_no_machine_is_named(name):
    """No absolute path of a workplace and no registry host."""
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert not re.search(r"/root/|/work/|/home/|pypi\.org|files\.pythonhosted", text)


def test_the_architecture_names_modules_that_exist():
    """Every module named in the tables of the rooms is there."""
    text = (PROJECT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = text[text.index("## The rooms") : text.index("## A run, in order")]
    files = {path.stem for path in (PROJECT / "acgs_load").rglob("*.py")}
    named = set(re.findall(r"`([a-z_]+)\*?`", rooms))
    assert {name for name in named if not any(stem.startswith(name) for stem in files)} == set()


if __name__ == "__main__":
    head, _, rest = TEXT.partition(MARKS[0])
    README.write_text(head + MARKS[0] + settings_table() + MARKS[1] + rest.partition(MARKS[1])[2], encoding="utf-8")

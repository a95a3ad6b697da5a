"""Who may import whom: the table is the architecture, the test reads the imports with ``ast``."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "acgs_load"

FLOORS = [
    {"contract", "units", "errors", "machine", "uninterrupted"},
    {"histogram", "secret", "printable", "outlet"},
    {
        "samples",
        "health",
        "usage",
        "snapshot",
        "plan",
        "run_folder",
        "permission",
        "authorities",
        "unverified",
    },
    {"spool"},
    {"measures", "salvage"},
    {"timeline"},
    {"thresholds"},
    {"settings"},
    {"profiles"},
    {"traffic", "fleet", "analysis", "gateway"},
    {"preflight", "resources"},
    {"live"},
    {"session"},
    {"cli"},
]
"""Lowest first. A module belongs to the floor that names it or the prefix of its name before ``_``."""

FORBIDDEN = {
    "traffic": {"pandas", "matplotlib", "z3", "jinja2"},
    "analysis": {"locust", "gevent", "z3"},
    "gateway": {"locust", "gevent", "pandas", "matplotlib"},
}
GATEWAY_MAY_SHARE = {"contract", "units", "errors"}


def _module(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _place(module: str) -> tuple[int, str]:
    """The floor and the family of a module: ``settings`` for ``settings``, ``settings_file`` and ``setting_kinds``."""
    for number, names in enumerate(FLOORS):
        for name in sorted(names):
            if module == name or module.startswith((f"{name.rstrip('s')}_", f"{name}_")):
                return number, name
    raise AssertionError(f"acgs_load/{module} stands on no floor: name it in FLOORS")


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names.add(node.module or "")
            if node.module == "acgs_load":
                names |= {f"acgs_load.{alias.name}" for alias in node.names if alias.name != "__version__"}
    return names


def _violations(path: Path, module: str, imports: set[str]) -> list[str]:
    found = []
    for name in sorted(imports):
        top, _, rest = name.partition(".")
        if top in FORBIDDEN.get(module, ()):
            found.append(f"{path.name} imports {name}")
        if top == "acgs_load" and rest:
            other = rest.split(".")[0]
            (floor, family), (other_floor, other_family) = _place(module), _place(other)
            if other_family != family and other_floor >= floor:
                found.append(f"{path.name} ({module}) imports {name} from its own or a higher floor")
            if module == "gateway" and other not in GATEWAY_MAY_SHARE | {"gateway"}:
                found.append(f"{path.name} (gateway) shares code with the suite: {name}")
    return found


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_from_floors_below(path):
    """A module imports from floors below it and from its own family; no room imports what its machine does not have."""
    module = _module(path)
    assert _violations(path, module, _imports(path)) == []


def test_a_planted_breach_is_found():
    """The check itself fails on an import upwards, on a forbidden library and on shared verification code."""
    assert _violations(Path("x.py"), "samples", {"acgs_load.session"})
    assert _violations(Path("x.py"), "analysis", {"locust.stats"})
    assert _violations(Path("x.py"), "gateway", {"acgs_load.histogram"})
    assert not _violations(Path("x.py"), "traffic", {"acgs_load.samples", "gevent"})


HELP = """
import runpy, sys
sys.argv = ["run_load_test.py", "--help"]
try:
    runpy.run_path("run_load_test.py", run_name="__main__")
except SystemExit:
    pass
"""


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (HELP, {"locust", "pandas", "pydantic", "gevent", "matplotlib", "z3", "requests"}),
        ("import acgs_load.analysis.door", {"locust", "gevent", "z3"}),
        ("import acgs_load.gateway.__main__", {"locust", "gevent", "pandas"}),
    ],
    ids=["help", "analyzer", "gateway"],
)
def test_what_a_door_loads(code, absent):
    """``--help`` is quick, the analyzer needs no Locust, the gateway needs neither."""
    script = f"{code}\nimport sys; print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert loaded, done.stderr
    assert not loaded & absent

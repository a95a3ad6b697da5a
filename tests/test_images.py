"""The Dockerfiles: pinned, small, not root, and complete: what is imported is copied and installed."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from composing import PROJECT

DOCKERFILES = ["Dockerfile.loadtest", "Dockerfile.analyzer"]
DOORS = {
    "Dockerfile.loadtest": [
        *("run_load_test.py", "locustfile.py", "distributed_config.py", "performance_analyzer.py"),
        "acgs_load/gateway/__main__.py",
        "acgs_load/fleet/shift.py",
    ],
    "Dockerfile.analyzer": ["performance_analyzer.py"],
}
REQUIREMENTS = {"Dockerfile.loadtest": "requirements.txt", "Dockerfile.analyzer": "requirements-analyzer.txt"}
OPTIONAL = {"pyarrow"}
"""Whoever wants Parquet installs it; without it one line says so."""
NOT_IN_ANALYZER = {"locust", "gevent", "z3-solver", "granian", "httptools"}


def _instructions(name: str) -> list[tuple[str, str]]:
    text = (PROJECT / name).read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines if line.strip()]


def _pins(name: str) -> dict[str, str]:
    """Distribution → version, as a requirements file pins them."""
    lines = (line.split("#")[0].strip() for line in (PROJECT / name).read_text(encoding="utf-8").splitlines())
    return {word.split("==")[0]: word.split("==")[1] for word in lines if word}


def _spelled(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _owners(package: str) -> set[str]:
    """Distributions that bring a package."""
    return {_spelled(name) for name in _distributions().get(package, [])}


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()  # slow: it looks through everything that is installed


def _with_dependencies(distributions: set[str]) -> set[str]:
    """What pip installs for these, extras left out."""
    found: set[str] = set()
    waiting = {_spelled(name) for name in distributions}
    while waiting:
        name = waiting.pop()
        found.add(name)
        needed = {re.split(r"[^\w.-]", line)[0] for line in _requires(name) if "extra ==" not in line}
        waiting |= {_spelled(word) for word in needed} - found
    return found


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # for another platform
        return []


def _copied(name: str) -> list[str]:
    """Sources of the project, those of other stages left out."""
    copies = [rest for verb, rest in _instructions(name) if verb == "COPY" and not rest.startswith("--from=")]
    return [word for rest in copies for word in rest.split()[:-1]]


def _imports(path: Path) -> set[str]:
    """Modules that the file may ever import, those for type checkers left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _own_file(module: str) -> Path | None:
    place = PROJECT.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _reached(doors: list[str]) -> tuple[set[Path], set[str]]:
    """Own files and foreign packages that can be imported from these files on, however late."""
    files: set[Path] = set()
    foreign: set[str] = set()
    waiting = [PROJECT / door for door in doors]
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        for module in _imports(path):
            own = _own_file(module)
            if own is not None:
                waiting.append(own)
            elif module.split(".")[0] not in sys.stdlib_module_names | {"acgs_load"}:
                foreign.add(module.split(".")[0])
    return files, foreign


@pytest.mark.parametrize("name", DOCKERFILES)
def test_image_is_pinned_and_unprivileged(name):
    """A fixed base in both stages, no pip cache or compiler, exec form, and a user that is not root at the end."""
    instructions = _instructions(name)
    base = "python:3.11-slim-bookworm"
    assert [rest for verb, rest in instructions if verb == "FROM"] == [f"{base} AS packages", base]
    assert not any(word in rest for verb, rest in instructions if verb == "RUN" for word in ("apt-get", "curl", "sudo"))
    assert [rest for verb, rest in instructions if verb == "USER"][-1] not in {"root", "0"}
    assert [rest for verb, rest in instructions if verb == "CMD"][-1].startswith("[")
    installing = [rest for verb, rest in instructions if verb == "RUN" and "pip " in rest]
    assert len(installing) == 1
    assert "--no-cache-dir" in installing[0]
    assert "--only-binary=:all:" in installing[0]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_exists_and_is_let_through(name):
    """Each source of a COPY is there, and .dockerignore lets it into the build."""
    let_through = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    for source in _copied(name):
        assert list(PROJECT.glob(source)), source
        assert source.split("/")[0] in let_through, source


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_imported_is_copied(name):
    """Every own module that the image's doors can reach is in the image."""
    copied = {path for source in _copied(name) for path in PROJECT.glob(source)}
    files, _ = _reached(DOORS[name])
    lacking = {path for path in files if path not in copied and not copied & set(path.parents)}
    assert not lacking, sorted(str(path.relative_to(PROJECT)) for path in lacking)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_imported_is_installed(name):
    """Every foreign package that the image's doors can reach comes with the image's requirements."""
    _, foreign = _reached(DOORS[name])
    installed = _with_dependencies(set(_pins(REQUIREMENTS[name])))
    assert {package for package in foreign if not _owners(package) & installed} == OPTIONAL


def test_analyzer_needs_no_more_than_it_imports():
    """Each pin of the analyzer is one of requirements.txt, is used, and is no load generator or solver."""
    pins, all_pins = _pins("requirements-analyzer.txt"), _pins("requirements.txt")
    assert pins.items() <= all_pins.items()
    _, foreign = _reached(DOORS["Dockerfile.analyzer"])
    assert {_spelled(pin) for pin in pins} <= {owner for package in foreign for owner in _owners(package)}
    assert not _with_dependencies(set(pins)) & NOT_IN_ANALYZER


def test_a_planted_gap_is_found(tmp_path):
    """The reading of imports sees late ones and leaves those for type checkers out."""
    planted = tmp_path / "planted.py"
    planted.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gevent\ndef late():\n    import z3\n",
        encoding="utf-8",
    )
    assert _imports(planted) & {"gevent", "z3"} == {"z3"}

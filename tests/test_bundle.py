"""What other machines are given, and what is taken from them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from acgs_load.errors import GeneratorError
from acgs_load.fleet.archive import RUN_FILES, WORKER_FILES, unpack
from acgs_load.fleet.bundle import REQUIREMENTS, bundle

PROJECT = Path(__file__).resolve().parents[1]


def test_the_bundle_is_the_same_whenever_it_is_packed():
    """Its hash depends on the files alone, so that a machine that has it is not sent it again."""
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first


def test_a_worker_starts_from_the_bundle_alone(tmp_path):
    """Everything that the locustfile loads is in it; what only readers and the gateway need is not."""
    with tarfile.open(fileobj=io.BytesIO(bundle().content)) as archive:
        archive.extractall(tmp_path, filter="data")
    assert not (tmp_path / "acgs_load" / "gateway").exists()
    assert not (tmp_path / "acgs_load" / "analysis").exists()
    for module in ("locustfile", "acgs_load.fleet.outpost"):
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}, sys; print(*sys.modules)"],
            cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_the_requirements_of_workers_are_pinned_as_those_of_the_suite():
    """One version of each package, wherever it is installed."""
    pattern = re.compile(r"^([A-Za-z0-9_.-]+==\S+)", re.MULTILINE)
    of_suite = set(pattern.findall((PROJECT / "requirements.txt").read_text()))
    of_workers = pattern.findall((PROJECT / REQUIREMENTS).read_text())
    assert len(of_workers) >= 5
    assert set(of_workers) <= of_suite


def archive_of(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("logs/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


def test_only_logs_and_spools_are_taken_from_elsewhere(tmp_path):
    """A machine that sends paths of its own choice writes nothing with them."""
    folder = tmp_path / "run"
    folder.mkdir()
    content = archive_of(**{
        "logs/worker-0.log": b"fine", "spools/worker-0-ab.jsonl": b"{}", "../evil": b"x", "/tmp/evil": b"x",
        "logs/../../evil": b"x", "run.json": b"{}", "logs/a/b": b"x",
    })  # fmt: skip
    unpack(io.BytesIO(content), folder, WORKER_FILES)
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir())
    assert written == ["run/logs/worker-0.log", "run/spools/worker-0-ab.jsonl"]


def test_what_is_no_archive_is_said(tmp_path):
    """Not a traceback."""
    for content in (b"", b"nonsense", archive_of(**{"logs/a": os.urandom(9000)})[:5000]):
        with pytest.raises(GeneratorError, match="what was collected is not readable"):
            unpack(io.BytesIO(content), tmp_path, RUN_FILES)

"""Run folders are new, named after the run, and never shared."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from acgs_load.errors import UsageError
from acgs_load.run_folder import create_run_folder, shown, write_atomically

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def test_two_runs_in_one_second_get_two_folders(tmp_path):
    """The stamp is made unique, nothing is overwritten."""
    first, second = (create_run_folder(tmp_path, "demo", NOW) for _ in range(2))
    assert first.path == tmp_path / "demo" / "20261123T120000Z"
    assert second.path.name == "20261123T120000Z-1"
    assert first.logs.is_dir()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 101, "ä"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path, name):
    """The name cannot lead out of the output folder."""
    with pytest.raises(UsageError, match="--test-name"):
        create_run_folder(tmp_path, name)


def test_an_output_that_cannot_be_written_is_a_usage_error(tmp_path):
    """A file in the way is said with its path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--output"):
        create_run_folder(tmp_path / "file", "demo")


def test_a_file_is_replaced_whole(tmp_path):
    """No temporary file is left beside it."""
    write_atomically(tmp_path / "x.json", "one")
    write_atomically(tmp_path / "x.json", "two")
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").read_text() == "two"


def test_a_path_is_shown_as_one_would_type_it(tmp_path, monkeypatch):
    """Relative below the current folder, whole elsewhere."""
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "reports" / "x") == "reports/x"
    assert shown(tmp_path.parent / "y") == str(tmp_path.parent / "y")

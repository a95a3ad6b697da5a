"""What a run that nobody analyses ends with: never 0 where the master knows already that something was wrong."""

from __future__ import annotations

import pytest
from run_fixture import RunFixture

from acgs_load.session_unjudged import ending


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"ended_by": "abort"}, 1),
        ({"ended_by": "quorum"}, 4),
        ({"ended_by": "workers_lost"}, 4),
        ({"ended_by": "interrupt", "interrupted": True}, 130),
        ({"ended_by": "master_lost", "interrupted": True}, 130),
        ({"workers": []}, 5),
        (None, 4),
    ],
    ids=str,
)
def test_an_unjudged_run_ends_with_what_is_known(tmp_path, changes, code):
    """Thresholds aside, which nobody has looked at; None: there is no run.json."""
    fixture = RunFixture(tmp_path / "run").steady()
    fixture.run |= changes or {}
    found, reason = ending(fixture.write(finished=changes is not None))
    assert found == code
    assert bool(reason) == bool(code)

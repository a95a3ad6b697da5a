"""A user holds a connection, a connection a file descriptor: limits are raised, or the run is refused in one line."""

from __future__ import annotations

import resource

import pytest
from running import finish, start_run

QUICK = ("--target", "embedded:0", "--spawn-rate", "400", "--duration", "5s")

pytestmark = pytest.mark.slow


def _under(soft, hard, output, *options):
    """A run whose processes all begin with these limits: they inherit those of the one that starts them."""
    process = start_run(output, *options)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    return finish(process, output)


def test_a_low_soft_limit_stands_in_nobodys_way(tmp_path):
    """Gateway and worker lift it to the hard one: 300 users log in where the shell allows 200 descriptors."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ended = _under(200, hard, tmp_path, "--users", "300", *QUICK)
    assert ended.record["users"] == {"wanted": 300, "reached": 300, "without_token": 0}


def test_a_low_hard_limit_is_one_clear_line(tmp_path):
    """What is needed, what is allowed, what to do; exit code 4, and nothing was sent."""
    ended = _under(300, 300, tmp_path, "--users", "400", *QUICK)
    assert ended.code == 4
    assert len(ended.errors.strip().splitlines()) == 1
    assert "400 users in one worker need 528 file descriptors, 300 are allowed" in ended.errors
    assert "raise ulimit -n" in ended.errors

"""A run of each type: its shape, its mix and its end are those that were planned."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor

import pytest
import running
from test_end_to_end import DEFAULT_SHARES

from acgs_load.errors import ExitCode

pytestmark = pytest.mark.slow


def users_by_second(folder, started_s):
    """Users over all workers at each whole second since the start, from generators.csv."""
    users = {}
    for row in csv.DictReader((folder / "generators.csv").open()):
        if row["process"] != "master":
            at = int(row["second"]) - int(started_s)
            users[at] = users.get(at, 0) + int(row["users"])
    return users


def test_a_spike_of_20_seconds_rises_within_its_fifth(tmp_path):
    """5 % of the users at first, all of them after the planned fifth, 5 % again in the recovery."""
    options = ("--test-type", "spike", "--target", "embedded:0", "--users", "100", "--duration", "20s")
    ended = running.trusted_run(tmp_path, *options, "--workers", "1", "--threshold", "throughput_rps >= 1")
    assert ended.code == ExitCode.PASSED, ended.output + ended.errors
    users = users_by_second(ended.folder, ended.record["started_s"])
    assert max(users.get(second, 0) for second in (2, 3)) <= 7, users
    assert users[9] >= 98, users
    assert users[19] <= 10, users
    assert abs(ended.record["ended_s"] - ended.record["started_s"] - 20) <= 2


TYPES = {
    "constitutional": (("--users", "30"), {"constitutional": 0.40, "formal": 0.35, "policy": 0.25}),
    "stress": (("--users", "50"), DEFAULT_SHARES),
    "endurance": (("--users", "30"), DEFAULT_SHARES),
    "distributed": (("--users", "32"), DEFAULT_SHARES),
    "enterprise": (("--rate", "100"), DEFAULT_SHARES),
}
"""Test type → its flags, and the shares of its scenarios."""


def run_of_type(test_type, output):
    """A run of 12 s, scaled."""
    lenient = ("--threshold", "throughput_rps >= 1", "--target", "embedded:0", "--duration", "12s")
    workers = () if test_type == "distributed" else ("--workers", "1")
    return running.run(output, "--test-type", test_type, *TYPES[test_type][0], *lenient, *workers)


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """A run of each type, two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        runs = {
            test_type: pool.submit(run_of_type, test_type, tmp_path_factory.mktemp(test_type)) for test_type in TYPES
        }
        return {test_type: run.result() for test_type, run in runs.items()}


@pytest.mark.parametrize("test_type", TYPES)
def test_every_type_keeps_its_mix_and_its_planned_end(typed, test_type):
    """Scaled to 12 s, each runs to its end and not beyond, with its own mix; a busy machine may make it INVALID."""
    ended = typed[test_type]
    assert ended.code in (ExitCode.PASSED, ExitCode.INVALID), ended.output + ended.errors
    assert ended.report["violations"] == []
    assert abs(ended.record["ended_s"] - ended.record["started_s"] - 12) <= 2
    shares = {row["scenario"]: row["share"] for row in ended.report["scenarios"] if row["requests"]}
    assert shares == pytest.approx(TYPES[test_type][1], abs=0.05)
    if test_type == "distributed":
        assert len(ended.report["regions"]) == 4

"""The distributed test of the promise, smaller: sixteen worker processes in four regions, and every count exact."""

from __future__ import annotations

import json

import pytest
import running

from acgs_load.contract import OPERATIONS

pytestmark = [pytest.mark.slow, pytest.mark.matrix]

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
MAX_USERS = (400, 200, 100, 100)
"""Users go in these proportions; so do the arrivals of an open load."""


def _config(tmp_path, **more):
    nodes = [
        {"host": "localhost", "workers": 4, "max_users": users, "region": region}
        for region, users in zip(REGIONS, MAX_USERS, strict=True)
    ]
    path = tmp_path / "distributed.json"
    path.write_text(json.dumps({"LOAD_TEST_NODES": nodes, **more}))
    return "--config-file", str(path)


def _ran(tmp_path, *flags, **more):
    common = ("--test-type", "distributed", "--target", "embedded:0", "--duration", "30s", "--threshold")
    lenient = ("throughput_rps >= 1", "--threshold", "throughput_peak_rps >= 1")
    ended = running.run(tmp_path, *_config(tmp_path, **more), *common, *lenient, *flags, timeout_s=300.0)
    assert ended.folder is not None, ended.output + ended.errors
    return ended


def _exact(ended):
    """Sent by workers = merged by the master = counted by the gateway, by operation."""
    workers = ended.record["workers"]
    assert len(workers) == 16, ended.output
    assert [row["samples_sent"] for row in workers] == [row["samples_received"] for row in workers]
    assert ended.record["samples_lost"] == ended.record["workers_lost"] == 0
    merged = {row["operation"]: row["requests"] + row["resent"] for row in ended.report["operations"]}
    counted = running.target_counts((ended.folder / "target_metrics.txt").read_text())
    assert merged == {name: count for name, count in counted.items() if name in OPERATIONS}
    assert sum(row["samples_received"] for row in workers) == sum(row["requests"] for row in ended.report["operations"])
    # a machine that is too small for this makes it INVALID in words about generators, and nothing else does
    assert all("load generator" in reason for reason in ended.report["reasons"]), ended.output


def _by_region(ended):
    sent = dict.fromkeys(REGIONS, 0)
    for worker in ended.record["workers"]:
        sent[worker["region"]] += worker["samples_sent"]
    return sent


def test_four_hundred_users_on_sixteen_workers(tmp_path):
    """Every request is counted alike by who sent it, who merged it and who answered it; regions have their shares."""
    ended = _ran(tmp_path, "--users", "400", THINK_TIME=[4, 8])
    _exact(ended)
    sent = _by_region(ended)
    total = sum(sent.values())
    for region, users in zip(REGIONS, MAX_USERS, strict=True):
        assert sent[region] / total == pytest.approx(users / sum(MAX_USERS), abs=0.05), sent
    reported = {row["region"]: row["requests"] for row in ended.report["regions"]}
    assert reported == sent


def test_arrivals_of_an_open_load_are_dealt_as_users_are(tmp_path):
    """Half of them are the region's that carries half of the users; together they are exactly the plan's."""
    ended = _ran(tmp_path, "--rate", "60", "--users", "80")
    _exact(ended)
    arrivals = ended.record["arrivals"]
    assert arrivals["sent"] + arrivals["unsent"] == arrivals["scheduled"]
    by_region = dict.fromkeys(REGIONS, 0)
    for worker in ended.record["workers"]:
        by_region[worker["region"]] += worker["arrivals"]["scheduled"]
    for region, users in zip(REGIONS, MAX_USERS, strict=True):
        assert by_region[region] == pytest.approx(arrivals["scheduled"] * users / sum(MAX_USERS), abs=8), by_region

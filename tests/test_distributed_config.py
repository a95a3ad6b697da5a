"""distributed_config.py: who generates the load, and each exact command per node."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import distributed_config
from acgs_load.plan import Plan
from acgs_load.settings_table import SETTINGS

PROJECT = Path(__file__).resolve().parents[1]
NODES = [
    {"host": "load-node-1", "workers": 2, "max_users": 500, "region": "us-east-1"},
    {"host": "load-node-2", "workers": 1, "max_users": 250, "region": "eu-west-1"},
]


@pytest.fixture
def config(tmp_path):
    """Path of a configuration file with two nodes."""
    path = tmp_path / "nodes.json"
    path.write_text(json.dumps({"LOAD_TEST_NODES": NODES, "LOCUST_MASTER_HOST": "10.0.0.9", "TARGET_HOST": "http://t"}))
    return str(path)


def test_the_script_prints_plan_origins_and_commands(config, capsys):
    """The same flags as the main door, and one command line for each process on each host."""
    assert distributed_config.main(["--config-file", config, "--users", "90"], {}) == 0
    out = capsys.readouterr().out
    assert "# on localhost" in out
    for host, workers in (("load-node-1", 2), ("load-node-2", 1)):
        section = out.partition(f"# on {host}\n")[2].partition("# on ")[0]
        assert section.count("--worker --master-host 10.0.0.9 --master-port 5557") == workers
    assert "ACGS_REGION=eu-west-1" in out
    assert "LOAD_TEST_NODES" in out
    assert f"file {config}" in out
    for users in ("60", "30"):
        assert any(line.endswith(f" {users}") for line in out.splitlines())


@pytest.mark.parametrize(("host", "said"), [("10.0.0.9", False), ("localhost", True)])
def test_workers_elsewhere_are_not_sent_to_themselves_without_a_word(tmp_path, capsys, host, said):
    """A worker on another machine that dials localhost finds nobody."""
    path = tmp_path / "nodes.json"
    path.write_text(json.dumps({"LOAD_TEST_NODES": NODES}))
    assert distributed_config.main(["--config-file", str(path)], {"LOCUST_MASTER_HOST": host}) == 0
    assert ("LOCUST_MASTER_HOST is localhost: workers on other machines" in capsys.readouterr().out) == said


def test_json_for_machines(config, capsys):
    """The plan, each value with its origin, users per node, and argv, environment and shell of each command."""
    assert distributed_config.main(["--json", "--config-file", config, "--users", "90"], {}) == 0
    document = json.loads(capsys.readouterr().out)
    plan = Plan.from_json(json.dumps(document["plan"]))
    assert plan.users_max == 90
    assert document["settings"]["USERS"] == {"value": 90, "from": "flag --users"}
    assert set(document["settings"]) == {setting.key for setting in SETTINGS}
    assert [(node["host"], node["users"]) for node in document["nodes"]] == [("load-node-1", 60), ("load-node-2", 30)]
    assert [command["host"] for command in document["commands"]] == [
        "localhost", "load-node-1", "load-node-1", "load-node-2",
    ]  # fmt: skip
    assert document["commands"][3]["environment"]["ACGS_REGION"] == "eu-west-1"
    assert "--worker" in document["commands"][3]["argv"]


def test_commands_by_node(config):
    """The function behind it: the shell lines of each host."""
    commands = distributed_config.commands_by_node({"config_file": config}, {})
    assert {host: len(lines) for host, lines in commands.items()} == {
        "localhost": 1,
        "load-node-1": 2,
        "load-node-2": 1,
    }


def test_the_distributed_type(capsys):
    """Sixteen workers in four regions, a thousand users each."""
    assert distributed_config.main(["--json", "--test-type", "distributed"], {}) == 0
    document = json.loads(capsys.readouterr().out)
    regions = [node["region"] for node in document["nodes"]]
    assert regions == ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"]
    assert [node["users"] for node in document["nodes"]] == [1000] * 4
    assert len(document["commands"]) == 17


def test_wrong_usage(config, capsys):
    """One line, its own name, exit code 2."""
    assert distributed_config.main(["--config-file", config, "--users", "751"], {}) == 2
    assert capsys.readouterr().err.startswith("distributed_config.py: error: --users 751: the nodes carry 750 users")
    assert distributed_config.main(["--jsn"], {}) == 2
    assert "did you mean --json?" in capsys.readouterr().err


def test_the_script_as_a_process(tmp_path):
    """It runs from anywhere and writes nothing."""
    done = subprocess.run(
        [sys.executable, str(PROJECT / "distributed_config.py"), "--json", "--test-type", "smoke"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["plan"]["test_type"] == "smoke"
    assert list(tmp_path.iterdir()) == []

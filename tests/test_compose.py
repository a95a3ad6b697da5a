"""The Docker services do what users were promised; read statically, their shell commands run for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from composing import PROJECT, WORKERS, compose, container_environment, services, what_starts

from acgs_load.fleet.shift import PROCESSES_VARIABLE
from acgs_load.settings_table import CONFIG_FILE_VARIABLE, SECRETS, SETTINGS

PROMISED = {"locust-master", *WORKERS, "analyzer", "prometheus", "grafana", "redis"}
REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"]
OF_RUNNERS = (
    *("ACGS_LIVE", "ACGS_TARGET_METRICS", "ACGS_TARGET_CPUS", "ACGS_TARGET_MEMORY_GIB"),
    *("ACGS_TARGET_CPU_QUERY", "ACGS_TARGET_MEMORY_QUERY"),
)
NOT_PASSED = {
    "ACGS_WORKERS": "the workers are services",
    "ACGS_OUTPUT": "the mounted folder",
    "ACGS_ANALYSIS": "the analyzer's task",
    "ACGS_WEB_UI": "always on",
    "ACGS_CA_FILE": "no file of the containers; who mounts one into all names it in the configuration file",
    "LOCUST_WEB_PORT": "the published port",
    "LOCUST_MASTER_HOST": "the workers' matter",
    "ACGS_PLACE": "here already",
    "ACGS_SIMULATE_REGIONS": "needs root",
    "ACGS_RESTART_WORKERS": "a shift always does",
    "LOCUST_WEB_HOST": "the published address",
    "LOCUST_MASTER_BIND_HOST": "the published address",
    **dict.fromkeys(OF_RUNNERS, "the runner's, and a run from the web UI has none"),
}
"""Settings that the master is not given, and why."""


def test_promised_services_start_by_default():
    """``up`` starts the promised services, the gateway to load, a node-exporter, and the folders' one-shot."""
    waiting = {name for name, service in services().items() if service.get("profiles")}
    assert services().keys() - waiting == PROMISED | {"acgs-gateway", "folders", "node-exporter"}
    assert waiting == {"runner"}, "of --place compose"
    assert services()["folders"]["environment"]["ACGS_TARGET_HOST"] == "http://acgs-gateway:8080"


def test_each_worker_has_its_region():
    """Workers 1 to 4 stand in the four promised regions, in order, with four processes each."""
    told = [services()[name]["environment"] for name in WORKERS]
    assert [environment["ACGS_REGION"] for environment in told] == REGIONS
    assert {environment[PROCESSES_VARIABLE] for environment in told} == {"4"}
    assert services()["locust-master"]["environment"][PROCESSES_VARIABLE] == "4"


@pytest.mark.parametrize(
    ("service", "port", "environ"),
    [
        ("locust-master", "127.0.0.1:8089:8089", {}),
        ("locust-master", "127.0.0.1:8090:8089", {"LOCUST_WEB_PORT": "8090"}),
        ("locust-master", "0.0.0.0:5557:5557", {"ACGS_PUBLISH": "0.0.0.0"}),
        ("locust-master", "127.0.0.1:5600:5600", {"LOCUST_MASTER_PORT": "5600"}),
        ("prometheus", "127.0.0.1:9090:9090", {}),
        ("grafana", "127.0.0.1:3000:3000", {}),
        ("acgs-gateway", "127.0.0.1:8080:8080", {}),
    ],
)
def test_published_ports(service, port, environ):
    """Ports are the promised ones, follow the settings, and are open to this machine only unless said otherwise."""
    assert port in services(**environ)[service]["ports"]


def test_every_setting_reaches_the_master():
    """Each environment variable of the settings table and each secret is passed on, or named with a reason not to."""
    passed = services()["locust-master"]["environment"]
    wanted = {setting.env for setting in SETTINGS if setting.env} | set(SECRETS)
    assert wanted - set(passed) == set(NOT_PASSED) - {"ACGS_ANALYSIS"}
    assert passed["ACGS_ANALYSIS"] == "false"
    assert any(volume.endswith(":/run/settings:ro") for volume in services()["locust-master"]["volumes"])


def test_settings_file_is_found(tmp_path):
    """The file that ACGS_CONFIG_FILE names is mounted; without one nothing is."""
    mounted = services(**{CONFIG_FILE_VARIABLE: "./custom.json"})["locust-master"]["volumes"]
    assert "./custom.json:/run/settings:ro" in mounted
    assert "/dev/null:/run/settings:ro" in services()["locust-master"]["volumes"]


@pytest.mark.parametrize(
    ("told", "port", "target"),
    [
        (None, None, "http://acgs-gateway:8080"),
        ("http://localhost:8080", None, "http://acgs-gateway:8080"),
        ("http://localhost:8080/", None, "http://acgs-gateway:8080/"),
        ("http://localhost:8080", "18080", "http://host.docker.internal:8080"),
        ("http://127.0.0.1:18080", "18080", "http://acgs-gateway:8080"),
        ("http://localhost:80801", None, "http://host.docker.internal:80801"),
        ("http://localhost", None, "http://host.docker.internal"),
        ("https://127.0.0.1/acgs", None, "https://host.docker.internal/acgs"),
        ("http://acgs-gateway:8080", None, "http://acgs-gateway:8080"),
        ("https://localhost.example.com", None, "https://localhost.example.com"),
        ("https://acgs.example.com", None, "https://acgs.example.com"),
    ],
)
def test_target_of_master_and_prometheus(told, port, target, tmp_path):
    """A target on localhost is on the machine that runs Docker: the gateway published there, or what else listens."""
    given = {"ACGS_TARGET_HOST": told, "ACGS_GATEWAY_PORT": port}
    (tmp_path / "wiring").mkdir()
    (tmp_path / "secret").mkdir()
    what_starts("folders", tmp_path, **{name: value for name, value in given.items() if value})
    assert json.loads((tmp_path / "wiring" / "target.json").read_text()) == [{"targets": [target]}]
    (tmp_path / "reports").mkdir()
    assert what_starts("locust-master", tmp_path, '"$ACGS_TARGET_HOST"', ACGS_TARGET_HOST="x").split()[0] == target
    for name, folder in (("locust-master", "/app/wiring"), ("prometheus", "/etc/prometheus/wiring")):
        assert f"wiring:{folder}:ro" in services()[name]["volumes"]


@pytest.mark.parametrize("name", ["locust-master", "analyzer"])
@pytest.mark.parametrize(("owner_is_here", "umask"), [(True, "0022"), (False, "0000")])
def test_reports_of_another_owner_stay_writable_for_him(name, owner_is_here, umask, tmp_path):
    """Where the folder belongs to somebody else than the container's user, what is written there is for everybody."""
    (tmp_path / "wiring").mkdir()
    (tmp_path / "wiring" / "target").write_text("http://t\n", encoding="utf-8")
    (tmp_path / "reports").mkdir()
    if not owner_is_here:
        stranger = tmp_path / "id"
        stranger.write_text("#!/bin/sh\necho 4711\n", encoding="utf-8")
        stranger.chmod(0o755)
    assert what_starts(name, tmp_path, '"$(umask)"').split()[0] == umask


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="becomes another user")
def test_folders_are_opened_where_they_must_be(tmp_path):
    """What the container's user cannot write in is opened to everybody, down to a run; nothing else is touched."""
    run = tmp_path / "reports" / "name" / "stamp"
    (run / "logs").mkdir(parents=True)
    (tmp_path / "wiring").mkdir()
    (tmp_path / "secret").mkdir()
    os.chown(tmp_path / "reports" / "name", 1000, 1000)
    for place in (tmp_path / "reports", run.parent, run, run / "logs"):
        place.chmod(0o750)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    command = services()["folders"]["command"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "ACGS_TARGET_HOST": "x"}, check=True)
    modes = [place.stat().st_mode & 0o777 for place in (tmp_path / "reports", run.parent, run, run / "logs")]
    assert modes == [0o777, 0o750, 0o777, 0o750]


@pytest.mark.parametrize("name", WORKERS)
def test_workers_are_shifts(name):
    """A worker's container is told what its processes need; tests/test_shift.py says what they make of it."""
    service = services(LOCUST_MASTER_PORT="5600")[name]
    assert service["command"] == ["python", "-m", "acgs_load.fleet.shift"]
    told = container_environment(service, {"LOCUST_MASTER_HOST": "10.0.0.5"})
    assert (told["LOCUST_MASTER_HOST"], told["LOCUST_MASTER_PORT"]) == ("10.0.0.5", "5600")


def test_master_command(tmp_path):
    """The master serves its web UI to the published port, listens where workers dial, and counts on all of them."""
    (tmp_path / "wiring").mkdir()
    (tmp_path / "wiring" / "target").write_text("http://t\n", encoding="utf-8")
    (tmp_path / "reports").mkdir()
    words = what_starts("locust-master", tmp_path, LOCUST_MASTER_PORT="5600", ACGS_WORKER_PROCESSES="2").split()
    asked = (
        ("--web-host", "0.0.0.0"),
        ("--web-port", "8089"),
        ("--master-bind-port", "5600"),
        ("--expect-workers", "8"),
    )
    for flag, value in asked:
        assert words[words.index(flag) + 1] == value
    assert "--headless" not in words


@pytest.mark.parametrize(("published", "login"), [(None, False), ("127.0.0.1", False), ("0.0.0.0", True), ("::", True)])
def test_an_open_web_ui_asks_for_a_password(published, login, tmp_path):
    """Where more than this machine reaches the web UI, the master starts with a login only."""
    (tmp_path / "wiring").mkdir()
    (tmp_path / "wiring" / "target").write_text("http://t\n", encoding="utf-8")
    (tmp_path / "reports").mkdir()
    words = what_starts("locust-master", tmp_path, **({"ACGS_PUBLISH": published} if published else {})).split()
    assert ("--web-login" in words) == login


def test_documented_defaults_in_a_file_change_nothing():
    """The environment block of the README, put into .env as it stands, works in containers too."""
    documented = {"LOCUST_MASTER_HOST": "localhost", "LOCUST_MASTER_PORT": "5557", "LOCUST_WEB_PORT": "8089"}
    assert services(**documented)["locust-master"]["ports"] == services()["locust-master"]["ports"]
    worker = services(**documented)["locust-worker-1"]
    assert container_environment(worker, documented)["LOCUST_MASTER_HOST"] == "localhost"


def test_master_stops_before_its_workers():
    """Compose stops dependents first, and the master has time to end a run in order."""
    master = services()["locust-master"]
    assert set(WORKERS) < set(master["depends_on"])
    assert int(master["stop_grace_period"].rstrip("s")) > 35 + 15


def test_signals_reach_the_process():
    """No shell stays between Docker and the process that has something to end in order."""
    for name, service in services().items():
        words = [*service.get("entrypoint", []), *service.get("command", [])]
        if "sh" in words and name != "folders":
            assert "\nexec " in words[words.index("-euc") + 1], name


def test_mounted_files_exist():
    """What is mounted from the project is there, so that Docker makes no folder of root's in the project."""
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (PROJECT / source).exists(), source
            assert source.startswith(("./", "/dev/null")) or source in compose()["volumes"], source


def test_grafana_login_can_be_changed():
    """admin/admin as promised, until somebody says otherwise."""
    variables = ("GF_SECURITY_ADMIN_USER", "GF_SECURITY_ADMIN_PASSWORD")
    default = services()["grafana"]["environment"]
    changed = services(GRAFANA_USER="eve", GRAFANA_PASSWORD="p")["grafana"]["environment"]
    assert [default[name] for name in variables] == ["admin", "admin"]
    assert [changed[name] for name in variables] == ["eve", "p"]


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose")
def test_compose_accepts_the_file():
    """Compose itself reads the file."""
    command = ["docker-compose", "-f", str(PROJECT / "docker-compose.yml"), "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=60)
    assert done.returncode == 0, done.stderr

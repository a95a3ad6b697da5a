"""The Docker services do what users were promised; read statically, their shell commands run for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from composing import PROJECT, WORKERS, compose, container_environment, services, what_starts

from acgs_load.settings_table import CONFIG_FILE_VARIABLE, SECRETS, SETTINGS

PROMISED = {"locust-master", *WORKERS, "analyzer", "prometheus", "grafana", "redis"}
REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"]
NOT_PASSED = {
    "ACGS_WORKERS": "the workers are services",
    "ACGS_OUTPUT": "the mounted folder",
    "ACGS_ANALYSIS": "the analyzer's task",
    "ACGS_WEB_UI": "always on",
    "ACGS_CA_FILE": "no file of the containers; who mounts one into all names it in the configuration file",
    "LOCUST_WEB_PORT": "the published port",
    "LOCUST_MASTER_HOST": "the workers' matter",
}
"""Settings that the master is not given, and why."""


def test_promised_services_start_by_default():
    """``up`` starts exactly the promised services and the folders' one-shot; the gateway waits for its profile."""
    by_default = {name for name, service in services().items() if not service.get("profiles")}
    assert by_default == PROMISED | {"folders"}
    assert services()["acgs-gateway"]["profiles"] == ["gateway"]


def test_each_worker_has_its_region():
    """Workers 1 to 4 stand in the four promised regions, in order."""
    assert [services()[name]["environment"]["ACGS_REGION"] for name in WORKERS] == REGIONS


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
    ("told", "target"),
    [
        (None, "http://host.docker.internal:8080"),
        ("http://localhost:8080", "http://host.docker.internal:8080"),
        ("http://localhost", "http://host.docker.internal"),
        ("https://127.0.0.1/acgs", "https://host.docker.internal/acgs"),
        ("http://acgs-gateway:8080", "http://acgs-gateway:8080"),
        ("https://localhost.example.com", "https://localhost.example.com"),
        ("https://acgs.example.com", "https://acgs.example.com"),
    ],
)
def test_target_of_master_and_prometheus(told, target, tmp_path):
    """A target on localhost is meant to be on the machine that runs Docker; any other is left alone."""
    environ = {} if told is None else {"ACGS_TARGET_HOST": told}
    assert what_starts("locust-master", tmp_path, '"$ACGS_TARGET_HOST"', **environ).split()[0] == target
    printed = what_starts("prometheus", tmp_path, f'"$(cat {tmp_path}/target.json)"', **environ)
    groups, _, flags = printed.partition(" --")
    assert json.loads(groups) == [{"targets": [target]}]
    assert flags.startswith("config.file=/etc/prometheus/prometheus.yml")


@pytest.mark.parametrize(
    ("environ", "host", "port"),
    [
        ({}, "locust-master", "5557"),
        ({"LOCUST_MASTER_HOST": "localhost", "LOCUST_MASTER_PORT": "5600"}, "locust-master", "5600"),
        ({"LOCUST_MASTER_HOST": "10.0.0.5"}, "10.0.0.5", "5557"),
    ],
)
def test_workers_find_the_master(environ, host, port, tmp_path):
    """The suite's own variable names become Locust's flags; localhost, the documented default, is the master here."""
    words = what_starts("locust-worker-3", tmp_path, **environ).split()
    assert words[words.index("--master-host") + 1] == host
    assert words[words.index("--master-port") + 1] == port


def test_master_command(tmp_path):
    """The master serves its web UI to the published port and listens for workers on the port they dial."""
    words = what_starts("locust-master", tmp_path, LOCUST_MASTER_PORT="5600").split()
    for flag, value in (("--web-host", "0.0.0.0"), ("--web-port", "8089"), ("--master-bind-port", "5600")):
        assert words[words.index(flag) + 1] == value
    assert "--headless" not in words


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
            assert "exec " in words[words.index("-euc") + 1], name


@pytest.mark.parametrize("name", sorted(PROMISED | {"acgs-gateway"}))
def test_services_are_kept_in_bounds(name):
    """Every service has a health check, a restart policy, a memory limit and bounded logs."""
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    assert service["healthcheck"]["test"]


def test_generators_are_never_paused():
    """No CPU limit on what measures latency: the kernel's pauses would be counted as the target's."""
    assert not any("cpus" in services()[name] for name in ("locust-master", *WORKERS))


def test_images_are_pinned():
    """Every foreign image names a version."""
    foreign = {service["image"] for service in services().values()} - {"acgs-loadtest", "acgs-analyzer"}
    assert sorted(foreign) == ["grafana/grafana:11.6.0", "prom/prometheus:v2.53.0", "redis:7-alpine"]


def test_each_image_is_built_once():
    """One service builds each of our images; the others wait for it, and never ask a registry for the name."""
    built = {service["image"]: name for name, service in services().items() if "build" in service}
    assert built == {"acgs-loadtest": "folders", "acgs-analyzer": "analyzer"}
    for name, service in services().items():
        if "build" not in service and service["image"] in built:
            assert service["pull_policy"] == "never", name
            assert "folders" in service["depends_on"], name


def test_mounted_files_exist():
    """What is mounted from the project is there, apart from the folders that a run generates."""
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and source not in {"./reports", "./logs", "./charts"}:
                assert (PROJECT / source).exists(), source


def test_grafana_login_can_be_changed():
    """admin/admin as promised, until somebody says otherwise."""
    variables = ("GF_SECURITY_ADMIN_USER", "GF_SECURITY_ADMIN_PASSWORD")
    default = services()["grafana"]["environment"]
    changed = services(GRAFANA_USER="eve", GRAFANA_PASSWORD="p")["grafana"]["environment"]
    assert [default[name] for name in variables] == ["admin", "admin"]
    assert [changed[name] for name in variables] == ["eve", "p"]


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose")
def test_compose_accepts_the_file():
    """Compose itself reads the file, with and without the profile."""
    for extra in ([], ["--profile", "gateway"]):
        command = ["docker-compose", *extra, "-f", str(PROJECT / "docker-compose.yml"), "config", "-q"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=60)
        assert done.returncode == 0, done.stderr
    assert compose()["volumes"].keys() == {"prometheus-data", "grafana-data"}

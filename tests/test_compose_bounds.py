"""What the Docker services may do and take: memory, rights, ports, secrets, images."""

from __future__ import annotations

import pytest
from composing import WORKERS, container_environment, services
from test_compose import PROMISED

from acgs_load import __version__
from acgs_load.secret import SECRET_FILE_VARIABLE, SECRET_VARIABLE


@pytest.mark.parametrize("name", sorted(PROMISED | {"acgs-gateway", "node-exporter"}))
def test_services_are_kept_in_bounds(name):
    """Every service has a health check, a restart policy, a memory limit, a bounded place for scraps, bounded logs."""
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["tmpfs"] == ["/tmp:size=256m"]
    assert service["logging"]["options"]["max-size"]
    assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(PROMISED | {"acgs-gateway", "folders", "runner", "node-exporter"}))
def test_services_have_no_privileges(name):
    """Read-only root file systems, no capabilities, none to be gained, users that are not root and no host namespaces.

    The one-shot that opens the folders to them is root with the four capabilities that this takes, and no network.
    """
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "ipc", "devices"} & service.keys()
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))
    if name == "folders":
        assert service["user"] == "0:0"
        assert service["network_mode"] == "none"
        assert service["cap_add"] == ["DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
    else:
        assert int(service["user"].split(":")[0]) > 0
        assert "cap_add" not in service


def test_only_master_and_workers_know_the_secret():
    """It is made up where nobody gave one, in a volume of its own, and is in no file or environment of this project."""
    knowing = {name for name, service in services().items() if "secret:" in str(service.get("volumes"))}
    assert knowing == {"folders", "locust-master", *WORKERS}
    for name in knowing - {"folders"}:
        assert "secret:/run/secret:ro" in services()[name]["volumes"]
        told = container_environment(services()[name], {SECRET_VARIABLE: "given"})
        assert (told[SECRET_FILE_VARIABLE], told[SECRET_VARIABLE]) == ("/run/secret/run", "given")
        assert SECRET_VARIABLE not in container_environment(services()[name], {})


def test_ports_are_opened_to_this_machine_only():
    """No published port without an address, and the address is loopback until somebody says otherwise."""
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert len(published) == 5
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_generators_are_never_paused():
    """No CPU limit on what measures latency: the kernel's pauses would be counted as the target's."""
    assert not any("cpus" in services()[name] for name in ("locust-master", *WORKERS))


def test_images_are_pinned():
    """Every image names a version; ours that of the suite."""
    ours = {f"acgs-loadtest:{__version__}", f"acgs-analyzer:{__version__}"}
    images = {service["image"] for service in services().values()}
    foreign = {"grafana/grafana:11.6.0", "prom/node-exporter:v1.8.2", "prom/prometheus:v2.53.0", "redis:7-alpine"}
    assert images == ours | foreign


def test_each_image_is_built_once():
    """One service builds each of our images; the others wait for it, and never ask a registry for the name."""
    built = {service["image"]: name for name, service in services().items() if "build" in service}
    assert built == {f"acgs-loadtest:{__version__}": "folders", f"acgs-analyzer:{__version__}": "analyzer"}
    for name, service in services().items():
        if "build" not in service and service["image"] in built:
            assert service["pull_policy"] == "never", name
            assert "folders" in service["depends_on"], name

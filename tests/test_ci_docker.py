"""The containers' part of .ci/run: skipped in so many words where there is no Docker; it knows every base image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from composing import PROJECT, services

TOOLS = ("bash", "dirname", "mktemp", "rm", "id", "tail", "sleep", "grep", "awk")


def _run(folder, **environ: str) -> subprocess.CompletedProcess[str]:
    for tool in TOOLS:
        place = shutil.which(tool)
        assert place is not None
        (folder / tool).symlink_to(place)
    return subprocess.run(
        [str(folder / "bash"), str(PROJECT / ".ci" / "docker")],
        env={"PATH": str(folder), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("daemon", [None, "#!/bin/sh\necho no permission for that >&2\nexit 1\n"])
def test_without_docker_it_says_so(tmp_path, daemon):
    """Exit code 0 and one line that says why nothing was tried; no file stays."""
    before = set(os.listdir("/var/tmp"))
    if daemon is not None:
        for name, text in (("docker", "#!/bin/sh\nexit 1\n"), ("docker-compose", "#!/bin/sh\n"), ("dockerd", daemon)):
            (tmp_path / name).write_text(text, encoding="utf-8")
            (tmp_path / name).chmod(0o755)
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"docker: no .*; this part is skipped\n", done.stdout), done.stdout
    assert ("no permission for that" in done.stdout) == (daemon is not None and os.getuid() == 0)
    assert {name for name in set(os.listdir("/var/tmp")) - before if name.startswith("acgs-docker")} == set()


def test_every_base_image_is_made(tmp_path):
    """What the script makes or pulls beforehand is what Dockerfiles and docker-compose.yml name, but for our own."""
    script = (PROJECT / ".ci" / "docker").read_text(encoding="utf-8")
    made = re.search(r"\.ci/stand-ins/make \$\((.*?)\)\n", script, re.DOTALL)
    assert made is not None
    done = subprocess.run(["bash", "-c", made[1]], cwd=PROJECT, capture_output=True, text=True, check=True)
    named = {service["image"] for service in services().values()} | {"python:3.11-slim-bookworm"}
    assert set(done.stdout.split()) == {image for image in named if not image.startswith("acgs-")}


def test_it_is_bounded():
    """Ten minutes at the most, whatever hangs."""
    assert "timeout --kill-after=60 600 .ci/docker" in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")

"""docker-compose.yml as Compose would understand it, without Docker: read, merged, interpolated."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]
WORKERS = [f"locust-worker-{number}" for number in range(1, 5)]
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^{}]*))?\}")


def compose(**environ: str) -> dict[str, Any]:
    """The file as it is read where ``environ`` is the whole environment."""
    return _interpolated(yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8")), environ)


def services(**environ: str) -> dict[str, dict[str, Any]]:
    """The services by name."""
    return compose(**environ)["services"]


def container_environment(service: dict[str, Any], environ: dict[str, str]) -> dict[str, str]:
    """What the container's processes see: a key without value is passed on where it is set."""
    told = service.get("environment", {})
    passed = {key: environ.get(key) if value is None else value for key, value in told.items()}
    return {key: value for key, value in passed.items() if value is not None}


def what_starts(name: str, folder: Path, words: str = "", **environ: str) -> str:
    """What the service's own command says, run in ``folder`` with stand-ins that print ``words`` (shell) and arguments.

    Paths of the container that begin with ``/run`` are in ``folder``, too.
    """
    service = services(**environ)[name]
    command = [word.replace("/run/", f"{folder}/") for word in (*service.get("entrypoint", []), *service["command"])]
    for program in ("locust", "python", "setpriv"):
        stand_in = folder / program
        stand_in.write_text(f'#!/bin/sh\necho {words} "$@"\n', encoding="utf-8")
        stand_in.chmod(0o755)
    path = f"{folder}:{Path(shutil.which('sh') or '/bin/sh').parent}:/usr/bin:/bin"
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": path, **container_environment(service, environ)},
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()


def _interpolated(value: Any, environ: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolated(entry, environ) for key, entry in value.items()}
    if isinstance(value, list):
        return [_interpolated(entry, environ) for entry in value]
    return _VARIABLE.sub(lambda found: _filled(found, environ), value) if isinstance(value, str) else value


def _filled(found: re.Match[str], environ: dict[str, str]) -> str:
    if found["name"] is None:
        return "$"
    return environ.get(found["name"]) or found["default"] or ""

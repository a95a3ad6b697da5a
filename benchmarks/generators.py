"""How each generator is told to make the same load, and where its own statistics say what it did."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.exchange_facts import HASH, HEADERS, PATH
from benchmarks.peers import Peers

SCRIPTS = Path(__file__).parent / "scripts"
SLOW_SPAWN_S = 5.0
"""Locust counts its run time from the first user on; the last of fifty HttpUsers connects seconds after it."""


class Load(NamedTuple):
    """The load that is asked for."""

    url: str
    users: int
    seconds: float
    think_s: float = 0.0
    """Mean pause of a user between two requests."""


class Told(NamedTuple):
    """What a generator's own statistics say in the end."""

    requests: int
    failures: int


class Generator(NamedTuple):
    """A program that makes load."""

    name: str
    command: Callable[[Load, Path], list[str]]
    """From the load and a folder for what it writes."""
    told: Callable[[str, Path], Told]
    """From what it printed and that folder. Raises ValueError, KeyError or OSError where it says nothing."""
    every: int = 1
    """In how many rounds it takes part: in each, in every second …"""


def environment(load: Load) -> dict[str, str]:
    """What the scripts are told."""
    return {
        **os.environ,
        "BENCH_URL": load.url + PATH,
        "BENCH_PATH": PATH,
        "BENCH_HASH": HASH,
        "BENCH_HEADERS": json.dumps(HEADERS),
        "BENCH_HEADER_LINES": "\n".join(f"{name}: {value}" for name, value in HEADERS.items()),
        "BENCH_USERS": str(load.users),
        "BENCH_SECONDS": f"{load.seconds:g}",
        "BENCH_THINK_S": f"{load.think_s:g}",
    }


def ours(through: str = "plain", every: int = 1) -> Generator:
    """Ours, with the exchange made by ``through`` (see ``scripts/ours.py``)."""

    def command(load: Load, folder: Path) -> list[str]:
        flags = {"--through": through, "--users": load.users, "--seconds": load.seconds, "--think": load.think_s}
        spelled = [word for name, value in flags.items() for word in (name, f"{value}")]
        return [sys.executable, "-m", "benchmarks.scripts.ours", load.url, *spelled]

    return Generator("ours" if through == "plain" else f"ours, {through}", command, _told_on_last_line, every)


def k6(peers: Peers, script: str = "k6_plain.js", name: str = "k6", every: int = 1) -> Generator:
    """k6 with one of our scripts."""

    def command(load: Load, folder: Path) -> list[str]:
        export = ["--summary-export", str(folder / "k6.json")]
        return [peers.k6, "run", "--quiet", "--no-usage-report", *export, str(SCRIPTS / script)]

    return Generator(name, command, _told_by_k6, every)


def locust(peers: Peers, user_class: str, name: str, every: int = 1) -> Generator:
    """Locust with one of the user classes of ``scripts/locust_users.py``."""

    def command(load: Load, folder: Path) -> list[str]:
        script = str(SCRIPTS / "locust_users.py")
        size = [
            "--users",
            str(load.users),
            "--spawn-rate",
            str(load.users),
            "--run-time",
            f"{math.ceil(load.seconds + SLOW_SPAWN_S)}s",
        ]
        quiet = ["--headless", "--json", "--loglevel", "ERROR", "--host", load.url]
        return [peers.python, "-m", "locust", "-f", script, user_class, *size, *quiet]

    return Generator(name, command, _told_by_locust, every)


def wrk(program: str) -> Generator:
    """wrk with one thread; its Lua checks status and hash header."""

    def command(load: Load, folder: Path) -> list[str]:
        script = str(SCRIPTS / "wrk_checks.lua")
        return [program, "-t1", f"-c{load.users}", f"-d{math.ceil(load.seconds)}s", "-s", script, load.url + PATH]

    return Generator("wrk, header check", command, _told_on_last_line)


def hey(program: str) -> Generator:
    """hey, which checks nothing."""

    def command(load: Load, folder: Path) -> list[str]:
        headers = [word for name, value in HEADERS.items() for word in ("-H", f"{name}: {value}")]
        return [program, "-z", f"{load.seconds:g}s", "-c", str(load.users), *headers, load.url + PATH]

    return Generator("hey, no checks", command, _told_by_hey, every=3)


def _told_on_last_line(printed: str, folder: Path) -> Told:
    said: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return Told(int(said["requests"]), int(said["failures"]))


def _told_by_k6(printed: str, folder: Path) -> Told:
    metrics = json.loads((folder / "k6.json").read_text(encoding="utf-8"))["metrics"]
    return Told(int(metrics["http_reqs"]["count"]), int(metrics["checks"]["fails"]))


def _told_by_locust(printed: str, folder: Path) -> Told:
    entries = json.loads(printed)
    return Told(sum(entry["num_requests"] for entry in entries), sum(entry["num_failures"] for entry in entries))


def _told_by_hey(printed: str, folder: Path) -> Told:
    good = sum(int(count) for count in re.findall(r"\[200\]\s+(\d+) responses", printed))
    every = sum(int(count) for count in re.findall(r"\[\d+\]\s+(\d+)\s", printed))
    return Told(every, every - good)

"""Every ``ssh …`` command line, and what is run at its other end; nothing here runs anything."""

from __future__ import annotations

import shlex

from acgs_load.fleet.bundle import REQUIREMENTS
from acgs_load.plan import Node

CONNECT_TIMEOUT_S = 15
REACH_TIMEOUT_S = 10
ALIVE_EVERY_S, ALIVE_MISSED = 5, 6
"""A connection that says nothing for half a minute is taken for dead."""
ROOT = '"${XDG_CACHE_HOME:-$HOME/.cache}"/acgs-load'
PYTHON = ".venv/bin/python"
"""In the bundle's folder, where the node names no other."""
TUNNEL_PORT = "TUNNEL_PORT"
"""Stands in a shown command for the port that the other machine chooses for the tunnel."""

_OPTIONS = {
    "BatchMode": "yes",  # nobody is there to type a password
    "ConnectTimeout": f"{CONNECT_TIMEOUT_S}",
    "ServerAliveInterval": f"{ALIVE_EVERY_S}",
    "ServerAliveCountMax": f"{ALIVE_MISSED}",
    "ControlMaster": "no",  # a shared connection would outlive this one, and the tunnel with it
    "ControlPath": "none",
    "ExitOnForwardFailure": "yes",
    "LogLevel": "INFO",  # the port of the tunnel is told at this level
}


def ssh_words(node: Node, script: str, master_port: int | None = None) -> tuple[str, ...]:
    """``ssh`` to the node for a POSIX shell script; with ``master_port``, a port there leads to that one here."""
    options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
    if node.user is not None:
        options += ["-l", node.user]
    if node.port is not None:
        options += ["-p", f"{node.port}"]
    if node.identity_file is not None:
        options += ["-i", node.identity_file, "-o", "IdentitiesOnly=yes"]
    if master_port is not None:
        options += ["-R", f"127.0.0.1:0:127.0.0.1:{master_port}"]
    # whatever shell the user there has, it hands the script to one that we know
    return ("ssh", "-T", *options, "--", node.host, f"sh -c {shlex.quote(script)}")


def bundle_folder(node: Node, sha256: str) -> str:
    """Where that bundle is unpacked there; one without an environment of its own has another place."""
    return f"{ROOT}/bundles/{sha256[:16]}{'-bare' if node.python else ''}"


def run_folder(run: str) -> str:
    """Where the files of a run are kept there until they are collected."""
    return f"{ROOT}/runs/{shlex.quote(run)}"


def look_script(node: Node, sha256: str) -> str:
    """Says ``have`` or ``need``: whether the bundle is there already."""
    return f"if [ -d {bundle_folder(node, sha256)} ]; then echo have; else echo need; fi"


def install_script(node: Node, sha256: str) -> str:
    """Unpack the bundle from the input; make an environment for it unless the node names an interpreter.

    It is made beside its place and moved there when complete, so that neither a broken connection nor two runs at once
    leave half of one.
    """
    lines = [
        "set -eu; umask 077",
        f'final={bundle_folder(node, sha256)}; new=$final.$$; mkdir -p "$new"; trap \'rm -rf "$new"\' EXIT',
        'tar -xzf - -C "$new"',
    ]
    if node.python is None:
        lines += [
            "python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||"
            " { echo 'python3 is missing or older than 3.11; install it, or name one: python' >&2; exit 3; }",
            'python3 -m venv "$new/.venv" >&2',
            f'"$new/{PYTHON}" -m pip install --quiet --disable-pip-version-check -r "$new/{REQUIREMENTS}" >&2',
        ]
    lines.append('[ -d "$final" ] || mv "$new" "$final"')
    return "\n".join(lines)


def check_script(node: Node, sha256: str) -> str:
    """Fails unless the interpreter there can load what a worker loads."""
    return f"cd {bundle_folder(node, sha256)} && {_python(node)} -c 'import locustfile'"


def reach_script(node: Node, sha256: str, host: str, port: int) -> str:
    """Fails unless somebody answers at that address there."""
    code = f"import socket; socket.create_connection(({host!r}, {port}), {REACH_TIMEOUT_S}).close()"
    return f"cd {bundle_folder(node, sha256)} && {_python(node)} -c {shlex.quote(code)}"


def outpost_script(node: Node, sha256: str) -> str:
    """Become the outpost."""
    return f"cd {bundle_folder(node, sha256)} && exec {_python(node)} -m acgs_load.fleet.outpost"


def _python(node: Node) -> str:
    return shlex.quote(node.python or PYTHON)


def collect_script(run: str) -> str:
    """Logs and spools of a run as a tar archive on the output."""
    return f"cd {run_folder(run)} && tar -czf - logs spools"

"""Real sshd processes on free ports, and an ``ssh`` on PATH that knows their keys and nothing of the user's own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
able = os.path.exists(SSHD) and shutil.which("ssh") is not None and shutil.which("ssh-keygen") is not None

CONFIG = """
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/user_key.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
SetEnv XDG_CACHE_HOME={cache}
{more}
"""


class Sshd:
    """One sshd; ``cache`` is where its sessions keep what a node keeps."""

    def __init__(self, folder, name, more="", address="127.0.0.1", inside=()):
        self.cache = Path(folder, name)
        self.cache.mkdir()
        self.address = address
        self._log = Path(folder, f"{name}.log")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = Path(folder, f"{name}.config")
        filled = CONFIG.format(port=self.port, address=address, folder=folder, cache=self.cache, more=more)
        config.write_text(filled)
        with self._log.open("wb") as log:
            words = [*inside, SSHD, "-D", "-e", "-f", str(config)]
            self._popen = subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL)
        self._await(inside)

    def _await(self, inside):
        deadline = time.monotonic() + 20
        while "Server listening" not in self._log.read_text():
            assert self._popen.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def stop(self):
        """End it; sessions go on for themselves."""
        self._popen.terminate()
        self._popen.wait(60)


def make_keys(folder):
    """A host key and a user's key, and an ``ssh`` that uses them; gives PATH."""
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(Path(folder, name))], check=True)
    host_key = Path(folder, "host_key.pub").read_text().split()[:2]
    known, config, wrapper = (Path(folder, name) for name in ("known_hosts", "ssh_config", "bin/ssh"))
    known.write_text(f"* {' '.join(host_key)}\n")
    config.write_text(
        f"User {getpass.getuser()}\nIdentityFile {folder}/user_key\nIdentitiesOnly yes\n"
        f"UserKnownHostsFile {known}\nStrictHostKeyChecking yes\n"
    )
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
    wrapper.chmod(0o755)
    return f"{wrapper.parent}:{os.environ['PATH']}"

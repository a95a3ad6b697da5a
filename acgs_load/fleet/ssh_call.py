"""One ``ssh`` command from beginning to end."""

from __future__ import annotations

import subprocess
import tempfile

from acgs_load.errors import GeneratorError
from acgs_load.fleet.ssh_words import ssh_words
from acgs_load.plan import Node


class SshCall:
    """A script that runs on a node, in the background until ``result`` is asked for."""

    def __init__(self, node: Node, script: str, content: bytes = b"") -> None:
        self._node = node
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  they live as long as the call
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as given:
            given.write(content)
            given.seek(0)
            try:
                # of its own session, so that a Ctrl-C in the terminal reaches only the runner
                self._popen = subprocess.Popen(
                    ssh_words(node, script),
                    stdin=given,
                    stdout=self._out,
                    stderr=self._err,
                    start_new_session=True,
                )
            except OSError as error:
                raise GeneratorError(f"ssh: cannot start ({error.strerror}); install an OpenSSH client") from error

    def result(self, purpose: str, timeout_s: float) -> bytes:
        """What it wrote. Raises GeneratorError, with its last line, where it fails or does not end in time."""
        try:
            status = self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise GeneratorError(f"{self._node.host}: {purpose} did not end within {timeout_s:.0f} s") from None
        self._err.seek(0)
        said = [line for line in self._err.read().decode(errors="replace").splitlines() if line.strip()]
        if status:
            reason = said[-1].strip() if said else f"status {status}"
            raise GeneratorError(f"{self._node.host}: {purpose} failed: {reason}; try it: {_try(self._node)}")
        self._out.seek(0)
        return self._out.read()

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()


def _try(node: Node) -> str:
    words = ["ssh"]
    words += ["-l", node.user] if node.user else []
    words += ["-p", str(node.port)] if node.port else []
    return " ".join([*words, node.host])

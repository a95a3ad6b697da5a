"""``--place ssh``: workers on machines that ssh reaches; the master here, on loopback, at the end of their tunnels."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from acgs_load.errors import GeneratorError
from acgs_load.fleet.archive import WORKER_FILES, unpack
from acgs_load.fleet.bundle import bundle
from acgs_load.fleet.commands import Command, Ground, master_command, worker_command
from acgs_load.fleet.place import Worker, demand_common_target, folder_of, host_and_port
from acgs_load.fleet.secrets import secrets_of_workers
from acgs_load.fleet.ssh_call import SshCall
from acgs_load.fleet.ssh_outpost import SshOutpost
from acgs_load.fleet.ssh_words import (
    PYTHON,
    TUNNEL_PORT,
    check_script,
    collect_script,
    install_script,
    look_script,
    outpost_script,
    reach_script,
    ssh_words,
)
from acgs_load.plan import Node, Plan
from acgs_load.run_folder import RunFolder
from acgs_load.uninterrupted import uninterrupted

LOOK_TIMEOUT_S, INSTALL_TIMEOUT_S, CHECK_TIMEOUT_S, COLLECT_TIMEOUT_S = 60.0, 900.0, 120.0, 300.0
DISMISS_TIMEOUT_S = 15.0


class SshPlace:
    """Machines that ssh reaches."""

    def __init__(self, plan: Plan) -> None:
        """Raises UsageError where the target is one that only this machine has."""
        demand_common_target(plan)
        self._plan = plan
        self._calls: list[SshCall] = []
        self._outposts: list[SshOutpost] = []
        self._collected = False

    def steps(self) -> Sequence[Command]:
        """What is sent to each node, the master, and what is started there."""
        plan, sha256 = self._plan, bundle().sha256
        commands = [
            Command("bundle", "localhost", ssh_words(node, script(node, sha256)))
            for node in plan.nodes
            for script in (look_script, install_script, check_script)
        ]
        commands.append(master_command(plan, folder_of(plan)))
        for number, node in enumerate(plan.nodes):
            words = ssh_words(node, outpost_script(node, sha256), plan.master_port)
            commands.append(Command("outpost", "localhost", words))
            ground = Ground("127.0.0.1", TUNNEL_PORT, None, node.python or PYTHON, "locustfile.py")
            commands += self._commands(plan, number, ground)
        for number, node in enumerate(plan.nodes):
            script = collect_script(self._run(number))
            commands.append(Command("collect", "localhost", ssh_words(node, script)))
        return commands

    def open(self, say: Callable[[str], None]) -> Plan:
        """Bring the bundle to every node that has not got it, all at once."""
        packed = bundle()
        nodes = list({_machine(node): node for node in self._plan.nodes}.values())
        looks = [(node, self._call(node, look_script(node, packed.sha256))) for node in nodes]
        needing = [
            node for node, call in looks if call.result("looking for the suite", LOOK_TIMEOUT_S).strip() != b"have"
        ]
        if needing:
            hosts = ", ".join(dict.fromkeys(node.host for node in needing))
            say(f"copying the suite ({len(packed.content) / 1024:,.0f} KiB) to {hosts} and making it ready there")
        installs = [self._call(node, install_script(node, packed.sha256), packed.content) for node in needing]
        for call in installs:
            call.result("installing the suite", INSTALL_TIMEOUT_S)
        for call in [self._call(node, check_script(node, packed.sha256)) for node in nodes]:
            call.result("loading the suite", CHECK_TIMEOUT_S)
        self._try_target(nodes, say)
        return self._plan

    def _try_target(self, nodes: Sequence[Node], say: Callable[[str], None]) -> None:
        """Say from where the target does not answer; the run goes on, for a proxy there may know the way."""
        if self._plan.embedded:
            return  # it is not up yet, and every node is this machine
        host, port = host_and_port(self._plan.target)
        calls = [self._call(node, reach_script(node, bundle().sha256, host, port)) for node in nodes]
        for call in calls:
            try:
                call.result(f"reaching the target {self._plan.target}", LOOK_TIMEOUT_S)
            except GeneratorError as error:
                say(f"warning: {error}")

    def start(self, plan: Plan) -> list[Worker]:
        """Open a tunnel to each node and start its workers at the other end."""
        logs, sha256 = folder_of(plan).logs, bundle().sha256
        for number, node in enumerate(plan.nodes):
            with uninterrupted():
                self._outposts.append(SshOutpost(node, sha256, self._run(number), logs, plan.master_port))
        secrets = secrets_of_workers()
        workers: list[Worker] = []
        for number, outpost in enumerate(self._outposts):
            port = outpost.tunnel_port()
            outpost.begin(plan.to_json(), secrets)
            python = outpost.node.python or f"{outpost.bundle}/{PYTHON}"
            locustfile = f"{outpost.bundle}/locustfile.py"
            ground = Ground("127.0.0.1", f"{port}", RunFolder(Path(outpost.folder)), python, locustfile)
            workers += [outpost.start(command) for command in self._commands(plan, number, ground)]
        return workers

    def collect(self) -> None:
        """Fetch logs and spools. Raises GeneratorError where a node does not give them; the others' are fetched."""
        complaints: list[str] = []
        calls = [
            (outpost, self._call(outpost.node, collect_script(outpost.run)))
            for outpost in self._outposts
            if outpost.begun
        ]
        for outpost, call in calls:
            try:
                packed = io.BytesIO(call.result("collecting logs and spools", COLLECT_TIMEOUT_S))
                unpack(packed, folder_of(self._plan).path, WORKER_FILES)
            except GeneratorError as error:
                complaints.append(f"{error} (they are in {outpost.folder} there)")
        self._collected = not complaints
        if complaints:
            raise GeneratorError("; ".join(complaints))

    def close(self) -> None:
        """End everything there; what was collected is removed there, the bundle stays for the next run."""
        for call in self._calls:
            call.kill()
        for outpost in self._outposts:
            outpost.dismiss(DISMISS_TIMEOUT_S, remove=self._collected)
        self._outposts.clear()

    def _call(self, node: Node, script: str, content: bytes = b"") -> SshCall:
        with uninterrupted():
            self._calls.append(SshCall(node, script, content))
        return self._calls[-1]

    def _run(self, number: int) -> str:
        """Names the run's folder on the node with that number; two nodes may be one machine."""
        folder = Path(self._plan.folder)
        return f"{folder.parent.name}-{folder.name}-{os.getpid()}-{number}"

    def _commands(self, plan: Plan, number: int, ground: Ground) -> list[Command]:
        """The workers of the node with that number."""
        before = sum(node.workers for node in plan.nodes[:number])
        node = plan.nodes[number]
        return [worker_command(plan, index, node, ground) for index in range(before, before + node.workers)]


def _machine(node: Node) -> tuple[object, ...]:
    """What tells one bundle's place from another."""
    return node.host, node.user, node.port, node.identity_file, node.python

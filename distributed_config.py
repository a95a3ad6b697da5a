"""Who generates the load: nodes, workers, regions. As a script: the resolved plan and each exact command per node."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence

from acgs_load.cli import FlagParser, plan_from, print_sizing, told

_PROGRAM = "distributed_config.py"
_DESCRIPTION = """Shows what run_load_test.py would do with the same flags: the resolved plan, where each value came
from, and each exact command, node by node. Starts nothing and writes nothing."""


def commands_by_node(flags: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The shell commands to start on each host, the master's first. Raises UsageError as ``run_load_test.py`` would."""
    from acgs_load.fleet.choice import place_of

    plan = plan_from(flags, environ)
    result: dict[str, list[str]] = {}
    for command in place_of(plan).steps():
        result.setdefault(command.host, []).append(command.shell())
    return result


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """The exit code: 0, or 2 where the settings are wrong."""
    parser = FlagParser(_PROGRAM, _DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="print JSON")
    manifests = "print the manifests of --place kubernetes and nothing else, for kubectl apply -f -"
    parser.add_argument("--manifests", action="store_true", help=manifests)
    given = sys.argv[1:] if argv is None else argv
    variables = os.environ if environ is None else environ
    return told(_PROGRAM, lambda: _show(parser, given, variables))


def _show(parser: FlagParser, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    flags = parser.flags(argv)
    if "plan_capacity" in flags:
        return print_sizing(float(str(flags["plan_capacity"])))
    as_json = bool(flags.pop("json"))
    only_manifests = bool(flags.pop("manifests"))
    plan = plan_from(flags, environ)
    from acgs_load.cli_plan import plan_document, print_manifests, print_plan

    if only_manifests:
        print_manifests(plan, sys.stdout)
    elif as_json:
        print(json.dumps(plan_document(plan), indent=2, ensure_ascii=False))
    else:
        print_plan(plan, sys.stdout)
    print(end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

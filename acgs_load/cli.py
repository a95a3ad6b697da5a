"""The command line of ``run_load_test.py``: flags from the table of settings, one line for what is wrong.

Imports nothing that is slow: ``--help`` must answer at once. What a run needs is imported when a run begins.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from acgs_load import __version__
from acgs_load.errors import ExitCode, LoadTestError, UsageError, resource_error
from acgs_load.outlet import complain, let_go, spell_any_letter
from acgs_load.settings_table import CONFIG_FILE_VARIABLE, SECRETS, SETTINGS, Setting

if TYPE_CHECKING:
    from acgs_load.plan import Plan

_PROGRAM = "run_load_test.py"
_REPEATABLE = {"thresholds": "EXPRESSION", "hosts": "HOST"}
_PIPE_CLOSED = 141
"""128 + SIGPIPE, as shells count."""
_DESCRIPTION = """Load test of ACGS: drives traffic, checks every answer, measures, judges. The exit code is the
verdict: 0 passed, 1 a threshold failed, 2 wrong usage, 3 target unreachable or not the one expected, 4 results not
trustworthy, 5 nothing measured, 130 interrupted."""
_EPILOG = f"""Every setting can also be given by its UPPER_CASE key in --config-file (schemas/config.schema.json), and
most by an environment variable; a flag beats the file, the file beats the environment. Secrets come only from the
environment: {", ".join(SECRETS)}."""


class FlagParser(argparse.ArgumentParser):
    """An argparse parser that raises UsageError instead of exiting, and suggests the flag that was meant."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, epilog=_EPILOG, allow_abbrev=False)
        self.add_argument("--version", action="version", version=f"{prog} {__version__}")
        help_text = f"JSON or YAML file of settings (environment: {CONFIG_FILE_VARIABLE})"
        self.add_argument("--config-file", metavar="FILE", help=help_text)
        plan_help = (
            "plan.json of an earlier run: play exactly that (only --test-name and --output go with it);"
            " in its own folder, where nothing was played there yet"
        )
        self.add_argument("--plan", metavar="FILE", help=plan_help)
        size_help = "print what machinery so many requests a second take, from measured figures; start nothing"
        self.add_argument("--plan-capacity", metavar="RPS", type=float, help=size_help)
        for setting in SETTINGS:
            if setting.flag is not None:
                self._add(setting.flag, setting)

    def _add(self, flag: str, setting: Setting) -> None:
        about = _about(setting).replace("%", "%%")
        if setting.kind == "switch":
            action = "store_false" if setting.default else "store_true"
            self.add_argument(flag, dest=setting.name, action=action, default=None, help=about)
        elif setting.kind in _REPEATABLE:
            self.add_argument(flag, dest=setting.name, action="append", metavar=_REPEATABLE[setting.kind], help=about)
        else:
            # the settings check the text, so that every source is told the same in the same words
            self.add_argument(flag, dest=setting.name, metavar=flag.rpartition("-")[2].upper(), help=about)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message}; see {self.prog} --help")

    def flags(self, argv: Sequence[str]) -> dict[str, object]:
        """The flags given, by setting name, and those of the door. Raises UsageError for an unknown one."""
        known, strange = self.parse_known_args(argv)
        if strange:
            found = get_close_matches(strange[0].partition("=")[0], list(self._option_string_actions), n=1)
            hint = f"did you mean {found[0]}?" if found else f"see {self.prog} --help"
            raise UsageError(f"{strange[0]} is no flag; {hint}")
        return {name: value for name, value in vars(known).items() if value is not None}


def _about(setting: Setting) -> str:
    shown = setting.default if isinstance(setting.default, str | int) else None
    facts = [f"environment: {setting.env}"] if setting.env else []
    if shown is not None and not isinstance(shown, bool):
        facts.insert(0, f"default: {shown}")
    return f"{setting.help} ({'; '.join(facts)})" if facts else setting.help


def run_load_test(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """The exit code of ``run_load_test.py``. What the user can act on is told in one line on standard error."""
    parser = FlagParser(_PROGRAM, _DESCRIPTION)
    parser.add_argument("--dry-run", action="store_true", default=None, help="print plan and commands; start nothing")
    given = sys.argv[1:] if argv is None else argv
    variables = os.environ if environ is None else environ
    return told(_PROGRAM, lambda: _run(parser, given, variables))


def told(program: str, door: Callable[[], int]) -> int:
    """What ``door`` gives; an error of ours becomes one line on standard error and its exit code."""
    spell_any_letter()
    try:
        return door()
    except LoadTestError as error:
        complain(program, f"error: {error.line}")
        return int(error.exit_code)
    except BrokenPipeError:
        # whoever read standard output has gone (head, a pager)
        let_go(sys.stdout)
        return _PIPE_CLOSED
    except (OSError, MemoryError) as error:
        if (fault := resource_error(error)) is None:
            raise
        complain(program, f"error: {fault.line}")
        return int(fault.exit_code)
    except KeyboardInterrupt:
        complain(program, "interrupted")
        return int(ExitCode.INTERRUPTED)


def plan_from(flags: Mapping[str, object], environ: Mapping[str, str]) -> Plan:
    """The plan that flags, file and environment make on this machine, for a folder that does not exist yet.

    Raises UsageError.
    """
    from acgs_load.profiles import plan_for
    from acgs_load.settings import resolve

    if "plan" in flags:
        from acgs_load.cli_written_plan import written_plan

        return written_plan(flags, _stamp())
    settings = resolve(flags, environ)
    if settings.baseline is not None:
        settings = dataclasses.replace(settings, baseline=_baseline(settings.said("BASELINE"), settings.baseline))
    if settings.ca_file is not None:
        settings = dataclasses.replace(settings, ca_file=_ca_file(settings.said("CA_FILE"), settings.ca_file))
    name = settings.test_name or settings.test_type
    folder = Path(settings.output, name, _stamp()).absolute()
    return plan_for(settings, str(folder), _cpus())


def _stamp() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _baseline(said: str, folder: str) -> str:
    """The folder of an earlier run, absolute: to learn after the run that there is none would be late."""
    path = Path(folder).absolute()
    if not os.path.isfile(path / "plan.json"):  # pathlib raises for names that are too long
        raise UsageError(f"{said} {folder}: holds no run; name the folder of a finished one, with its plan.json")
    return str(path)


def _ca_file(said: str, file: str) -> str:
    """The file of authorities, absolute: the processes of the run may start elsewhere."""
    path = Path(file).absolute()
    if not os.path.isfile(path):
        raise UsageError(f"{said} {file}: no such file; name a PEM file of the authorities to trust")
    from acgs_load.authorities import trusting

    trusting(str(path))
    return str(path)


def _cpus() -> int:
    """CPUs that this process may use; not every platform tells them apart from those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def print_sizing(rps: float) -> int:
    """What ``--plan-capacity`` prints; gives the exit code. Raises UsageError for no such rate."""
    from acgs_load.fleet.sizing import measured_figures, sizing, sizing_text

    figures = measured_figures()
    print(sizing_text(sizing(rps, figures), figures))
    return int(ExitCode.PASSED)


def _run(parser: FlagParser, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    flags = parser.flags(argv)
    if "plan_capacity" in flags:
        return print_sizing(float(str(flags["plan_capacity"])))
    dry_run = bool(flags.pop("dry_run", False))
    plan = plan_from(flags, environ)
    from acgs_load.cli_permission import missing_permission, permitted, terminal

    if dry_run:
        from acgs_load.cli_plan import print_plan

        print_plan(plan, sys.stdout)
        if (missing := missing_permission(plan, environ)) is not None:
            print(f"\npermission\n  {missing}")
        print(end="", flush=True)  # here, where a pipe that is closed is told apart from what else goes wrong
        return int(ExitCode.PASSED)
    plan = permitted(plan, environ, terminal())
    from acgs_load import session
    from acgs_load.run_folder import RunFolder, create_run_folder, write_atomically

    path = Path(plan.folder)
    ready = "plan" in flags and path == Path(str(flags["plan"])).absolute().parent
    folder = RunFolder(path) if ready else create_run_folder(path.parents[1], plan.name)
    plan = dataclasses.replace(plan, folder=str(folder.path))
    write_atomically(folder.plan, plan.to_json())
    return int(session.run(plan, folder))

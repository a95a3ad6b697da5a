"""The command line of ``performance_analyzer.py``: a finished run or Locust's CSV files in, a verdict out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from rich.console import Console

import acgs_load
from acgs_load.analysis.comparing import door as compare_door
from acgs_load.analysis.csv_report import report_of_csv
from acgs_load.analysis.exports import KINDS, export
from acgs_load.analysis.github import announce
from acgs_load.analysis.judge import report_of
from acgs_load.analysis.progress import Bar
from acgs_load.analysis.reading.load import Run, load_run
from acgs_load.analysis.reading.locust_csv import find_prefix, read_locust_csv
from acgs_load.analysis.report import Report
from acgs_load.analysis.terminal import print_report
from acgs_load.analysis.watch import watch
from acgs_load.analysis.write import write_report
from acgs_load.errors import ExitCode, LoadTestError, UsageError, resource_error
from acgs_load.outlet import complain, lasting_output, spell_any_letter
from acgs_load.plan import ThresholdText
from acgs_load.profile_acceptance import as_breaking
from acgs_load.run_folder import RunFolder
from acgs_load.salvage import salvage
from acgs_load.thresholds import check, read

_PROGRAM = "performance_analyzer.py"
_DESCRIPTION = """Judges a finished run: writes report.html, report.md, report.json, junit.xml and charts, prints the
verdict, and ends with its exit code: 0 passed, 1 a threshold failed, 2 wrong usage, 4 results not trustworthy,
5 nothing measured, 130 the run was interrupted. Two runs against each other: compare BASE NEW."""
WIDTH_MIN = 80


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise UsageError, so that every mistake is told in one line."""
        raise UsageError(f"{message}; see {_PROGRAM} --help")


def run_analyzer(argv: Sequence[str] | None = None) -> int:
    """The exit code: the verdict's, or that of what went wrong, which is told in one line."""
    spell_any_letter()
    try:
        words = sys.argv[1:] if argv is None else list(argv)
        if words[:1] == [compare_door.WORD]:
            return compare_door.compare(_compare_parser().parse_args(words[1:]), _console())
        options = _parser().parse_args(words)
        console = _console()
        if options.watch is not None:
            return watch(_watched(options), console)
        return _analyse(options, console)
    except LoadTestError as error:
        complain(_PROGRAM, f"error: {error.line}")
        return int(error.exit_code)
    except (OSError, MemoryError) as error:
        if (fault := resource_error(error)) is None:
            raise
        complain(_PROGRAM, f"error: {fault.line}")
        return int(fault.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=_PROGRAM, description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("path", nargs="?", metavar="PATH", help="run folder, or Locust's --csv prefix, folder or file")
    parser.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="EXPRESSION",
        help="demand this too, e.g. 'latency_p95_ms <= 500'; replaces the run's own on the same subject; repeatable",
    )
    parser.add_argument("--baseline", metavar="FOLDER", help="run folder to compare with; a regression fails the run")
    compare_door.add_limit(parser)
    parser.add_argument("--output", metavar="DIR", help="where to write the report; beside the input when absent")
    parser.add_argument("--json-only", action="store_true", help="write report.json alone")
    parser.add_argument(
        "--export",
        action="append",
        default=[],
        choices=list(KINDS),
        help="write the run's windows as windows.csv or .parquet, or its distributions as .hgrm, too; repeatable",
    )
    parser.add_argument(
        "--github", action="store_true", help="append the report to GitHub's step summary and annotate the job"
    )
    parser.add_argument(
        "--watch", metavar="DIR", help="analyse every finished run under DIR, and new ones, until ended"
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {acgs_load.__version__}")
    return parser


def _compare_parser() -> argparse.ArgumentParser:
    description = compare_door.DESCRIPTION
    parser = _Parser(prog=f"{_PROGRAM} {compare_door.WORD}", description=description, allow_abbrev=False)
    compare_door.add_arguments(parser)
    return parser


def _console() -> Console:
    """Without a terminal, 120 columns, so that a log's lines are not cut where nobody sees."""
    console = Console(file=lasting_output(), highlight=False)
    if console.is_terminal and console.width >= WIDTH_MIN:
        return console
    return Console(file=lasting_output(), highlight=False, width=120)


def _watched(options: argparse.Namespace) -> Path:
    alone = ("path", "threshold", "baseline", "output", "json_only", "export", "github")
    if any(getattr(options, name) for name in alone):
        raise UsageError("--watch stands alone: every run is judged by its own plan")
    folder = Path(options.watch)
    if not folder.is_dir():
        raise UsageError(f"--watch {folder}: no such folder")
    return folder


def _analyse(options: argparse.Namespace, console: Console) -> int:
    if options.path is None:
        raise UsageError("name a run folder or Locust's CSV files, or --watch DIR; see --help")
    path = Path(options.path)
    given = tuple(ThresholdText(expression, "flag") for expression in options.threshold)
    if options.max_regression is not None and options.baseline is None:
        raise UsageError("--max-regression: there is nothing to compare with; add --baseline FOLDER")
    with Bar() as bar:
        report, home, run = _report(path, given, options, bar)
        home = Path(options.output) if options.output else home
        bar.stage("writing the report")
        written = write_report(report, home, json_only=options.json_only)
        files = export(run, options.export, home) if run else []
    print_report(replace(report, written=str(written)), console)
    for file in files:
        console.print(f"export {file}", soft_wrap=True, highlight=False)
    if options.github:
        announce(report, os.environ, lasting_output())
    return int(report.verdict.exit_code)


def _report(
    path: Path, given: tuple[ThresholdText, ...], options: argparse.Namespace, bar: Bar
) -> tuple[Report, Path, Run | None]:
    """The report, the folder it belongs in, and the run. Only a baseline that was named here may fail the run."""
    baseline, allowed = options.baseline, compare_door.allowed_share(options)
    bar.stage(f"reading {path}")
    if path.is_dir() and _is_run(path):
        salvage(RunFolder(path.absolute()))
        run = load_run(RunFolder(path.absolute()), bar.told)
        bar.stage("judging")
        decisive = None if baseline is None else allowed
        judged = rejudged(run, given, baseline)
        report = report_of(run, thresholds=judged, baseline=baseline, max_regression=decisive, told=bar.told)
        return report, path, run
    if baseline is not None:
        raise UsageError("--baseline needs a run folder; Locust's CSV files hold no distributions to compare")
    if options.export:
        raise UsageError("--export needs a run folder; Locust's CSV files hold no windows")
    prefix = find_prefix(path)
    if options.output is None and _is_run(prefix.parent):
        raise UsageError(
            f"{path}: lies in the folder of a run, whose own report this would replace; name the folder, "
            "or an --output for what the CSV files alone can tell"
        )
    return report_of_csv(read_locust_csv(prefix, bar.told), given), prefix.parent, None


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("plan.json", "windows.jsonl", "run.json"))


def rejudged(run: Run, given: Sequence[ThresholdText], baseline: str | None) -> tuple[ThresholdText, ...]:
    """The run's own thresholds and the given ones, which replace those on the same subject.

    Raises UsageError where one cannot be read or does not fit the run.
    """
    plan = replace(run.plan, baseline=baseline or run.plan.baseline)
    fresh = as_breaking(given) if any(text.breaking for text in plan.thresholds) else tuple(given)
    for text in fresh:
        check(read(text), plan)
    subjects = {read(text).subject for text in fresh}
    return (*(text for text in plan.thresholds if read(text).subject not in subjects), *fresh)

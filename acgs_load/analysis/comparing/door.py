"""``performance_analyzer.py compare BASE NEW``: did it become slower? Says so, and ends with 1 if it did."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from acgs_load.analysis.comparing.regressions import read_share
from acgs_load.analysis.comparing.table import print_comparison
from acgs_load.analysis.judge import report_of
from acgs_load.analysis.progress import Bar
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.write import write_report
from acgs_load.errors import UsageError
from acgs_load.run_folder import RunFolder

WORD = "compare"
DESCRIPTION = """Compares two finished runs, figure by figure: regression, improvement, no difference, or too little
data. Ends with 0; 1 when a figure became worse by more than is allowed; 2 wrong usage; 4 one of the runs cannot be
trusted; 5 nothing measured."""
DEFAULT = "5%"


def add_limit(parser: argparse.ArgumentParser) -> None:
    """The flag that says how much worse a figure may become."""
    parser.add_argument(
        "--max-regression",
        metavar="SHARE",
        help=f"how much worse than the baseline a figure may become: 5%% or 0.05 (default {DEFAULT}%)",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("base", metavar="BASE", help="folder of the run to compare with")
    parser.add_argument("new", metavar="NEW", help="folder of the run that is judged")
    add_limit(parser)
    parser.add_argument("--output", metavar="DIR", help="write the report of NEW with the comparison there")


def allowed_share(options: argparse.Namespace) -> float:
    """What ``--max-regression`` allows. Raises UsageError for what is no share."""
    return read_share(options.max_regression or DEFAULT, "--max-regression")


def compare(options: argparse.Namespace, console: Console) -> int:
    """The exit code of the comparison, which is printed. Thresholds of NEW take no part: only the comparison decides.

    Raises UsageError where a folder holds no run, and NothingMeasuredError where NEW counted no request.
    """
    allowed = allowed_share(options)
    folder = Path(options.new)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; compare takes the folders of two finished runs")
    with Bar() as bar:
        bar.stage(f"reading {folder}")
        run = load_run(RunFolder(folder.absolute()), bar.told)
        bar.stage(f"comparing with {options.base}")
        report = report_of(run, thresholds=(), baseline=options.base, max_regression=allowed, told=bar.told)
        bar.stage("writing the report")
        written = write_report(report, Path(options.output)) if options.output else None
    print_comparison(report, console)
    if written is not None:
        console.print(f"report {written}", soft_wrap=True, highlight=False, markup=False)
    return int(report.verdict.exit_code)

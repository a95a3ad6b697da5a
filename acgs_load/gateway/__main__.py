"""``python -m acgs_load.gateway``: the reference ACGS on a port."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from acgs_load.contract import DEFAULT_CONSTITUTIONAL_HASH
from acgs_load.errors import ExitCode, LoadTestError, UsageError
from acgs_load.gateway.faults import describe_faults, parse_faults

PORT_MOST = 65_535
WORKERS_MOST = 64
SOLVERS_MOST = 16
_HASH = re.compile(r"[!-~]{1,256}", re.ASCII)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until stopped; the exit code: 0 stopped, 2 wrong flags or store, 3 the port is taken."""
    try:
        told = _parser().parse_args(arguments)
        faults = parse_faults(told.fault)
        _check(told)
        from acgs_load.gateway.launch import serve  # here, so that --help and wrong flags are quick
        from acgs_load.gateway.worker import Options

        options = Options(
            host=told.host,
            port=told.port,
            store=Path(),
            workers=told.workers,
            solvers=told.solvers,
            constitutional_hash=told.hash,
            token_lifetime_s=told.token_seconds,
            faults=faults,
            fault_after_s=told.fault_after,
        )
        serve(options, told.store, told.log)
    except LoadTestError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:  # before the server took the signals over
        return int(ExitCode.INTERRUPTED)
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like every other."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raises UsageError in place of argparse's page."""
        raise UsageError(f"{message}; --help tells the flags")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m acgs_load.gateway",
        description="The reference ACGS: every operation of the contract, answered truthfully.",
        epilog=f"defects that --fault plants:\n{describe_faults()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default %(default)s)")
    parser.add_argument(
        "--store", type=Path, metavar="PATH", help="file that keeps everything; none: kept for this run"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="server processes (default %(default)s)")
    parser.add_argument("--solvers", type=int, default=2, metavar="N", help="Z3 processes per worker (default 2)")
    parser.add_argument(
        "--token-seconds", type=int, default=3600, metavar="N", help="lifetime of a token (default %(default)s)"
    )
    parser.add_argument("--hash", default=DEFAULT_CONSTITUTIONAL_HASH, help="constitutional hash (default %(default)s)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append one line for each request answered")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[=VALUE]", help="plants a defect; may be repeated"
    )
    parser.add_argument(
        "--fault-after",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="defects begin so long after the first login (default: at once; health-late never waits)",
    )
    return parser


def _check(told: argparse.Namespace) -> None:
    """Raises UsageError for a number out of its range or a hash that no header can carry."""
    ranges = {"port": (0, PORT_MOST), "workers": (1, WORKERS_MOST), "solvers": (1, SOLVERS_MOST)}
    ranges |= {"token_seconds": (1, 10**9), "fault_after": (0, 10**9)}
    for name, (least, most) in ranges.items():
        value = getattr(told, name)
        if not least <= value <= most:
            raise UsageError(f"--{name.replace('_', '-')} {value}: expected {least} to {most}")
    if not _HASH.fullmatch(told.hash):
        raise UsageError(f"--hash {told.hash!a}: expected printable ASCII without spaces")


if __name__ == "__main__":
    sys.exit(main())

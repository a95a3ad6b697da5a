"""One family of errors; each knows the exit code that the process ends with (measures, "Verdict and exit code")."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Why a process ended."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    TARGET = 3
    INVALID = 4
    NOTHING_MEASURED = 5
    INTERRUPTED = 130


class LoadTestError(Exception):
    """Something the user can act on. The message says what failed, with what value, and what to do."""

    exit_code = ExitCode.FAILED


class UsageError(LoadTestError):
    """Wrong flag, setting or file; nothing was sent."""

    exit_code = ExitCode.USAGE


class TargetError(LoadTestError):
    """The target is unreachable, unhealthy or not the one expected; nothing was sent."""

    exit_code = ExitCode.TARGET


class GeneratorError(LoadTestError):
    """The load generator itself failed, so what was measured cannot be trusted."""

    exit_code = ExitCode.INVALID


class NothingMeasuredError(LoadTestError):
    """There is no sample to judge."""

    exit_code = ExitCode.NOTHING_MEASURED
